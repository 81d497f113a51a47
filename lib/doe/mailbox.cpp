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

std::string mailbox_name(const pci::Address& address, std::uint16_t offset) {
    char text[32];
    std::snprintf(text, sizeof(text), " mailbox 0x%x", offset);
    return address.to_string() + text;
}

/// What a claim begins with. Told from the first status on: who sees `poll` where interrupts are set up takes them for lost.
Completion first_completion(const MailboxOptions& options) {
    return options.interrupt ? Completion::interrupt : Completion::poll;
}

}  // namespace

Mailbox::Mailbox(base::Scheduler& scheduler, std::unique_ptr<pci::ConfigSpace> config,
                 const pci::Address& address, const pci::DoeCapability& capability,
                 const MailboxOptions& options, AllowList allowed, Listener listener)
    : tasks_(scheduler),
      config_(std::move(config)),
      capability_(capability),
      options_(options),
      allowed_(std::move(allowed)),
      listener_(std::move(listener)),
      name_(mailbox_name(address, capability.offset)),
      driver_(scheduler, config_, capability.offset,
              {.exchange_timeout = options.exchange_timeout,
               .poll = options.poll,
               .safety_poll = options.safety_poll},
              *this),
      revival_pause_(options.revival_pause_min) {
    status_.completion = first_completion(options);
    status_.poll_floor = options.poll.floor;
}

Mailbox::~Mailbox() {
    if (in_use_) {
        config_.end_use();
    }
}

void Mailbox::start() {
    publish();
    tasks_.post([this] { begin_claim(Purpose::claim); });
}

// --- Claiming and revival --------------------------------------------------------------------------------------------

void Mailbox::begin_claim(Purpose purpose) {
    if (closing_ || activity_ != Activity::none || has_left()) {
        return;
    }
    tasks_.cancel(revival_timer_);
    if (const auto ours = config_.confirm_claim(); !ours) {
        leave(MailboxState::kernel, ours.error());
        return;
    }
    status_.completion = first_completion(options_);
    enter(MailboxState::starting);
    purpose_ = purpose;
    activity_ = Activity::claim_abort;
    driver_.begin_claim(purpose, options_.interrupt);
}

void Mailbox::end_claim(const base::Result<void>& outcome) {
    reset_wanted_ = false;
    if (closing_) {
        // Given up between two exchanges, which says nothing of the device.
        advance_later();
        return;
    }
    if (!outcome) {
        // One access that the operating system refuses is no reason to give a mailbox up.
        if (outcome.error().code() == base::Errc::io && !std::exchange(claim_repeated_, true)) {
            begin_claim(purpose_);
            return;
        }
        die(outcome.error());
        return;
    }
    claim_repeated_ = false;
    revival_pause_ = options_.revival_pause_min;
    status_.last_error.clear();
    enter(MailboxState::idle);
    answer_resets({});
    advance_later();
}

void Mailbox::die(const base::Error& error) {
    if (error.code() == base::Errc::device_gone) {
        leave(MailboxState::gone, error);
        return;
    }
    claim_repeated_ = false;
    status_.last_error = error.in(name_).message();
    enter(MailboxState::dead);
    if (!closing_) {
        revival_timer_ =
            tasks_.at(tasks_.now() + revival_pause_, [this] { begin_claim(Purpose::revival); });
        revival_pause_ = std::min(revival_pause_ * 2, options_.revival_pause_max);
    }
    dead_because_ = error.code() == base::Errc::dead ? error.context() : error.message();
    answer_resets(std::unexpected(error.in(name_)));
    fail_all(about(base::Errc::dead, dead_because_));
    advance_later();
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
    if (has_left()) {
        return refuse(*left_because_);
    }
    if (const auto allowed = may_run(protocol); !allowed) {
        return refuse(allowed.error());
    }
    if (status_.state == MailboxState::dead) {
        return refuse(about(base::Errc::dead, dead_because_));
    }
    if (status_.queue_length >= options_.queue_limit) {
        return refuse(about(base::Errc::limits_exceeded,
                            std::to_string(status_.queue_length) + " requests wait"));
    }
    if (submission.deadline <= tasks_.now()) {
        return refuse(about(base::Errc::deadline_exceeded));
    }

    const Ticket ticket = next_ticket_++;
    Waiter waiter;
    waiter.ticket = ticket;
    waiter.completion = std::move(submission.completion);
    waiter.deadline_timer = tasks_.at(submission.deadline, [this, ticket] {
        answer_early(ticket, base::Errc::deadline_exceeded);
    });
    ++status_.queue_length;

    enqueue(submission.uid, std::move(submission.operation), std::move(waiter));
    publish();
    advance_later();
    return ticket;
}

