// SPDX-License-Identifier: Apache-2.0
//
// Precompiled for every unit test program.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>
