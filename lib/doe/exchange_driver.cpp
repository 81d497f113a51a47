// SPDX-License-Identifier: Apache-2.0
#include "doe/exchange_driver.hpp"

#include "base/assert.hpp"
#include "doe/registers.hpp"

#include <algorithm>

namespace doed::doe {

namespace {

// Accesses before the strand is given to others: about 10 ms where one access is at its slowest.
constexpr int accesses_per_turn = 256;

// What the system takes to wake a thread, and more than that only now and then.
constexpr base::Duration waking = std::chrono::microseconds(50);

// Interrupts that may be lost before the mailbox is polled instead.
constexpr std::uint32_t interrupts_lost_max = 3;

AbortResult abort_result(const Exchange& exchange, bool ended) {
    if (!exchange.aborted()) {
        return AbortResult::not_tried;
    }
    if (!ended) {
        return AbortResult::under_way;
    }
    const bool gone =
        !exchange.outcome() && exchange.outcome().error().code() == base::Errc::device_gone;
    return exchange.mailbox_dead() || gone ? AbortResult::failed : AbortResult::done;
}

/// Error, or nothing at all, instead of a response.
bool has_failed_to_respond(const Exchange& exchange) {
    return exchange.failure() == base::Errc::device_error ||
           exchange.failure() == base::Errc::timeout;
}

}  // namespace

ExchangeDriver::ExchangeDriver(base::Scheduler& scheduler, pci::CountingConfigSpace& config,
                               std::uint16_t capability_offset, const Options& options,
                               Owner& owner)
    : tasks_(scheduler),
      config_(config),
      options_(options),
      owner_(owner),
      setup_{.capability_offset = capability_offset, .timeout = options.exchange_timeout},
      recovery_poll_(options.poll.cap),
      poll_floor_(options.poll.floor) {}

// --- Beginning and ending ----------------------------------------------------------------------------------------------

void ExchangeDriver::begin_claim(Purpose purpose, bool interrupt) {
    setup_.interrupt = interrupt;
    interrupt_enabled_ = interrupt;
    interrupts_lost_ = 0;
    begin(Exchange::abort_only(setup_), purpose, std::nullopt);
}

void ExchangeDriver::begin(Purpose purpose, Protocol protocol,
                           std::span<const std::uint32_t> request, std::uint32_t max_response_dw) {
    protocol_ = protocol;
    // Pauses above the usual ones are for devices that want to be left alone, after GO too.
    setup_.look_at_once = poll_floor_.value() <= PollLimits{}.floor &&
                          poll_schedule(protocol).looks_at_once(poll_floor_.value());
    begin(Exchange(setup_, protocol, request, max_response_dw, response_,
                   std::exchange(known_status_, std::nullopt)),
          purpose, protocol);
}

void ExchangeDriver::begin(Exchange exchange, Purpose purpose, std::optional<Protocol> protocol) {
    DOED_ASSERT(!exchange_);
    exchange_ = std::move(exchange);
    wait_reason_ = Action::Reason::none;
    noticed_ = Noticed::nothing;
    woken_by_interrupt_ = false;
    interrupt_seen_ = false;
    planned_look_ = base::Duration::max();
    not_yet_ = base::Duration::max();
    reads_before_ = config_.reads();
    writes_before_ = config_.writes();
    recorder_.begin({.begin = tasks_.now(), .purpose = purpose, .protocol = protocol});
    action_ = exchange_->resume(Event::start(), tasks_.now());
    // A turn of its own: a device that answers at once must not pile up one exchange on the other's stack.
    tasks_.post([this] { pump(); });
}

void ExchangeDriver::end() {
    const Exchange exchange = *std::exchange(exchange_, std::nullopt);
    setup_.control_preserved = exchange.control_preserved();
    known_status_ = exchange.last_status();
    if (exchange.response_time()) {
        learn(exchange);
    }
    learn_pace(exchange);
    fill(recorder_.current(), exchange);
    recorder_.end();
    owner_.exchange_ended(exchange);
}

void ExchangeDriver::abandon() {
    if (exchange_) {
        exchange_->abandon();
        tasks_.post([this] { wake(); });
    }
}

void ExchangeDriver::disarm() {
    if (std::exchange(interrupt_enabled_, false)) {
        // A device that is gone meanwhile needs no disarming.
        static_cast<void>(
            config_.write32(static_cast<std::uint16_t>(setup_.capability_offset + reg::control),
                            setup_.control_preserved));
    }
}

// --- Stepping ----------------------------------------------------------------------------------------------------------

void ExchangeDriver::pump() {
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
            end();
            return;
        }
        if (action_.kind == Action::Kind::write && !is_ours()) {
            yield_to_kernel();
            return;
        }
        perform();
    }
    tasks_.post([this] { pump(); });
}

