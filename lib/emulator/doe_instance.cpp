// SPDX-License-Identifier: Apache-2.0
#include "emulator/doe_instance.hpp"

#include "base/assert.hpp"
#include "emulator/protocols/discovery_responder.hpp"

#include <algorithm>
#include <utility>

namespace doed::emulator {

namespace {

constexpr std::uint16_t max_interrupt_message = 0x7FF;
constexpr std::uint32_t interrupt_message_shift = 1;

std::unique_ptr<Responder> make_discovery(std::uint8_t capability_version,
                                          const std::vector<std::unique_ptr<Responder>>& others) {
    std::vector<doe::Protocol> protocols;
    protocols.reserve(others.size());
    for (const auto& responder : others) {
        protocols.push_back(responder->protocol());
    }
    return std::make_unique<DiscoveryResponder>(capability_version, std::move(protocols));
}

}  // namespace

DoeInstance::DoeInstance(const DoeInstanceOptions& options,
                         std::vector<std::unique_ptr<Responder>> responders,
                         std::function<base::TimePoint()> now, InterruptHook interrupt)
    : options_(options),
      responders_(std::move(responders)),
      now_(std::move(now)),
      interrupt_(std::move(interrupt)),
      response_time_(options.response_time, options.seed) {
    DOED_ASSERT(options_.interrupt_message <= max_interrupt_message);
    responders_.insert(responders_.begin(),
                       make_discovery(options_.capability_version, responders_));
}

std::uint32_t DoeInstance::read(std::uint16_t offset) {
    settle();
    switch (offset) {
        case doe::reg::capabilities:
            return options_.interrupt_support
                       ? doe::capabilities_interrupt_support |
                             std::uint32_t{options_.interrupt_message} << interrupt_message_shift
                       : 0;
        case doe::reg::control: return interrupt_enable_ ? doe::control_interrupt_enable : 0;
        case doe::reg::status: return status();
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
                interrupt_status_ = false;
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
    if (response_ && !response_->ready && now >= response_->ready_at) {
        raise_ready();
    }
}

std::optional<base::TimePoint> DoeInstance::next_event() const noexcept {
    if (abort_ends_at_) {
        return abort_ends_at_;
    }
    if (response_ && !response_->ready) {
        return response_->ready_at;
    }
    return std::nullopt;
}

void DoeInstance::write_control(std::uint32_t value) {
    interrupt_enable_ = options_.interrupt_support && (value & doe::control_interrupt_enable) != 0;
    if ((value & doe::control_abort) != 0) {
        begin_abort();
    } else if ((value & doe::control_go) != 0) {
        go();
    }
}

void DoeInstance::append_to_request(std::uint32_t dword) {
    // One dword above the longest object is enough to know that there were too many.
    if (!busy() && request_.size() <= doe::max_object_length_dw) {
        request_.push_back(dword);
    }
}

void DoeInstance::begin_abort() {
    request_.clear();
    response_.reset();
    error_ = false;
    if (!busy() && options_.abort_time > base::Duration::zero()) {
        abort_ends_at_ = now_() + options_.abort_time;
    }
}

// While Busy is set there is no request: the abort has dropped it, and nothing was taken since.
void DoeInstance::go() {
    const std::vector<std::uint32_t> request = std::exchange(request_, {});
    if (error_) {
        return;
    }
    if (response_) {
        raise_error();
        return;
    }
    if (auto object = respond(request)) {
        response_ =
            Response{.object = std::move(*object), .ready_at = now_() + response_time_.next()};
        settle();
    }
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
    if (ready() && ++response_->dwords_read == response_->object.size()) {
        response_.reset();
    }
}

void DoeInstance::raise_ready() {
    response_->ready = true;
    raise_interrupt();
}

void DoeInstance::raise_error() {
    response_.reset();
    error_ = true;
    raise_interrupt();
}

void DoeInstance::raise_interrupt() {
    if (!options_.interrupt_support || interrupt_status_) {
        return;
    }
    interrupt_status_ = true;
    if (interrupt_enable_ && interrupt_) {
        interrupt_(options_.interrupt_message);
    }
}

std::uint32_t DoeInstance::status() const noexcept {
    return (busy() ? doe::status_busy : 0) | (interrupt_status_ ? doe::status_interrupt : 0) |
           (error_ ? doe::status_error : 0) | (ready() ? doe::status_ready : 0);
}

}  // namespace doed::emulator
