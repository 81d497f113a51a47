// SPDX-License-Identifier: Apache-2.0
#include "client/events.hpp"

#include <fmt/format.h>

namespace doed::client {

std::string Event::subject() const {
    return offset == 0 ? address : fmt::format("{}/{:x}", address, offset);
}

}  // namespace doed::client
