// SPDX-License-Identifier: Apache-2.0
//
// Precompiled for every unit test program. Without an include guard: GCC warns of one in a file it compiles by itself.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
