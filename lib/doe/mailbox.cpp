// SPDX-License-Identifier: Apache-2.0
#include "doe/mailbox.hpp"

#include "base/assert.hpp"
#include "doe/registers.hpp"

#include <algorithm>
#include <cstdio>
#include <iterator>
#include <utility>

namespace doed::doe {

namespace {

// Accesses before the strand is given to others: about 10 ms where one access is at its slowest.
constexpr int accesses_per_turn = 256;

// Interrupts that may be lost before the mailbox is polled instead.
constexpr std::uint32_t interrupts_lost_max = 3;

std::string mailbox_name(const pci::Address& address, std::uint16_t offset) {
    char text[32];
    std::snprintf(text, sizeof(text), " mailbox 0x%x", offset);
    return address.to_string() + text;
}

}  // namespace

Mailbox::Mailbox(base::Scheduler& scheduler, std::unique_ptr<pci::ConfigSpace> config,
                 const pci::Address& address, const pci::DoeCapability& capability,
                 const MailboxOptions& options, AllowList allowed, Listener listener)
    : scheduler_(scheduler),
      config_(std::move(config)),
      capability_(capability),
      options_(options),
      allowed_(std::move(allowed)),
      listener_(std::move(listener)),
      name_(mailbox_name(address, capability.offset)),
      setup_{.capability_offset = capability.offset, .timeout = options.exchange_timeout},
      recovery_poll_(options.poll),
      revival_pause_(options.revival_pause_min) {}

Mailbox::~Mailbox() {
    if (in_use_) {
        config_.end_use();
    }
}

void Mailbox::start() {
    publish();
    post(&Mailbox::begin_claim);
}

// --- Claiming and revival --------------------------------------------------------------------------------------------

void Mailbox::begin_claim() {
    if (closing_ || activity_ != Activity::none || has_left()) {
        return;
    }
    scheduler_.cancel(std::exchange(revival_timer_, 0));
    if (!is_ours()) {
        const base::Error error = *std::exchange(taken_, std::nullopt);
        leave(MailboxState::kernel, error);
        return;
    }
    enter(MailboxState::starting);
    known_status_.reset();
    if (const auto control = read_control(); !control) {
        end_claim(control);
        return;
    }
    setup_.interrupt = options_.interrupt;
    interrupt_enabled_ = options_.interrupt;
    interrupts_lost_ = 0;
    status_.completion = setup_.interrupt ? Completion::interrupt : Completion::poll;
    activity_ = Activity::claim_abort;
    begin_exchange(Exchange::abort_only(setup_));
}

base::Result<void> Mailbox::read_control() {
    const auto control =
        config_.read32(static_cast<std::uint16_t>(capability_.offset + reg::control));
    if (!control) {
        return std::unexpected(control.error());
    }
    // All ones comes from a removed device; the abort that follows finds that out.
    const std::uint32_t found = *control == pci::all_ones ? 0 : *control;
    setup_.control_preserved = found & ~(control_abort | control_go | control_interrupt_enable);
    return {};
}

void Mailbox::end_claim(const base::Result<void>& outcome) {
    reset_wanted_ = false;
    if (closing_) {
        // Given up between two exchanges, which says nothing of the device.
        post(&Mailbox::advance);
        return;
    }
    if (!outcome) {
        die(outcome.error());
        return;
    }
    revival_pause_ = options_.revival_pause_min;
    status_.last_error.clear();
    enter(MailboxState::idle);
    answer_resets({});
    post(&Mailbox::advance);
}

void Mailbox::die(const base::Error& error) {
    if (error.code() == base::Errc::device_gone) {
        leave(MailboxState::gone, error);
        return;
    }
    status_.last_error = error.in(name_).message();
    enter(MailboxState::dead);
    if (!closing_) {
        revival_timer_ = at(scheduler_.now() + revival_pause_, [this] { begin_claim(); });
        revival_pause_ = std::min(revival_pause_ * 2, options_.revival_pause_max);
    }
    dead_because_ = error.code() == base::Errc::dead ? error.context() : error.message();
    answer_resets(std::unexpected(error.in(name_)));
    fail_all(about(base::Errc::dead, dead_because_));
    post(&Mailbox::advance);
}

// --- Running operations ------------------------------------------------------------------------------------------------

Ticket Mailbox::submit(Submission submission) {
    DOED_ASSERT(submission.operation != nullptr);
    const auto refuse = [&](base::Error error) -> Ticket {
        submission.completion(std::unexpected(std::move(error)));
        return 0;
    };
    const Protocol protocol = submission.operation->protocol();
    if (closing_ || status_.state == MailboxState::closed) {
        return refuse(about(closing_why_, "the mailbox is being given up"));
    }
    if (const auto allowed = may_run(protocol); !allowed) {
        return refuse(allowed.error());
    }
    if (has_left()) {
        return refuse(*left_because_);
    }
    if (status_.state == MailboxState::dead) {
        return refuse(about(base::Errc::dead, dead_because_));
    }
    if (status_.queue_length >= options_.queue_limit) {
        return refuse(about(base::Errc::limits_exceeded,
                            std::to_string(status_.queue_length) + " requests wait"));
    }
    if (submission.deadline <= scheduler_.now()) {
        return refuse(about(base::Errc::deadline_exceeded));
    }

    const Ticket ticket = next_ticket_++;
    Waiter waiter;
    waiter.ticket = ticket;
    waiter.completion = std::move(submission.completion);
    waiter.deadline_timer = at(submission.deadline, [this, ticket] {
        answer_early(ticket, base::Errc::deadline_exceeded);
    });
    ++status_.queue_length;

    const std::string_view key = submission.operation->single_flight_key();
    Job* same = key.empty() ? nullptr : queue_.find_if([&](const Job& job) {
        return job.operation->protocol() == protocol && job.operation->single_flight_key() == key;
    });
    if (same != nullptr) {
        same->waiters.push_back(std::move(waiter));
    } else {
        Job job;
        job.operation = std::move(submission.operation);
        job.waiters.push_back(std::move(waiter));
        queue_.push(submission.uid, std::move(job));
    }
    publish();
    post(&Mailbox::advance);
    return ticket;
}

base::Result<void> Mailbox::may_run(Protocol protocol) const {
    if (!allowed_.find(protocol)) {
        return std::unexpected(about(base::Errc::not_allowed, "protocol " + protocol.to_string()));
    }
    if (status_.state != MailboxState::starting && status_.state != MailboxState::dead &&
        !offers(protocol)) {
        return std::unexpected(
            about(base::Errc::not_supported, "protocol " + protocol.to_string()));
    }
    return {};
}

/// Takes up whatever is to be done next, when nothing is under way.
void Mailbox::advance() {
    if (activity_ != Activity::none) {
        return;
    }
    if (closing_) {
        finish_close();
        return;
    }
    if (reset_wanted_) {
        begin_claim();
        return;
    }
    if (status_.state != MailboxState::idle || queue_.empty()) {
        return;
    }
    Job job = queue_.pop();
    if (const auto allowed = may_run(job.operation->protocol()); !allowed) {
        // It was queued before discovery told what the mailbox offers.
        answer(std::move(job.waiters), std::unexpected(allowed.error()));
        post(&Mailbox::advance);
        return;
    }
    enter(MailboxState::busy);
    begin_operation(std::move(job), Activity::operation);
}

void Mailbox::begin_operation(Job job, Activity activity) {
    running_ = std::move(job);
    activity_ = activity;
    protocol_ = running_->operation->protocol();
    continue_operation(running_->operation->start());
}

void Mailbox::continue_operation(base::Result<Operation::Step> step) {
    if (!step) {
        end_operation(std::unexpected(step.error()));
        return;
    }
    if (*step == Operation::Step::finished) {
        end_operation({});
        return;
    }
    const bool unwanted = activity_ == Activity::operation && running_->waiters.empty();
    if (closing_ || unwanted || (reset_wanted_ && activity_ == Activity::operation)) {
        end_operation(base::fail(base::Errc::aborted, "given up between two exchanges"));
        return;
    }
    begin_exchange(Exchange(setup_, protocol_, running_->operation->request(),
                            allowed_.find(protocol_)->max_response_dw, response_,
                            std::exchange(known_status_, std::nullopt)));
}

void Mailbox::end_operation(const base::Result<void>& outcome) {
    Job job = std::move(*running_);
    running_.reset();
    known_status_.reset();
    if (std::exchange(activity_, Activity::none) == Activity::claim_discovery) {
        if (outcome) {
            status_.features = static_cast<const DiscoveryOperation&>(*job.operation).protocols();
        }
        end_claim(outcome);
        return;
    }
    enter(MailboxState::idle);
    if (outcome) {
        answer(std::move(job.waiters), std::shared_ptr<const Operation>(std::move(job.operation)));
    } else {
        const base::Error error = outcome.error().in(name_);
        if (error.code() != base::Errc::aborted) {
            status_.last_error = error.message();
            publish();
        }
        answer(std::move(job.waiters), std::unexpected(error));
    }
    post(&Mailbox::advance);
}

// --- Stepping an exchange ------------------------------------------------------------------------------------------------

void Mailbox::begin_exchange(Exchange exchange) {
    exchange_ = std::move(exchange);
    wait_reason_ = Action::Reason::none;
    woken_by_interrupt_ = false;
    interrupt_seen_ = false;
    action_ = exchange_->resume(Event::start(), scheduler_.now());
    // A turn of its own: a device that answers at once must not pile up one exchange on the other's stack.
    post(&Mailbox::pump);
}

void Mailbox::pump() {
    if (!is_ours()) {
        yield_to_kernel();
        return;
    }
    for (int accesses = 0; accesses < accesses_per_turn; ++accesses) {
        if (action_.kind == Action::Kind::wait) {
            wait();
            return;
        }
        if (action_.kind == Action::Kind::done) {
            end_exchange();
            return;
        }
        if (action_.kind == Action::Kind::write && !is_ours()) {
            yield_to_kernel();
            return;
        }
        perform();
    }
    post(&Mailbox::pump);
}

/// Whether the device still is, as far as can be known before a write.
bool Mailbox::is_ours() {
    if (const auto ours = config_.confirm_claim(); !ours) {
        taken_ = ours.error();
        return false;
    }
    return true;
}

/// An error that this exchange may have made of the kernel's abort, by a write that came after it. The kernel waits for it to
/// clear, or will abort itself.
bool Mailbox::shows_error() {
    const auto status =
        config_.read32(static_cast<std::uint16_t>(capability_.offset + reg::status));
    return status && *status != pci::all_ones && (*status & status_error) != 0;
}

/// Leaves the device to the kernel, and the mailbox idle if that can be done: what is half sent or read is aborted when the
/// kernel cannot be using the mailbox yet. Later that would cut into an exchange of the kernel's.
void Mailbox::yield_to_kernel() {
    if (exchange_->written() && (config_.may_tidy_up() || shows_error())) {
        static_cast<void>(
            config_.write32(static_cast<std::uint16_t>(capability_.offset + reg::control),
                            setup_.control_preserved | control_abort));
        ++status_.counters.aborts;
    }
    if (exchange_->go_time()) {
        ++status_.counters.errors;
    }
    exchange_.reset();
    std::optional<Job> job = std::exchange(running_, std::nullopt);
    activity_ = Activity::none;
    reset_wanted_ = false;
    const base::Error error = *std::exchange(taken_, std::nullopt);
    leave(MailboxState::kernel, error);
    if (job) {
        answer(std::move(job->waiters), std::unexpected(error.in(name_)));
    }
}

/// Makes the access that the exchange asked for and hears what it wants next.
void Mailbox::perform() {
    if (action_.kind == Action::Kind::read) {
        const auto value = config_.read32(action_.offset);
        const Event event = value ? Event::read(*value) : Event::failed(value.error());
        action_ = exchange_->resume(event, scheduler_.now());
    } else {
        const auto written = config_.write32(action_.offset, action_.value);
        const Event event = written ? Event::written() : Event::failed(written.error());
        action_ = exchange_->resume(event, scheduler_.now());
    }
}

void Mailbox::wait() {
    const base::TimePoint now = scheduler_.now();
    if (action_.reason != wait_reason_) {
        wait_reason_ = action_.reason;
        wait_since_ = action_.reason == Action::Reason::response ? *exchange_->go_time() : now;
        if (activity_ == Activity::operation) {
            enter(action_.reason == Action::Reason::abort ? MailboxState::aborting
                                                          : MailboxState::busy);
        }
    }
    // No interrupt tells that Busy cleared, so that and an abort are always polled (PCIe r6.2 6.30.3).
    const bool response = action_.reason == Action::Reason::response;
    const base::TimePoint look =
        response && setup_.interrupt
            ? now + options_.safety_poll
            : (response ? poll_schedule(protocol_) : recovery_poll_).next(wait_since_, now);
    waiting_ = true;
    if (response && setup_.interrupt && std::exchange(interrupt_seen_, false)) {
        // It came after GO and before this wait.
        woken_by_interrupt_ = true;
        post(&Mailbox::wake);
        return;
    }
    wait_timer_ = at(std::min(look, action_.deadline), [this] {
        woken_by_interrupt_ = false;
        wake();
    });
}

void Mailbox::wake() {
    if (!std::exchange(waiting_, false)) {
        return;
    }
    scheduler_.cancel(std::exchange(wait_timer_, 0));
    action_ = exchange_->resume(Event::wake(), scheduler_.now());
    pump();
}

void Mailbox::on_interrupt() {
    interrupt_owed_ = false;
    if (waiting_ && setup_.interrupt && wait_reason_ == Action::Reason::response) {
        woken_by_interrupt_ = true;
        wake();
    } else {
        interrupt_seen_ = true;
    }
}

void Mailbox::end_exchange() {
    const Exchange exchange = std::move(*exchange_);
    exchange_.reset();
    count(exchange);
    const base::Result<void>& outcome = exchange.outcome();
    known_status_ = exchange.last_status();

    const bool locked = !outcome && (outcome.error().code() == base::Errc::lockdown ||
                                     outcome.error().code() == base::Errc::access_denied);
    if (!outcome &&
        (exchange.mailbox_dead() || locked || outcome.error().code() == base::Errc::device_gone)) {
        std::optional<Job> job = std::exchange(running_, std::nullopt);
        activity_ = Activity::none;
        reset_wanted_ = false;
        die(outcome.error());
        if (job) {
            answer(std::move(job->waiters), std::unexpected(outcome.error().in(name_)));
        }
        return;
    }
    if (activity_ == Activity::claim_abort) {
        activity_ = Activity::none;
        if (!outcome || closing_) {
            end_claim(outcome);
            return;
        }
        Job discovery;
        discovery.operation = std::make_shared<DiscoveryOperation>(capability_.version);
        begin_operation(std::move(discovery), Activity::claim_discovery);
        return;
    }
    if (!outcome) {
        end_operation(outcome);
        return;
    }
    continue_operation(running_->operation->consume(response_));
}

void Mailbox::count(const Exchange& exchange) {
    auto& counters = status_.counters;
    if (exchange.aborted()) {
        ++counters.aborts;
    }
    if (activity_ != Activity::claim_abort) {
        ++(exchange.outcome() ? counters.exchanges : counters.errors);
    }
    if (!exchange.outcome() && exchange.outcome().error().code() == base::Errc::timeout) {
        ++counters.timeouts;
    }
    if (const auto response_time = exchange.response_time()) {
        count_completion();
        // The safety poll finds a response long after it was ready: nothing to learn from.
        if (woken_by_interrupt_ || !setup_.interrupt) {
            poll_schedule(protocol_).observe(*response_time);
        }
    }
}

void Mailbox::count_completion() {
    if (woken_by_interrupt_) {
        ++status_.counters.interrupt_completions;
        return;
    }
    ++status_.counters.poll_completions;
    if (setup_.interrupt && !interrupt_seen_) {
        // Lost, or only late: then it was posted while the response was read.
        interrupt_owed_ = true;
        post(&Mailbox::count_lost_interrupt);
    }
}

void Mailbox::count_lost_interrupt() {
    if (std::exchange(interrupt_owed_, false) && setup_.interrupt &&
        ++interrupts_lost_ == interrupts_lost_max) {
        setup_.interrupt = false;
        status_.completion = Completion::poll;
        publish();
    }
}

PollSchedule& Mailbox::poll_schedule(Protocol protocol) {
    auto found = std::ranges::find(poll_, protocol, &std::pair<Protocol, PollSchedule>::first);
    if (found == poll_.end()) {
        found = poll_.insert(poll_.end(), {protocol, PollSchedule(options_.poll)});
    }
    return found->second;
}

// --- Withdrawing, resetting, closing ---------------------------------------------------------------------------------------

void Mailbox::cancel(Ticket ticket) {
    answer_early(ticket, base::Errc::cancelled);
}

void Mailbox::reset(std::move_only_function<void(base::Result<void>)> completion) {
    if (has_left()) {
        completion(std::unexpected(*left_because_));
        return;
    }
    if (closing_ || status_.state == MailboxState::closed) {
        completion(std::unexpected(about(closing_why_)));
        return;
    }
    if (reset_waiters_.size() >= options_.queue_limit) {
        completion(std::unexpected(about(base::Errc::limits_exceeded,
                                         std::to_string(reset_waiters_.size()) + " resets wait")));
        return;
    }
    reset_waiters_.push_back(std::move(completion));
    if (activity_ == Activity::claim_abort || activity_ == Activity::claim_discovery) {
        return;  // the claim under way is what was asked for
    }
    reset_wanted_ = true;
    if (exchange_) {
        exchange_->abandon();
        post(&Mailbox::wake);
    } else {
        post(&Mailbox::advance);
    }
}

void Mailbox::close(base::Errc why, std::move_only_function<void()> closed) {
    closed_.push_back(std::move(closed));
    closing_ = true;
    closing_why_ = why;
    scheduler_.cancel(std::exchange(revival_timer_, 0));
    if (exchange_ && !exchange_->go_time()) {
        // Nothing is on the wire yet: no need to wait for Busy to clear.
        exchange_->abandon();
        post(&Mailbox::wake);
    }
    const base::Error given_up = about(why, "the mailbox is being given up");
    answer_resets(std::unexpected(given_up));
    fail_all(given_up);
    post(&Mailbox::advance);
}

void Mailbox::finish_close() {
    if (!has_left() && status_.state != MailboxState::closed) {
        if (std::exchange(interrupt_enabled_, false)) {
            // The last thing armed is the first to go. A device that is gone meanwhile needs no disarming.
            static_cast<void>(
                config_.write32(static_cast<std::uint16_t>(capability_.offset + reg::control),
                                setup_.control_preserved));
        }
        enter(MailboxState::closed);
    }
    // Whoever is told may want the device for something else.
    config_.close();
    for (auto& closed : std::exchange(closed_, {})) {
        closed();
    }
}

/// The device is not there any more, or not ours any more: nothing of it is touched again.
void Mailbox::leave(MailboxState state, const base::Error& error) {
    left_because_ = error.in(name_);
    status_.last_error = left_because_->message();
    enter(state);
    answer_resets(std::unexpected(*left_because_));
    fail_all(*left_because_);
    post(&Mailbox::advance);
}

bool Mailbox::has_left() const noexcept {
    return status_.state == MailboxState::gone || status_.state == MailboxState::kernel;
}

// --- Answering -----------------------------------------------------------------------------------------------------------

void Mailbox::answer(std::vector<Waiter> waiters,
                     const base::Result<std::shared_ptr<const Operation>>& result) {
    if (waiters.empty()) {
        return;
    }
    status_.queue_length -= static_cast<std::uint32_t>(waiters.size());
    publish();
    for (auto& waiter : waiters) {
        scheduler_.cancel(waiter.deadline_timer);
        waiter.completion(result);
    }
}

void Mailbox::answer_resets(const base::Result<void>& result) {
    for (auto& completion : std::exchange(reset_waiters_, {})) {
        completion(result);
    }
}

void Mailbox::answer_early(Ticket ticket, base::Errc code) {
    const auto waits = [ticket](const Job& job) {
        return std::ranges::find(job.waiters, ticket, &Waiter::ticket) != job.waiters.end();
    };
    Job* job = running_ && waits(*running_) ? &*running_ : queue_.find_if(waits);
    if (job == nullptr) {
        return;
    }
    const auto found = std::ranges::find(job->waiters, ticket, &Waiter::ticket);
    std::vector<Waiter> answered;
    answered.push_back(std::move(*found));
    job->waiters.erase(found);
    // What runs is seen through to the end of its exchange; what only waits is dropped.
    queue_.erase_if([](const Job& queued) { return queued.waiters.empty(); });
    answer(std::move(answered), std::unexpected(about(code)));
}

void Mailbox::fail_all(const base::Error& error) {
    std::vector<Waiter> waiters;
    if (running_) {
        waiters = std::exchange(running_->waiters, {});
    }
    while (!queue_.empty()) {
        Job job = queue_.pop();
        std::ranges::move(job.waiters, std::back_inserter(waiters));
    }
    answer(std::move(waiters), std::unexpected(error));
}

// --- Small things ----------------------------------------------------------------------------------------------------------

void Mailbox::enter(MailboxState state) {
    const bool in_use = state == MailboxState::starting || state == MailboxState::busy ||
                        state == MailboxState::aborting;
    if (in_use != std::exchange(in_use_, in_use)) {
        in_use ? config_.begin_use() : config_.end_use();
    }
    if (status_.state != state) {
        status_.state = state;
        publish();
    }
}

void Mailbox::publish() {
    status_.counters.config_reads = config_.reads();
    status_.counters.config_writes = config_.writes();
    listener_(status_);
}

void Mailbox::post(void (Mailbox::*step)()) {
    scheduler_.post([this, life = std::weak_ptr(life_), step] {
        if (!life.expired()) {
            (this->*step)();
        }
    });
}

base::TimerId Mailbox::at(base::TimePoint when, base::Task task) {
    return scheduler_.at(when, [life = std::weak_ptr(life_), task = std::move(task)]() mutable {
        if (!life.expired()) {
            task();
        }
    });
}

bool Mailbox::offers(Protocol protocol) const noexcept {
    return protocol == protocol_discovery ||
           std::ranges::find(status_.features, protocol) != status_.features.end();
}

base::Error Mailbox::about(base::Errc code, std::string_view context) const {
    return base::Error(code, std::string(context)).in(name_);
}

}  // namespace doed::doe