/// Whether the device still is, as far as can be known before a write.
bool ExchangeDriver::is_ours() {
    if (const auto ours = config_.confirm_claim(); !ours) {
        taken_ = ours.error();
        return false;
    }
    return true;
}

/// An error that this exchange may have made of the kernel's abort, by a write that came after it. The kernel waits for it to
/// clear, or will abort itself.
bool ExchangeDriver::shows_error() {
    const auto status =
        config_.read32(static_cast<std::uint16_t>(setup_.capability_offset + reg::status));
    return status && *status != pci::all_ones && (*status & status_error) != 0;
}

/// Leaves the device to the kernel, and the mailbox idle if that can be done: what is half sent or read is aborted when the
/// kernel cannot be using the mailbox yet. Later that would cut into an exchange of the kernel's.
void ExchangeDriver::yield_to_kernel() {
    const bool tidy_up = exchange_->written() && (config_.may_tidy_up() || shows_error());
    if (tidy_up) {
        static_cast<void>(
            config_.write32(static_cast<std::uint16_t>(setup_.capability_offset + reg::control),
                            exchange_->control_preserved() | control_abort));
    }
    const base::Error error = *std::exchange(taken_, std::nullopt);
    TraceRecord& record = recorder_.current();
    fill(record, *exchange_);
    record.abort = tidy_up ? AbortResult::under_way : record.abort;
    record.error = error.code();
    record.cause = BoundedText<TraceRecord::cause_length_max>(error.message());
    recorder_.end();
    const Exchange exchange = *std::exchange(exchange_, std::nullopt);
    owner_.exchange_dropped(exchange, error, tidy_up);
}

/// Makes the access that the exchange asked for and hears what it wants next.
void ExchangeDriver::perform() {
    if (action_.kind == Action::Kind::read) {
        const auto value = config_.read32(action_.offset);
        tell(value ? Event::read(*value) : Event::failed(value.error()));
    } else {
        const auto written = config_.write32(action_.offset, action_.value);
        tell(written ? Event::written() : Event::failed(written.error()));
    }
}

/// The clock takes as long to read as some accesses, of which an object has up to half a million.
void ExchangeDriver::tell(const Event& accessed) {
    if (!exchange_->moves_payload()) {
        clock_ = tasks_.now();
    }
    action_ = exchange_->resume(accessed, clock_);
}

void ExchangeDriver::wait() {
    const base::TimePoint now = tasks_.now();
    const bool response = action_.reason == Action::Reason::response;
    if (action_.reason != wait_reason_) {
        wait_reason_ = action_.reason;
        wait_since_ = response ? *exchange_->go_time() : now;
        owner_.exchange_waits(action_.reason);
    }
    waiting_ = true;
    if (response && setup_.interrupt && std::exchange(interrupt_seen_, false)) {
        // It came after GO and before this wait.
        woken_by_interrupt_ = true;
        tasks_.post([this] { wake(); });
        return;
    }
    base::TimePoint look = now + options_.safety_poll;
    if (!response || !setup_.interrupt) {
        look = next_look(now, response);
    }
    wait_timer_ = tasks_.at(std::min(look, action_.deadline), [this] {
        woken_by_interrupt_ = false;
        ++recorder_.current().polls;
        wake();
    });
}

/// No interrupt tells that Busy cleared, so that and an abort are always polled (PCIe r6.2 6.30.3). What the device has taught
/// is about responses.
base::TimePoint ExchangeDriver::next_look(base::TimePoint now, bool response) {
    const base::Duration floor = response ? poll_floor_.value() : options_.poll.floor;
    const PollSchedule& schedule = response ? poll_schedule(protocol_) : recovery_poll_;
    base::TimePoint look = schedule.next(wait_since_, now, floor);
    if (action_.deadline - look < floor) {
        // The last look is at the deadline, and leaves the one before it a floor as well.
        look = action_.deadline;
    }
    if (response) {
        planned_look_ = look - wait_since_;
        not_yet_ = now - wait_since_;
    }
    return look;
}

