// SPDX-License-Identifier: Apache-2.0
//
// Lines for standard output that are read while they come: each is written at once and whole. A reader that has gone away
// ends it quietly, as `doectl monitor | head` wants it; and so does what is to end the program, also while a reader that has
// stopped is waited for.
#pragma once

#include "client/failure.hpp"

#include <span>
#include <string_view>
#include <vector>

#include <poll.h>

namespace doed::client {

class OutputLines {
public:
    /// Writes to `out`, which stays open, until one of `ends` is ready. From here on writing to a pipe without a reader is an
    /// error, and no signal.
    explicit OutputLines(int out, std::span<const pollfd> ends = {});

    /// `text`: whole lines. False: it is to end, nobody reads any more, or it cannot be written (outcome()).
    [[nodiscard]] bool write(std::string_view text);

    /// To be waited for: something to say when the reader has gone away.
    [[nodiscard]] pollfd reader_gone() const noexcept { return {out_, 0, 0}; }

    /// What went wrong, other than the reader's going away.
    [[nodiscard]] const Outcome<void>& outcome() const noexcept { return outcome_; }

private:
    [[nodiscard]] bool wait_for_room();
    void fail(int error);

    int out_;
    std::vector<pollfd> waited_;  ///< out_, then what ends it
    Outcome<void> outcome_;
};

}  // namespace doed::client
