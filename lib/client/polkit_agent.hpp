// SPDX-License-Identifier: Apache-2.0
//
// pkttyagent of polkit(8), which asks for passwords on the terminal that doectl runs on. It stands back where another agent,
// of a desktop say, serves the session.
#pragma once

#include <sys/types.h>

namespace doed::client {

class PolkitAgent {
public:
    PolkitAgent() = default;
    PolkitAgent(const PolkitAgent&) = delete;
    PolkitAgent& operator=(const PolkitAgent&) = delete;
    /// Ends it, and waits until it has ended.
    ~PolkitAgent();

    /// Returns when polkit knows the agent, or at once when pkttyagent is missing or will not do: an agent of the session may
    /// be there all the same. Only the first call starts one.
    void start();

private:
    pid_t agent_ = -1;
};

}  // namespace doed::client