/// Whoever joins a run that others wait for has a place of their own: it is made when the first of its users has the turn.
void Mailbox::enqueue(std::uint32_t uid, std::shared_ptr<Operation> operation, Waiter waiter) {
    const std::string_view key = operation->single_flight_key();
    const auto equal = [&](const Place& place) {
        return place.job->operation->protocol() == operation->protocol() &&
               place.job->operation->single_flight_key() == key;
    };
    const Place* const same = key.empty() ? nullptr : queue_.find_if(equal);
    const JobPtr job = same != nullptr ? same->job : std::make_shared<Job>();
    if (same == nullptr) {
        job->operation = std::move(operation);
    }
    queue_.push(uid, {job, waiter.ticket});
    job->waiters.push_back(std::move(waiter));
}

Mailbox::JobPtr Mailbox::dequeue() {
    const JobPtr next = queue_.pop().job;
    queue_.erase_if([&](const Place& place) { return place.job == next; });
    return next;
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

bool Mailbox::offers(Protocol protocol) const noexcept {
    return protocol == protocol_discovery ||
           std::ranges::find(status_.features, protocol) != status_.features.end();
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
        begin_claim(Purpose::reset);
        return;
    }
    if (status_.state != MailboxState::idle || queue_.empty()) {
        return;
    }
    JobPtr job = dequeue();
    if (const auto allowed = may_run(job->operation->protocol()); !allowed) {
        // It was queued before discovery told what the mailbox offers.
        answer(std::move(job->waiters), std::unexpected(allowed.error()));
        advance_later();
        return;
    }
    enter(MailboxState::busy);
    purpose_ = Purpose::request;
    begin_operation(std::move(job), Activity::operation);
}

void Mailbox::advance_later() {
    tasks_.post([this] { advance(); });
}

void Mailbox::begin_operation(JobPtr job, Activity activity) {
    running_ = std::move(job);
    activity_ = activity;
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
    const Protocol protocol = running_->operation->protocol();
    driver_.begin(purpose_, protocol, running_->operation->request(),
                  allowed_.find(protocol)->max_response_dw);
}

void Mailbox::end_operation(const base::Result<void>& outcome) {
    const JobPtr job = std::exchange(running_, nullptr);
    driver_.forget_status();
    if (std::exchange(activity_, Activity::none) == Activity::claim_discovery) {
        if (outcome && repeat_discovery(*job)) {
            begin_operation(job, Activity::claim_discovery);
            return;
        }
        if (outcome) {
            learn(*job->operation);
        }
        end_claim(outcome);
        return;
    }
    if (outcome) {
        learn(*job->operation);
    }
    enter(MailboxState::idle);
    if (outcome) {
        answer(std::move(job->waiters), std::shared_ptr<const Operation>(job->operation));
    } else {
        const base::Error error = outcome.error().in(name_);
        if (error.code() != base::Errc::aborted) {
            status_.last_error = error.message();
            publish();
        }
        answer(std::move(job->waiters), std::unexpected(error));
    }
    advance_later();
}

/// What may be one answer given for another is asked for once more by a claim.
bool Mailbox::repeat_discovery(const Job& job) {
    const auto& discovery = static_cast<const DiscoveryOperation&>(*job.operation);
    return !closing_ && discovery.doubtful() && !std::exchange(discovery_repeated_, true);
}

/// What a discovery found is what the mailbox offers from then on, whoever has asked for it; a doubtful list takes
/// nothing away.
void Mailbox::learn(const Operation& operation) {
    const DiscoveryOperation* const discovery = operation.as_discovery();
    if (discovery == nullptr) {
        return;
    }
    auto found = discovery->protocols();
    if (discovery->doubtful()) {
        for (const Protocol protocol : status_.features) {
            if (std::ranges::find(found, protocol) == found.end()) {
                found.push_back(protocol);
            }
        }
    }
    status_.features = std::move(found);
}

// --- What the driver tells -----------------------------------------------------------------------------------------------

void Mailbox::exchange_waits(Action::Reason reason) {
    if (activity_ == Activity::operation) {
        enter(reason == Action::Reason::abort ? MailboxState::aborting : MailboxState::busy);
    }
}

void Mailbox::exchange_dropped(const Exchange& exchange, const base::Error& error, bool tidied_up) {
    status_.counters.errors += exchange.go_time() ? 1U : 0U;
    status_.counters.aborts += exchange.aborted() ? 1U : 0U;
    status_.counters.aborts += tidied_up ? 1U : 0U;
    if (exchange.go_time()) {
        note_failure(error);
    }
    const JobPtr job = std::exchange(running_, nullptr);
    activity_ = Activity::none;
    reset_wanted_ = false;
    leave(MailboxState::kernel, error);
    if (job) {
        answer(std::move(job->waiters), std::unexpected(error.in(name_)));
    }
}

