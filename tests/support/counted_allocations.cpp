// SPDX-License-Identifier: Apache-2.0
//
// The program's operator new, and the aligned_alloc() that Asio gets its memory from. In a file of its own: a compiler that
// sees half of a pair inlined takes it for a mistake.
#include "support/counted_allocations.hpp"

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <new>
#include <utility>

namespace doed::test {

namespace {

thread_local bool counting = false;
thread_local std::size_t allocations = 0;
std::atomic<std::size_t> all_objects = 0;
std::atomic<std::size_t> all_blocks = 0;

void note_one(std::atomic<std::size_t>& of_all) noexcept {
    if (counting) {
        ++allocations;
        of_all.fetch_add(1, std::memory_order_relaxed);
    }
}

}  // namespace

CountAllocations::CountAllocations(bool on) noexcept : before_(std::exchange(counting, on)) {}

CountAllocations::~CountAllocations() {
    counting = before_;
}

std::size_t counted_allocations() noexcept {
    return allocations;
}

AllocationsByKind allocations_of_all_threads() noexcept {
    return {.objects = all_objects.load(std::memory_order_relaxed),
            .blocks = all_blocks.load(std::memory_order_relaxed)};
}

}  // namespace doed::test

extern "C" void* aligned_alloc(std::size_t alignment, std::size_t size) noexcept {
    doed::test::note_one(doed::test::all_blocks);
    void* memory = nullptr;
    return ::posix_memalign(&memory, std::max(alignment, sizeof(void*)), size) == 0 ? memory
                                                                                    : nullptr;
}

void* operator new(std::size_t size) {
    doed::test::note_one(doed::test::all_objects);
    if (void* const memory = std::malloc(size != 0 ? size : 1)) {
        return memory;
    }
    throw std::bad_alloc();
}

void operator delete(void* memory) noexcept {
    std::free(memory);
}

void operator delete(void* memory, std::size_t) noexcept {
    std::free(memory);
}