void ExchangeDriver::wake() {
    if (!std::exchange(waiting_, false)) {
        return;
    }
    tasks_.cancel(wait_timer_);
    action_ = exchange_->resume(Event::wake(), tasks_.now());
    pump();
}

void ExchangeDriver::on_interrupt() {
    interrupt_owed_ = false;
    if (waiting_ && setup_.interrupt && wait_reason_ == Action::Reason::response) {
        woken_by_interrupt_ = true;
        wake();
    } else {
        interrupt_seen_ = true;
    }
}

// --- What an exchange teaches ------------------------------------------------------------------------------------------

/// The exchange has seen its response.
void ExchangeDriver::learn(const Exchange& exchange) {
    noticed_ = woken_by_interrupt_ ? Noticed::interrupt : Noticed::poll;
    // The safety poll finds a response long after it was ready: nothing to learn from.
    if (woken_by_interrupt_ || !setup_.interrupt) {
        // By the time that was asked for, where one was: what the system takes to wake a thread is asked for earlier next time. Not
        // what it takes once, which would have the next look too early.
        const base::Duration looked = exchange.look_time();
        const base::Duration seen = std::max(std::min(looked, planned_look_), looked - waking);
        poll_schedule(protocol_).observe(seen, std::min(seen, not_yet_), poll_floor_.value());
    }
    if (!woken_by_interrupt_ && setup_.interrupt && !interrupt_seen_) {
        // Lost, or only late: then it was posted while the response was read.
        interrupt_owed_ = true;
        tasks_.post([this] { count_lost_interrupt(); });
    }
}

/// Whether the device can stand being looked at as often.
void ExchangeDriver::learn_pace(const Exchange& exchange) {
    if (setup_.interrupt || !exchange.go_time()) {
        return;
    }
    const base::Duration before = poll_floor_.value();
    if (exchange.response_time()) {
        poll_floor_.succeeded();
    } else if (has_failed_to_respond(exchange)) {
        poll_floor_.failed();
    }
    if (poll_floor_.value() != before) {
        owner_.poll_floor_changed();
    }
}

void ExchangeDriver::count_lost_interrupt() {
    if (std::exchange(interrupt_owed_, false) && setup_.interrupt &&
        ++interrupts_lost_ == interrupts_lost_max) {
        setup_.interrupt = false;
        owner_.interrupts_given_up();
    }
}

PollSchedule& ExchangeDriver::poll_schedule(Protocol protocol) {
    auto found = std::ranges::find(poll_, protocol, &std::pair<Protocol, PollSchedule>::first);
    if (found == poll_.end()) {
        found = poll_.insert(poll_.end(), {protocol, PollSchedule(options_.poll.cap)});
    }
    return found->second;
}

// --- The flight recorder -----------------------------------------------------------------------------------------------

/// What is known of the exchange by now.
void ExchangeDriver::fill(TraceRecord& record, const Exchange& exchange) const {
    const bool ended = !exchange_;
    record.duration = tasks_.now() - record.begin;
    record.request_length_dw = exchange.request_length_dw();
    record.response_length_dw = exchange.response_length_dw();
    record.response_time = exchange.response_time();
    record.status = exchange.status_words();
    record.reads = static_cast<std::uint32_t>(config_.reads() - reads_before_);
    record.writes = static_cast<std::uint32_t>(config_.writes() - writes_before_);
    record.noticed = noticed_;
    record.abort = abort_result(exchange, ended);
    if (!exchange.outcome()) {
        record.error = exchange.outcome().error().code();
        record.cause =
            BoundedText<TraceRecord::cause_length_max>(exchange.outcome().error().message());
    }
}

std::vector<TraceRecord> ExchangeDriver::trace() const {
    std::vector<TraceRecord> records = recorder_.records();
    if (exchange_) {
        fill(records.emplace_back(recorder_.current()), *exchange_);
    }
    return records;
}

}  // namespace doed::doe
