// SPDX-License-Identifier: Apache-2.0
//
// A child of the test's process, which keeps copies of all descriptors that the test has when it is made, as any program does
// that forks and does not exec.
#pragma once

#include "base/unique_fd.hpp"

#include <csignal>
#include <functional>

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

namespace doed::client {

class ChildWithCopies {
public:
    /// Returns when the child has done `first`.
    explicit ChildWithCopies(const std::function<void()>& first) {
        int ready[2];
        EXPECT_EQ(::pipe(ready), 0);
        const base::UniqueFd read_end(ready[0]);
        const base::UniqueFd write_end(ready[1]);
        child_ = ::fork();
        EXPECT_GE(child_, 0);
        if (child_ == 0) {
            first();
            (void)!::write(write_end.get(), "", 1);
            ::alarm(60);
            ::pause();
            ::_exit(0);
        }
        char byte = 0;
        EXPECT_EQ(::read(read_end.get(), &byte, 1), 1);
    }
    ChildWithCopies(const ChildWithCopies&) = delete;
    ChildWithCopies& operator=(const ChildWithCopies&) = delete;
    ~ChildWithCopies() {
        if (child_ > 0) {
            ::kill(child_, SIGKILL);
            ::waitpid(child_, nullptr, 0);
        }
    }

private:
    pid_t child_ = -1;
};

}  // namespace doed::client
