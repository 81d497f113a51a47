// SPDX-License-Identifier: Apache-2.0
//
// The owner of one DOE capability (PCIe r6.2 6.30): claims it, runs one operation at a time from a bounded fair queue,
// answers every submission exactly once, recovers it after errors. An ExchangeDriver does what touches the device; time
// and execution come from a Scheduler, on whose strand everything here runs. No threads, locks or clock of its own.
#pragma once

#include "base/result.hpp"
#include "base/scheduler.hpp"
#include "doe/discovery.hpp"
#include "doe/exchange_driver.hpp"
#include "doe/fair_queue.hpp"
#include "doe/mailbox_status.hpp"
#include "doe/operation.hpp"
#include "doe/task_scope.hpp"
#include "pci/counting_config_space.hpp"
#include "pci/device_info.hpp"

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
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

class Mailbox final : private ExchangeDriver::Owner {
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

    /// Tries a dead mailbox now instead of after its pause: there is reason to think that it may react again.
    void revive();

    /// The device raised its interrupt for this mailbox, or for another that shares the message: looks when a response is
    /// awaited, harmless otherwise.
    void on_interrupt();

    /// Stops for good: everything is answered `why` at once, the exchange on the wire is let end within its time, then
    /// config space is let go and `closed` is called.
    void close(base::Errc why, std::move_only_function<void()> closed);

    [[nodiscard]] const MailboxStatus& status() const noexcept { return status_; }
    /// The last exchanges and aborts, oldest first, with the one under way; at any time, whatever the mailbox does.
    [[nodiscard]] std::vector<TraceRecord> trace() const { return driver_.trace(); }
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
    using JobPtr = std::shared_ptr<Job>;
    /// A waiter's place in the queue. Those of one job are in the lanes of their own users.
    struct Place {
        JobPtr job;
        Ticket ticket = 0;
    };

    // Claiming and revival.
    void begin_claim(Purpose purpose);
    void end_claim(const base::Result<void>& outcome);
    void die(const base::Error& error);

    // Running operations.
    void advance();
    void advance_later();
    [[nodiscard]] base::Result<void> may_run(Protocol protocol) const;
    [[nodiscard]] bool offers(Protocol protocol) const noexcept;
    void enqueue(std::uint32_t uid, std::shared_ptr<Operation> operation, Waiter waiter);
    [[nodiscard]] JobPtr dequeue();
    void begin_operation(JobPtr job, Activity activity);
    void continue_operation(base::Result<Operation::Step> step);
    void end_operation(const base::Result<void>& outcome);
    [[nodiscard]] bool repeat_discovery(const Job& job);
    void learn(const Operation& operation);

    // What the driver tells.
    void exchange_waits(Action::Reason reason) override;
    void exchange_ended(const Exchange& exchange) override;
    void exchange_dropped(const Exchange& exchange, const base::Error& error,
                          bool tidied_up) override;
    void interrupts_given_up() override;
    void poll_floor_changed() override;
    void count(const Exchange& exchange);
    void note_failure(const base::Error& error);

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
    [[nodiscard]] base::Error about(base::Errc code, std::string_view context = {}) const;

    TaskScope tasks_;
    pci::CountingConfigSpace config_;
    pci::DoeCapability capability_;
    MailboxOptions options_;
    AllowList allowed_;
    Listener listener_;
    std::string name_;
    ExchangeDriver driver_;

    std::string dead_because_;
    std::optional<base::Error> left_because_;  ///< once it is gone, or the kernel's
    MailboxStatus status_;

    FairQueue<Place> queue_;  ///< one place for each waiter of a job that does not run
    Ticket next_ticket_ = 1;

    Activity activity_ = Activity::none;
    JobPtr running_;
    Purpose purpose_ = Purpose::claim;  ///< of what runs

    bool reset_wanted_ = false;
    bool claim_repeated_ = false;
    bool discovery_repeated_ = false;
    std::vector<std::move_only_function<void(base::Result<void>)>> reset_waiters_;
    base::TimerId revival_timer_ = 0;
    base::Duration revival_pause_;
    bool closing_ = false;
    base::Errc closing_why_ = base::Errc::cancelled;
    bool in_use_ = false;  ///< config space is told that it is
    std::vector<std::move_only_function<void()>> closed_;
};

}  // namespace doed::doe
