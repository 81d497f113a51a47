// SPDX-License-Identifier: Apache-2.0
//
// Standard input, output and error as doectl may get them: closed, or full.
#pragma once

#include <string_view>

namespace doed::client {

/// To be called before anything is opened: those that are closed are occupied by what refuses to be used as they do, so that
/// no socket of the bus gets their number and what is meant for people.
void occupy_standard_files() noexcept;

/// "doectl: LINE" on standard error. Where nobody can be told nothing is, and the exit status has to do.
void tell(std::string_view line);

}  // namespace doed::client
