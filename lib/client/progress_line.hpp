// SPDX-License-Identifier: Apache-2.0
//
// Tells a person at a terminal what is being waited for, once it takes long: one line on standard error, with the seconds that
// have passed, taken away when the wait is over.
#pragma once

#include <chrono>
#include <string>

namespace doed::client {

class ProgressLine {
public:
    /// `what` as in "reading the CDAT of 0000:0d:00.0/190", printable. `terminal` stays open.
    ProgressLine(int terminal, std::string what);
    ProgressLine(const ProgressLine&) = delete;
    ProgressLine& operator=(const ProgressLine&) = delete;
    /// Erases the line, if there is one.
    ~ProgressLine();

    /// To be told several times a second. Shows the line from half a second on.
    void waited(std::chrono::microseconds elapsed);

private:
    void write(const std::string& text) const;

    int terminal_;
    std::string what_;
    std::chrono::seconds shown_{-1};  ///< as the line says; negative: there is none
};

}  // namespace doed::client
