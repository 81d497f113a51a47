// SPDX-License-Identifier: Apache-2.0
#include "emulator/doe_instance.hpp"

#include "base/assert.hpp"
#include "emulator/faults/response_faults.hpp"
#include "emulator/protocols/discovery_responder.hpp"
#include "emulator/protocols/faulty_discovery_responder.hpp"

#include <algorithm>
#include <utility>

namespace doed::emulator {

namespace {

constexpr std::uint32_t likely_request_length_dw = 3;  // of discovery and of table access

std::unique_ptr<Responder> make_discovery(std::uint8_t capability_version,
                                          const std::vector<std::unique_ptr<Responder>>& others,
                                          const std::shared_ptr<FaultInjector>& faults) {
    std::vector<doe::Protocol> protocols;
    protocols.reserve(others.size());
    for (const auto& responder : others) {
        protocols.push_back(responder->protocol());
    }
    if (faults) {
        return std::make_unique<FaultyDiscoveryResponder>(capability_version, std::move(protocols),
                                                          faults);
    }
    return std::make_unique<DiscoveryResponder>(capability_version, std::move(protocols));
}

}  // namespace

DoeInstance::DoeInstance(const DoeInstanceOptions& options,
                         std::vector<std::unique_ptr<Responder>> responders,
                         std::function<base::TimePoint()> now, InterruptHook interrupt,
                         std::shared_ptr<FaultInjector> faults)
    : options_(options),
      faults_(std::move(faults)),
      responders_(std::move(responders)),
      now_(std::move(now)),
      interrupt_(options.interrupt_support, options.interrupt_message, std::move(interrupt),
                 faults_.get()),
      response_time_(options.response_time, options.seed) {
    responders_.insert(responders_.begin(),
                       make_discovery(options_.capability_version, responders_, faults_));
    misbehave_between_exchanges();
}

std::uint32_t DoeInstance::read(std::uint16_t offset) {
    settle();
    switch (offset) {
        case doe::reg::capabilities: return interrupt_.capabilities();
        case doe::reg::control: return interrupt_.enabled() ? doe::control_interrupt_enable : 0;
        case doe::reg::status: misbehave_when_polled(); return status();
        case doe::reg::read_mailbox: return ready() ? response_->object[response_->dwords_read] : 0;
        default: return 0;
    }
}

void DoeInstance::write(std::uint16_t offset, std::uint32_t value) {
    settle();
    switch (offset) {
        case doe::reg::control: write_control(value); break;
        case doe::reg::status:
            if ((value & doe::status_interrupt) != 0) {
                interrupt_.clear();
            }
            break;
        case doe::reg::write_mailbox: append_to_request(value); break;
        case doe::reg::read_mailbox: acknowledge_dword(); break;
        default: break;
    }
}

void DoeInstance::settle() {
    const base::TimePoint now = now_();
    if (abort_ends_at_ && now >= *abort_ends_at_) {
        abort_ends_at_.reset();
    }
    if (busy_spell_ && now >= busy_spell_->ends_at) {
        busy_spell_.reset();
    }
    if (response_ && !response_->ready && now >= response_->due_at) {
        raise_ready();
    }
}

std::optional<base::TimePoint> DoeInstance::next_event() const noexcept {
    base::TimePoint next = Response::never;
    if (abort_ends_at_) {
        next = std::min(next, *abort_ends_at_);
    }
    if (busy_spell_) {
        next = std::min(next, busy_spell_->ends_at);
    }
    if (response_ && !response_->ready) {
        next = std::min(next, response_->due_at);
    }
    return next == Response::never ? std::nullopt : std::optional(next);
}

void DoeInstance::reset() {
    drop_objects();
    error_ = false;
    abort_ends_at_.reset();
    busy_spell_.reset();
    interrupt_.reset();
    last_object_.clear();
    end_exchange();
    misbehave_between_exchanges();
}

void DoeInstance::write_control(std::uint32_t value) {
    const bool abort = (value & doe::control_abort) != 0;
    const bool takes_go = (value & doe::control_go) != 0 && !abort && !busy();
    interrupt_.write_enable((value & doe::control_interrupt_enable) != 0, takes_go);
    if (abort) {
        begin_abort();
    } else if (takes_go) {
        go();
        interrupt_.after_go();
    }
}

void DoeInstance::append_to_request(std::uint32_t dword) {
    // One dword above the longest object is enough to know that there were too many.
    if (!busy() && request_.size() <= doe::max_object_length_dw) {
        begin_exchange();
        request_.push_back(dword);
        misbehave_in_request();
    }
}

void DoeInstance::begin_abort() {
    if (faults_) {
        faults_->begin_abort();
    }
    if (strike(FaultKind::abort_ignored)) {
        return;
    }
    const bool fails = strike(FaultKind::abort_fails).has_value();
    if (!fails && ready() && strike(FaultKind::abort_leaves_ready)) {
        request_.clear();
    } else {
        drop_objects();
    }
    if (!fails) {
        error_ = false;
    } else if (!error_) {
        raise_error();
    }
    if (busy_spell_ && busy_spell_->ends_with_abort) {
        busy_spell_.reset();
    }
    if (const auto hang = strike(FaultKind::abort_hangs)) {
        abort_ends_at_ = hang->time ? now_() + *hang->time : Response::never;
    } else if (!busy() && options_.abort_time > base::Duration::zero()) {
        abort_ends_at_ = now_() + options_.abort_time;
    }
    end_exchange();
}

void DoeInstance::drop_objects() {
    request_.clear();
    response_.reset();
    true_response_.reset();
}

void DoeInstance::go() {
    begin_exchange();
    const std::vector<std::uint32_t> request = std::exchange(request_, {});
    if (error_) {
        return;
    }
    if (response_ || strike(FaultKind::error_at_go)) {
        raise_error();
        return;
    }
    auto object = respond(request);
    if (!object) {
        end_exchange();
        return;
    }
    response_ = make_response(*std::move(object));
    poll_fault_.reset();
    if (const auto fault = faults_ ? faults_->plan(FaultKind::error_when_polled) : std::nullopt) {
        poll_fault_ = PollFault{.fault = *fault, .last_look = now_()};
    }
    if (strike(FaultKind::early_ready)) {
        precede_response();
    }
    settle();
}

Response DoeInstance::make_response(std::vector<std::uint32_t> object) {
    const base::TimePoint now = now_();
    Response response{.object = std::move(object), .due_at = now + response_time_.next()};
    if (faults_) {
        distort(response, *faults_, now);
    }
    return response;
}

std::optional<std::vector<std::uint32_t>> DoeInstance::respond(
    const std::vector<std::uint32_t>& request) {
    if (request.size() < doe::header_length_dw ||
        doe::decode_header2(request[1]) != request.size()) {
        return std::nullopt;
    }
    const doe::Protocol protocol = doe::decode_header1(request[0]);
    const auto responder = std::ranges::find_if(
        responders_, [&](const auto& candidate) { return candidate->protocol() == protocol; });
    if (responder == responders_.end()) {
        return std::nullopt;
    }
    const auto payload = (*responder)->respond(std::span(request).subspan(doe::header_length_dw));
    if (!payload) {
        return std::nullopt;
    }
    const std::size_t length_dw = doe::header_length_dw + payload->size();
    DOED_ASSERT(length_dw <= doe::max_object_length_dw);
    std::vector<std::uint32_t> object{doe::encode_header1(protocol),
                                      doe::encode_header2(static_cast<std::uint32_t>(length_dw))};
    object.insert(object.end(), payload->begin(), payload->end());
    return object;
}

void DoeInstance::acknowledge_dword() {
    if (!ready()) {
        return;
    }
    if (++response_->dwords_read == response_->object.size()) {
        finish_response();
    } else {
        misbehave_in_read();
    }
}

void DoeInstance::finish_response() {
    if (faults_) {
        last_object_ = std::move(response_->object);
    }
    response_ = std::exchange(true_response_, std::nullopt);
    if (response_) {
        settle();
        return;
    }
    if (exchange_begun_ && strike(FaultKind::error_after_read)) {
        raise_error();
        return;
    }
    if (exchange_begun_) {
        end_exchange();
        misbehave_between_exchanges();
    }
}

void DoeInstance::begin_exchange() {
    exchange_begun_ = true;
    if (faults_ && request_.empty()) {
        request_fault_.reset();
        if (const auto fault = faults_->plan(FaultKind::error_in_request)) {
            request_fault_ =
                RequestFault{.fault = *fault,
                             .after_dw = faults_->dwords_of(*fault, 1, likely_request_length_dw)};
        }
    }
}

void DoeInstance::end_exchange() {
    if (std::exchange(exchange_begun_, false) && faults_) {
        faults_->end_exchange();
    }
}

void DoeInstance::misbehave_between_exchanges() {
    if (!faults_ || !request_.empty()) {
        return;
    }
    if (const auto busy = strike(FaultKind::busy)) {
        busy_spell_ = BusySpell{.ends_at = now_() + *busy->time};
    } else if (strike(FaultKind::stuck_busy)) {
        busy_spell_ = BusySpell{.ends_at = Response::never, .ends_with_abort = true};
    }
    if (strike(FaultKind::stale_ready)) {
        const auto first_protocol = respond({doe::encode_header1(doe::protocol_discovery), 3, 0});
        DOED_ASSERT(first_protocol.has_value());
        response_ = Response{.object = *first_protocol};
        raise_ready();
    }
    if (strike(FaultKind::stale_error)) {
        raise_error();
    }
}

void DoeInstance::misbehave_in_request() {
    if (request_fault_ && request_.size() == request_fault_->after_dw && !error_) {
        faults_->happened(request_fault_->fault);
        raise_error();
    }
}

void DoeInstance::misbehave_in_read() {
    const auto& planned = response_->read_fault;
    if (!planned || response_->dwords_read != planned->after_dw) {
        return;
    }
    const Fault fault = planned->fault;
    faults_->happened(fault);
    if (fault.kind == FaultKind::error_in_read) {
        raise_error();
    } else if (fault.kind == FaultKind::error_beside_ready) {
        error_ = true;
        interrupt_.raise();
    } else if (fault.time) {
        response_->ready = false;
        response_->due_at = now_() + *fault.time;
    } else {
        response_.reset();
    }
}

void DoeInstance::misbehave_when_polled() {
    if (!poll_fault_ || !processing()) {
        return;
    }
    const base::TimePoint now = now_();
    if (now - poll_fault_->last_look < *poll_fault_->fault.time) {
        faults_->happened(poll_fault_->fault);
        raise_error();
    }
    poll_fault_->last_look = now;
}

// The response before this one is given out first, or as many zeros as the true one has dwords.
void DoeInstance::precede_response() {
    Response early{.object = last_object_, .due_at = now_()};
    if (early.object.empty()) {
        early.object.resize(response_->object.size());
    }
    true_response_ = std::exchange(response_, std::move(early));
}

void DoeInstance::raise_ready() {
    if (const auto failure = response_->failure) {
        faults_->happened(*failure);
        raise_error();
        return;
    }
    response_->ready = true;
    interrupt_.raise();
}

void DoeInstance::raise_error() {
    response_.reset();
    true_response_.reset();
    error_ = true;
    interrupt_.raise();
}

std::optional<Fault> DoeInstance::strike(FaultKind kind) const {
    return faults_ ? faults_->strike(kind) : std::nullopt;
}

std::uint32_t DoeInstance::status() const noexcept {
    return (busy() ? doe::status_busy : 0) | (interrupt_.status() ? doe::status_interrupt : 0) |
           (error_ ? doe::status_error : 0) | (ready() ? doe::status_ready : 0);
}

}  // namespace doed::emulator
