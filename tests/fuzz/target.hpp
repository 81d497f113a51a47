// SPDX-License-Identifier: Apache-2.0
//
// What a target is: it takes any bytes, returns, and has promises of its own that DOED_ASSERT states. libFuzzer calls it
// with what it makes up, replay_main.cpp with the corpus.
#pragma once

#include "base/assert.hpp"
#include "fuzz/input.hpp"

#include <cstddef>
#include <cstdint>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size_bytes);
