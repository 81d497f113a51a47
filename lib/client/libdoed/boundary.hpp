// SPDX-License-Identifier: Apache-2.0
//
// Where C calls in: nothing is thrown beyond it. Texts and bytes that leave for free().
#pragma once

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <new>
#include <span>
#include <string_view>
#include <utility>

namespace doed::client {

/// What `work` returns; -ENOMEM when memory ran out, -EIO for any other exception.
template <typename Work>
int guarded(Work&& work) noexcept {
    try {
        return std::forward<Work>(work)();
    } catch (const std::bad_alloc&) {
        return -ENOMEM;
    } catch (...) {
        return -EIO;
    }
}

/// Gives `value` out as far as the caller knows the structure; what the caller knows beyond it is zero.
template <typename T>
int fill(T* out, T value) noexcept {
    if (out == nullptr || out->size <= sizeof(out->size)) {
        return -EINVAL;
    }
    const std::size_t room = out->size;
    value.size = std::min(room, sizeof(T));
    if (room > sizeof(T)) {
        std::memset(reinterpret_cast<unsigned char*>(out) + sizeof(T), 0, room - sizeof(T));
    }
    std::memcpy(static_cast<void*>(out), &value, value.size);
    return 0;
}

/// A copy for free(), with a zero behind it. nullptr: no memory.
[[nodiscard]] inline char* copied(std::string_view text) noexcept {
    auto* copy = static_cast<char*>(std::malloc(text.size() + 1));
    if (copy != nullptr) {
        std::copy(text.begin(), text.end(), copy);
        copy[text.size()] = '\0';
    }
    return copy;
}

}  // namespace doed::client
