// SPDX-License-Identifier: Apache-2.0
//
// A port and the mailboxes that drive it, one after the other: each life begins with a claim and ends when it is closed,
// because the device is gone, the port is lent, or everything ends. Watches what the mailbox says of itself.
#pragma once

#include "doe/mailbox.hpp"
#include "sim/judge.hpp"
#include "sim/sim_device.hpp"
#include "sim/tally.hpp"
#include "sim/wire.hpp"
#include "support/sim_strands.hpp"

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>

namespace doed::sim {

/// One mailbox from its claim to its end.
struct Life {
    std::shared_ptr<Wire> wire;
    std::unique_ptr<doe::Mailbox> mailbox;
    std::optional<base::Errc> closing;  ///< why
    std::uint64_t resets = 0;
    std::uint32_t outstanding = 0;                        ///< submissions accepted and not answered
    std::uint32_t resets_posted = 0;                      ///< that the mailbox does not know of yet
    std::uint32_t resets_outstanding = 0;                 ///< that it has not answered
    std::uint64_t claims = 1;                             ///< begun
    std::uint64_t failures = 0;                           ///< of exchanges, that were told
    std::shared_ptr<const doe::ExchangeFailure> failure;  ///< the last of them
    std::uint64_t timeouts = 0;                           ///< runs that ended with one
    std::uint64_t run_timed_out = 0;                      ///< the last of them
    doe::MailboxState state = doe::MailboxState::starting;
    Instant state_since{};
    base::Duration revival_pause{};  ///< before a dead mailbox is tried again
    bool reset_while_dead = false;   ///< then it is tried at once
};

/// How far a mailbox was when it was asked for something, to tell what it has done since.
struct Before {
    Instant asked{};
    std::uint64_t claims = 0;    ///< before the one under way
    std::uint64_t requests = 0;  ///< sent
    std::uint64_t waits = 0;     ///< at most
};

class Seat {
public:
    Seat(Port& port, test::SimStrands& strands, Judge& judge, Tally& tally);

    /// Begins a life, if there is none.
    void claim();
    /// Ends the life there is; `done` is called when it is over, at once if there is none.
    void let_go(base::Errc why, std::function<void()> done);
    /// Asks for a new claim.
    void reset();
    /// Every interrupt comes, and at once: nothing needs to be found by looking.
    void count_on_interrupts() noexcept { counts_on_interrupts_ = true; }
    /// Some time from now on the device does nothing wrong any more: then no mailbox of it dies.
    void expect_sound() noexcept { sound_ = instant(); }
    /// Called when the mailbox says that its device is gone, or the kernel's.
    void on_gone(std::function<void()> gone) { gone_ = std::move(gone); }

    /// After each task: what holds at every time.
    void check();
    /// When nothing is left to do at this time: what holds then.
    void check_quiet();

    [[nodiscard]] Port& port() noexcept { return port_; }
    [[nodiscard]] test::SimStrands::Strand& strand() noexcept { return strand_; }
    /// The life there is; null when nobody drives the port.
    [[nodiscard]] const std::shared_ptr<Life>& life() const noexcept { return life_; }
    /// Driven, and nothing is wanted of it.
    [[nodiscard]] bool idle() const noexcept {
        return life_ && life_->mailbox && !life_->closing &&
               life_->state == doe::MailboxState::idle && life_->outstanding == 0 &&
               life_->resets_posted == 0 && life_->resets_outstanding == 0;
    }
    [[nodiscard]] Instant instant() const noexcept {
        return {.now = strands_.now(), .held_up = strands_.held_up()};
    }
    void breach(std::string_view rule, std::string_view what) {
        judge_.breach(rule, port_.name(), what);
    }
    [[nodiscard]] Before before(const Life& life) const;
    /// What was asked for has its answer, after claims and `exchanges` others at most: it waited for no more than those,
    /// and the mailbox was not idle meanwhile.
    void judge_time(const Life& life, const Before& before, std::uint64_t exchanges);
    /// Whoever gets an error is told which mailbox it is about, and why.
    void judge_text(const Life& life, const base::Error& error);
    /// Whether the device may be why.
    [[nodiscard]] bool caused_by_device(base::Errc code) const noexcept;
    /// An operation of `protocol` has just ended so: the flight recorder and the counters must say the same.
    void judge_records(Life& life, doe::Protocol protocol, std::optional<base::Errc> error);

private:
    void hear(Life& life, const doe::MailboxStatus& status);
    void enter(Life& life, doe::MailboxState state);
    void closed(const std::shared_ptr<Life>& life, const Instant& asked);
    void check_trace(const doe::Mailbox& mailbox);
    void die(Life& life);
    void judge_reset(const Life& life, const Before& before, const base::Result<void>& outcome);
    void end(const std::shared_ptr<Life>& life, const std::function<void()>& done);

    Port& port_;
    test::SimStrands& strands_;
    test::SimStrands::Strand& strand_;
    Judge& judge_;
    Tally& tally_;
    std::shared_ptr<Life> life_;
    std::function<void()> gone_;
    bool counts_on_interrupts_ = false;
    std::optional<Instant> sound_;
};

}  // namespace doed::sim
