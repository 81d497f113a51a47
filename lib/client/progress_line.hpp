// SPDX-License-Identifier: Apache-2.0
//
// Tells a person at a terminal what is being waited for, once it takes long: one line on standard error, with the seconds that
// have passed, taken away when the wait is over.
#pragma once

#include <condition_variable>
#include <mutex>
#include <stop_token>
#include <string>
#include <thread>

namespace doed::client {

class ProgressLine {
public:
    /// Appears after half a second; `what` as in "reading the CDAT of 0000:0d:00.0/190", printable. An own thread writes to
    /// `terminal`, which stays open.
    ProgressLine(int terminal, std::string what);
    ProgressLine(const ProgressLine&) = delete;
    ProgressLine& operator=(const ProgressLine&) = delete;
    /// Erases the line, if there is one.
    ~ProgressLine();

private:
    void show(const std::stop_token& over);
    void write(const std::string& text) const;

    int terminal_;
    std::string what_;
    std::mutex mutex_;
    std::condition_variable_any over_;
    std::jthread thread_;
};

}  // namespace doed::client
