// SPDX-License-Identifier: Apache-2.0
//
// Lines for standard output that are read while they come: each is written at once and whole. A reader that has gone away
// ends it quietly, as `doectl monitor | head` wants it.
#pragma once

#include "client/failure.hpp"

#include <string_view>

#include <poll.h>

namespace doed::client {

class OutputLines {
public:
    /// Writes to `out`, which stays open. From here on writing to a pipe without a reader is an error, and no signal.
    explicit OutputLines(int out);

    /// `text`: whole lines. False: nobody reads any more, or it cannot be written (failure()).
    [[nodiscard]] bool write(std::string_view text);

    /// To be waited for: something to say when the reader has gone away.
    [[nodiscard]] pollfd reader_gone() const noexcept { return {out_, 0, 0}; }

    /// What went wrong, other than the reader's going away.
    [[nodiscard]] const Outcome<void>& outcome() const noexcept { return outcome_; }

private:
    int out_;
    Outcome<void> outcome_;
};

}  // namespace doed::client
