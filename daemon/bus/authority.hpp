// SPDX-License-Identifier: Apache-2.0
//
// Asks polkit whether a client may do something, without waiting for the answer (polkit(8),
// org.freedesktop.PolicyKit1.Authority). The client is named by its connection to the bus, which
// cannot be taken over by another process. Bus loop only.
#pragma once

#include "base/result.hpp"
#include "base/scheduler.hpp"
#include "daemon/bus/compat.hpp"
#include "daemon/bus/pump.hpp"

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

namespace doed::bus {

enum class Verdict : std::uint8_t {
    authorized,
    challenge,  ///< it would be, if somebody could be asked
    refused,
};

struct AuthorityQuestion {
    std::string client;  ///< unique name
    std::string action;
    bool interactive = false;  ///< polkit may ask a person, which takes minutes
};

class Authority {
public:
    using Answered = std::move_only_function<void(base::Result<Verdict>)>;
    /// Ends a question that nobody waits for any more, and with it what polkit shows a person. Does not keep `answered`, which
    /// may keep this.
    using Cancel = std::function<void()>;

    virtual ~Authority() = default;

    /// Calls `answered` once, later or inside this call, unless the authority is dropped before. Error: io, when polkit
    /// cannot be asked or has not answered by the deadline; where nobody is to be asked, in 10 s.
    virtual Cancel ask(const AuthorityQuestion& question, base::TimePoint deadline,
                       Answered answered) = 0;
};

class Polkit final : public Authority {
public:
    Polkit(sdbus::IConnection& connection, Pump& pump);
    Polkit(const Polkit&) = delete;
    Polkit& operator=(const Polkit&) = delete;
    ~Polkit() override = default;

    Cancel ask(const AuthorityQuestion& question, base::TimePoint deadline,
               Answered answered) override;

private:
    /// Shared with whoever may still cancel.
    struct Line;

    std::shared_ptr<Line> line_;
};

}  // namespace doed::bus
