// SPDX-License-Identifier: Apache-2.0
//
// System calls that a signal may end early.
#pragma once

#include <cerrno>

namespace doed::pci {

/// The result of `call` once it is something else than -1 with EINTR.
template <typename Call>
auto retry_interrupted(Call call) {
    auto result = call();
    while (result < 0 && errno == EINTR) {
        result = call();
    }
    return result;
}

}  // namespace doed::pci