void Mailbox::exchange_ended(const Exchange& exchange) {
    count(exchange);
    const base::Result<void>& outcome = exchange.outcome();
    const bool locked = !outcome && (outcome.error().code() == base::Errc::lockdown ||
                                     outcome.error().code() == base::Errc::access_denied);
    if (!outcome &&
        (exchange.mailbox_dead() || locked || outcome.error().code() == base::Errc::device_gone)) {
        const JobPtr job = std::exchange(running_, nullptr);
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
        discovery_repeated_ = false;
        auto discovery = std::make_shared<Job>();
        discovery->operation = std::make_shared<DiscoveryOperation>(capability_.version);
        begin_operation(std::move(discovery), Activity::claim_discovery);
        return;
    }
    if (!outcome) {
        end_operation(outcome);
        return;
    }
    continue_operation(running_->operation->consume(driver_.response()));
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
    switch (driver_.noticed()) {
        case Noticed::nothing: break;
        case Noticed::poll: ++counters.poll_completions; break;
        case Noticed::interrupt: ++counters.interrupt_completions; break;
    }
    if (activity_ != Activity::claim_abort && !exchange.outcome()) {
        note_failure(exchange.outcome().error());
    }
}

/// Published by itself: two of them may follow each other without anything else being told between them.
void Mailbox::note_failure(const base::Error& error) {
    if (running_) {
        status_.failure = std::make_shared<const ExchangeFailure>(
            ExchangeFailure{running_->operation->protocol(), error.code(), error.message()});
        publish();
    }
}

void Mailbox::interrupts_given_up() {
    status_.completion = Completion::poll;
    publish();
}

void Mailbox::poll_floor_changed() {
    status_.poll_floor = driver_.poll_floor();
    publish();
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
    driver_.abandon();
    advance_later();
}

void Mailbox::revive() {
    if (status_.state == MailboxState::dead) {
        begin_claim(Purpose::revival);
    }
}

void Mailbox::on_interrupt() {
    driver_.on_interrupt();
}

void Mailbox::close(base::Errc why, std::move_only_function<void()> closed) {
    closed_.push_back(std::move(closed));
    closing_ = true;
    closing_why_ = why;
    tasks_.cancel(revival_timer_);
    if (!driver_.on_the_wire()) {
        // No need to wait for Busy to clear.
        driver_.abandon();
    }
    const base::Error given_up = about(why, "the mailbox is being given up");
    answer_resets(std::unexpected(given_up));
    fail_all(given_up);
    advance_later();
}

void Mailbox::finish_close() {
    if (!has_left() && status_.state != MailboxState::closed) {
        // The last thing armed is the first to go.
        driver_.disarm();
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
    claim_repeated_ = false;
    left_because_ = error.in(name_);
    status_.last_error = left_because_->message();
    enter(state);
    answer_resets(std::unexpected(*left_because_));
    fail_all(*left_because_);
    advance_later();
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
        tasks_.cancel(waiter.deadline_timer);
        waiter.completion(result);
    }
}

void Mailbox::answer_resets(const base::Result<void>& result) {
    for (auto& completion : std::exchange(reset_waiters_, {})) {
        completion(result);
    }
}

void Mailbox::answer_early(Ticket ticket, base::Errc code) {
    const auto its_place = [ticket](const Place& place) { return place.ticket == ticket; };
    const Place* const place = queue_.find_if(its_place);
    // What runs is seen through to the end of its exchange; what only waits is dropped with its last waiter.
    const JobPtr job = place != nullptr ? place->job : running_;
    if (!job) {
        return;
    }
    const auto found = std::ranges::find(job->waiters, ticket, &Waiter::ticket);
    if (found == job->waiters.end()) {
        return;
    }
    std::vector<Waiter> answered;
    answered.push_back(std::move(*found));
    job->waiters.erase(found);
    const std::string_view what = place != nullptr ? "waiting for its turn" : "on the wire";
    queue_.erase_if(its_place);
    answer(std::move(answered), std::unexpected(about(code, what)));
}

void Mailbox::fail_all(const base::Error& error) {
    std::vector<Waiter> waiters;
    if (running_) {
        waiters = std::exchange(running_->waiters, {});
    }
    while (!queue_.empty()) {
        std::ranges::move(std::exchange(dequeue()->waiters, {}), std::back_inserter(waiters));
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

base::Error Mailbox::about(base::Errc code, std::string_view context) const {
    return base::Error(code, std::string(context)).in(name_);
}

}  // namespace doed::doe
