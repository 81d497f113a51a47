// SPDX-License-Identifier: Apache-2.0
//
// A program that is linked with counted_allocations.cpp counts what its threads allocate, where they ask for it.
#pragma once

#include <cstddef>

namespace doed::test {

/// Counts this thread's allocations, or does not, as long as it lives.
class CountAllocations {
public:
    explicit CountAllocations(bool on) noexcept;
    CountAllocations(const CountAllocations&) = delete;
    CountAllocations& operator=(const CountAllocations&) = delete;
    ~CountAllocations();

private:
    bool before_;
};

/// Of this thread, since it began.
[[nodiscard]] std::size_t counted_allocations() noexcept;

struct AllocationsByKind {
    std::size_t objects = 0;  ///< by operator new
    std::size_t blocks = 0;   ///< by aligned_alloc(): Asio's, for what is to run
};
/// Of all threads that count, since the program began.
[[nodiscard]] AllocationsByKind allocations_of_all_threads() noexcept;

}  // namespace doed::test
