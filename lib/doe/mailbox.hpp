// SPDX-License-Identifier: Apache-2.0
//
// The owner of one DOE capability (PCIe r6.2 6.30): claims it, runs one operation at a time from a bounded fair queue,
// answers every submission exactly once, recovers it after errors. It steps an Exchange over a ConfigSpace; time and
// execution come from a Scheduler, on whose strand everything here runs. No threads, locks or clock of its own.
#pragma once

#include "base/result.hpp"
#include "base/scheduler.hpp"
#include "doe/discovery.hpp"
#include "doe/exchange.hpp"
#include "doe/fair_queue.hpp"
#include "doe/mailbox_status.hpp"
#include "doe/operation.hpp"
#include "doe/poll_schedule.hpp"
#include "pci/counting_config_space.hpp"
#include "pci/device_info.hpp"

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace doed::doe {

struct MailboxOptions {
    base::Duration exchange_timeout = ExchangeSetup::specification_timeout_default;
    PollLimits poll;
    bool interrupt = false;  ///< the device's interrupt is armed and leads to on_interrupt()
    base::Duration safety_poll =
        std::chrono::milliseconds(50);  ///< between looks while an interrupt is awaited
    std::uint32_t queue_limit = 64;     ///< submissions waiting or running
    base::Duration revival_pause_min = std::chrono::seconds(1);
    base::Duration revival_pause_max = std::chrono::minutes(1);
};

/// Gets the finished operation, or why there is none. Called once, on the mailbox's strand.
using OperationCompletion =
    std::move_only_function<void(base::Result<std::shared_ptr<const Operation>>)>;

struct Submission {
    std::shared_ptr<Operation> operation;
    base::TimePoint deadline;
    std::uint32_t uid = 0;  ///< whose turn it takes
    OperationCompletion completion;
};

/// Names a submission until it is answered; 0 is never one.
using Ticket = std::uint64_t;

class Mailbox {
public:
    using Listener = std::move_only_function<void(const MailboxStatus&)>;

    /// `scheduler` and the scheduler's strand outlive the mailbox. `listener` hears of every change of the status, on the strand.
    Mailbox(base::Scheduler& scheduler, std::unique_ptr<pci::ConfigSpace> config,
            const pci::Address& address, const pci::DoeCapability& capability,
            const MailboxOptions& options, AllowList allowed, Listener listener);
    Mailbox(const Mailbox&) = delete;
    Mailbox& operator=(const Mailbox&) = delete;
    ~Mailbox();

    /// Claims the mailbox: abort, then discovery. Called once, first.
    void start();

    /// Queues an operation. The completion is called with the result, or at once (before this returns, and with ticket 0)
    /// with one of: not_allowed, not_supported, limits_exceeded, dead, device_gone, cancelled (after close()).
    /// Later errors: those of Exchange and of the operation, cancelled, deadline_exceeded.
    /// An equal idempotent operation that still waits in the queue is shared instead of run twice.
    Ticket submit(Submission submission);

    /// Answers the submission with `cancelled`. A queued operation nobody waits for any more does not run; one on the
    /// wire ends by itself. Unknown tickets are ignored.
    void cancel(Ticket ticket);

    /// Ends what is running (its waiters get `aborted`), aborts and discovers anew; queued operations wait. The completion
    /// gets the outcome of the new claim, or limits_exceeded at once when queue_limit resets wait.
    void reset(std::move_only_function<void(base::Result<void>)> completion);

    /// The device raised its interrupt for this mailbox, or for another that shares the message: looks when a response is
    /// awaited, harmless otherwise.
    void on_interrupt();

    /// Stops for good: everything is answered `why` at once, the exchange on the wire is let end within its time, then
    /// config space is let go and `closed` is called.
    void close(base::Errc why, std::move_only_function<void()> closed);

    [[nodiscard]] const MailboxStatus& status() const noexcept { return status_; }
    /// "0000:0d:00.0 mailbox 0x190", the prefix of every error.
    [[nodiscard]] const std::string& name() const noexcept { return name_; }

private:
    /// What the exchange in hand belongs to.
    enum class Activity : std::uint8_t { none, claim_abort, claim_discovery, operation };

    struct Waiter {
        Ticket ticket = 0;
        base::TimerId deadline_timer = 0;
        OperationCompletion completion;
    };
    struct Job {
        std::shared_ptr<Operation> operation;
        std::vector<Waiter> waiters;
    };

    // Claiming and revival.
    void begin_claim();
    [[nodiscard]] base::Result<void> read_control();
    void end_claim(const base::Result<void>& outcome);
    void die(const base::Error& error);

    // Running operations.
    void advance();
    [[nodiscard]] base::Result<void> may_run(Protocol protocol) const;
    void begin_operation(Job job, Activity activity);
    void continue_operation(base::Result<Operation::Step> step);
    void end_operation(const base::Result<void>& outcome);

    // Stepping an exchange.
    void begin_exchange(Exchange exchange);
    void pump();
    void perform();
    void wait();
    void wake();
    [[nodiscard]] bool is_ours();
    void yield_to_kernel();
    [[nodiscard]] bool shows_error();
    void end_exchange();
    void count(const Exchange& exchange);
    void count_completion();
    void count_lost_interrupt();
    [[nodiscard]] PollSchedule& poll_schedule(Protocol protocol);

    // Answering.
    void answer(std::vector<Waiter> waiters,
                const base::Result<std::shared_ptr<const Operation>>& result);
    void answer_resets(const base::Result<void>& result);
    void answer_early(Ticket ticket, base::Errc code);
    void fail_all(const base::Error& error);
    void leave(MailboxState state, const base::Error& error);
    [[nodiscard]] bool has_left() const noexcept;
    void finish_close();

    void enter(MailboxState state);
    void publish();
    void post(void (Mailbox::*step)());
    [[nodiscard]] base::TimerId at(base::TimePoint when, base::Task task);
    [[nodiscard]] bool offers(Protocol protocol) const noexcept;
    [[nodiscard]] base::Error about(base::Errc code, std::string_view context = {}) const;

    base::Scheduler& scheduler_;
    pci::CountingConfigSpace config_;
    pci::DoeCapability capability_;
    MailboxOptions options_;
    AllowList allowed_;
    Listener listener_;
    std::string name_;

    std::string dead_because_;
    std::optional<base::Error> left_because_;  ///< once it is gone, or the kernel's
    MailboxStatus status_;
    ExchangeSetup setup_;

    FairQueue<Job> queue_;
    Ticket next_ticket_ = 1;

    Activity activity_ = Activity::none;
    std::optional<Job> running_;
    std::optional<Exchange> exchange_;
    Action action_;
    Protocol protocol_;  ///< of the running operation
    std::vector<std::uint32_t> response_;
    std::optional<std::uint32_t> known_status_;

    std::vector<std::pair<Protocol, PollSchedule>> poll_;
    PollSchedule recovery_poll_;  ///< while Busy or an abort is waited for
    base::TimerId wait_timer_ = 0;
    base::TimePoint wait_since_{};
    Action::Reason wait_reason_ = Action::Reason::none;
    bool waiting_ = false;
    bool woken_by_interrupt_ = false;    ///< the last wake of this exchange
    bool interrupt_seen_ = false;        ///< during this exchange and not looked after yet
    bool interrupt_owed_ = false;        ///< for a completion that was found without it
    bool interrupt_enabled_ = false;     ///< Interrupt Enable may be set in the device
    std::uint32_t interrupts_lost_ = 0;  ///< since the claim

    std::optional<base::Error> taken_;  ///< by the kernel, as is_ours() found

    bool reset_wanted_ = false;
    std::vector<std::move_only_function<void(base::Result<void>)>> reset_waiters_;
    base::TimerId revival_timer_ = 0;
    base::Duration revival_pause_;
    bool closing_ = false;
    base::Errc closing_why_ = base::Errc::cancelled;
    bool in_use_ = false;  ///< config space is told that it is
    std::vector<std::move_only_function<void()>> closed_;

    std::shared_ptr<int> life_ =
        std::make_shared<int>(0);  ///< posted steps run only while it lives
};

}  // namespace doed::doe
