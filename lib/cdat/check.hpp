// SPDX-License-Identifier: Apache-2.0
//
// What is wrong with what a table says, as opposed to how it is put together (Table::parse()).
#pragma once

#include "cdat/table.hpp"

namespace doed::cdat {

/// Adds the problems of a table's structures: first those of each by itself, then those between
/// them: handles that nobody has or that two have, ranges that overlap or leave their bounds.
void check_contents(const Table& table, ProblemList& problems);

}  // namespace doed::cdat
