// SPDX-License-Identifier: Apache-2.0
//
// A mailbox with a fault script, worked register by register on a virtual clock. What its status shows over one whole
// exchange is written as one line, so that a fault can be told from no fault at every step.
#pragma once

#include "../register_driver.hpp"
#include "emulator/protocols/echo_responder.hpp"

#include <ostream>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace doed::emulator {

inline const Dwords echo_request{echo_header1, 3, 0x11111111};
/// What a sound mailbox shows over an exchange of it, as AFaultyMailbox::watch() writes it down.
inline const std::string sound_status = ". | . . . | . | . | IR | IR IR I";

/// The set bits of a status word by letter: Busy, Interrupt Status, Error, Ready; "." for none.
inline std::string letters_of(std::uint32_t status) {
    std::string letters;
    letters += (status & busy_bit) != 0 ? "B" : "";
    letters += (status & interrupt_status_bit) != 0 ? "I" : "";
    letters += (status & error_bit) != 0 ? "E" : "";
    letters += (status & ready_bit) != 0 ? "R" : "";
    return letters.empty() ? "." : letters;
}

class AFaultyMailbox : public testing::Test {
protected:
    static constexpr base::Duration response_time = 1ms;

    /// What the requester saw of an exchange.
    struct Seen {
        std::string
            status;  ///< "start | each dword written | GO | half the response time | its end | each dword read"
        Dwords object;  ///< as long as Ready was set

        friend bool operator==(const Seen&, const Seen&) = default;
        friend std::ostream& operator<<(std::ostream& out, const Seen& seen) {
            out << seen.status << " :" << std::hex;
            for (const auto dword : seen.object) {
                out << ' ' << dword;
            }
            return out << std::dec;
        }
    };
    /// Every exchange of echo_request with a sound mailbox.
    inline static const Seen sound{sound_status, echo_request};

    RegisterDriver make(const std::vector<FaultRule>& rules, base::Duration abort_time = {},
                        std::uint64_t seed = 1) {
        faults = std::make_shared<FaultInjector>(FaultScript{.rules = rules, .seed = seed},
                                                 clock.environment().now);
        std::vector<std::unique_ptr<Responder>> responders;
        responders.push_back(std::make_unique<EchoResponder>());
        return {clock,
                {.response_time = {response_time, response_time}, .abort_time = abort_time},
                std::move(responders),
                [this](std::uint16_t message) { messages.push_back(message); },
                faults};
    }

    /// One exchange with interrupts as `other_control` says, from a clear Interrupt Status on.
    static Seen watch(RegisterDriver& doe, std::uint32_t other_control = 0) {
        constexpr std::size_t most_read = 12;
        doe.write(status_register, interrupt_status_bit);
        Seen seen{letters_of(doe.status()) + " |", {}};
        const auto look = [&] { seen.status += ' ' + letters_of(doe.status()); };
        for (const auto dword : echo_request) {
            doe.write(write_mailbox_register, dword);
            look();
        }
        seen.status += " |";
        doe.go(other_control);
        look();
        seen.status += " |";
        doe.pass(response_time / 2);
        look();
        seen.status += " |";
        doe.pass(response_time / 2);
        look();
        seen.status += " |";
        while (doe.ready() && seen.object.size() < most_read) {
            seen.object.push_back(doe.read(read_mailbox_register));
            doe.acknowledge();
            look();
        }
        return seen;
    }

    [[nodiscard]] std::uint64_t strikes(FaultKind kind) const { return faults->counts().of(kind); }

    VirtualClock clock;
    std::vector<std::uint16_t> messages;
    std::shared_ptr<FaultInjector> faults;
};

}  // namespace doed::emulator
