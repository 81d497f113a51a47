// SPDX-License-Identifier: Apache-2.0
//
// DOED_ASSERT states what only a bug in this code base can break; it stays in release builds. Bytes from a device, a
// file or a client are never a bug and never asserted on.
#pragma once

namespace doed::base {

/// Prints the broken condition with its place and aborts.
[[noreturn]] void assertion_failed(const char* condition, const char* file, int line) noexcept;

}  // namespace doed::base

#define DOED_ASSERT(condition)          \
    ((condition) ? static_cast<void>(0) \
                 : ::doed::base::assertion_failed(#condition, __FILE__, __LINE__))
