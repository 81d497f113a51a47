// SPDX-License-Identifier: Apache-2.0
//
// Failures as people read them: kept apart from what libdoed needs of failures.
#include "client/failure.hpp"
#include "client/text.hpp"

namespace doed::client {

std::string Failure::line() const {
    std::string text = message_;
    if (!dbus_name_.empty()) {
        text += " (" + dbus_name_ + ")";
    }
    if (!advice_.empty()) {
        text += "; " + advice_;
    }
    return printable(text);
}

}  // namespace doed::client
