// SPDX-License-Identifier: Apache-2.0
#include "doe/exchange.hpp"

#include "base/assert.hpp"
#include "doe/data_object.hpp"
#include "doe/registers.hpp"
#include "pci/config_space.hpp"

#include <cstdio>
#include <utility>

namespace doed::doe {

namespace {

/// A register's value, all eight digits.
std::string dword(std::uint32_t value) {
    char text[16];
    std::snprintf(text, sizeof(text), "0x%08x", value);
    return text;
}

}  // namespace

Exchange::Exchange(const ExchangeSetup& setup) : setup_(setup) {}

Exchange::Exchange(const ExchangeSetup& setup, Protocol protocol,
                   std::span<const std::uint32_t> request, std::uint32_t max_response_dw,
                   std::vector<std::uint32_t>& response, std::optional<std::uint32_t> known_status)
    : setup_(setup),
      protocol_(protocol),
      request_(request),
      max_response_dw_(max_response_dw),
      response_(&response),
      known_status_(known_status) {
    DOED_ASSERT(request.size() <= max_object_length_dw - header_length_dw);
    DOED_ASSERT(max_response_dw >= header_length_dw && max_response_dw <= max_object_length_dw);
    response_->clear();
}

Exchange Exchange::abort_only(const ExchangeSetup& setup) {
    Exchange exchange(setup);
    exchange.abort_only_ = true;
    return exchange;
}

std::uint32_t Exchange::request_length_dw() const noexcept {
    return abort_only_ ? 0 : header_length_dw + static_cast<std::uint32_t>(request_.size());
}

Action Exchange::resume(const Event& event, base::TimePoint now) {
    DOED_ASSERT(state_ != State::done);
    if (event.kind == Event::Kind::failed) {
        return on_access_failed(*event.error);
    }
    written_ = written_ || event.kind == Event::Kind::written;
    // An abort or the question whether the device is there is seen through; everything before it is given up. A write
    // that was just made counts: after GO the object is on the wire.
    const bool recovering = aborting() || state_ == State::confirm_presence;
    if (abandoned_ && !recovering && !abort_only_) {
        if (state_ == State::start) {
            outcome_ = base::fail(base::Errc::aborted, "given up before it was sent");
            return finish();
        }
        return fail(base::Errc::aborted, "given up");
    }
    return step(event, now);
}

Action Exchange::step(const Event& event, base::TimePoint now) {
    switch (state_) {
        case State::start:
            if (abort_only_) {
                return read(State::read_control, reg::control);
            }
            deadline_ = now + setup_.timeout;
            if (known_status_) {
                return on_idle_status(*known_status_, now);
            }
            return look(State::check_idle);
        case State::read_control: return on_control(event.value);
        case State::check_idle: return on_idle_status(event.value, now);
        case State::wait_idle: return look(State::check_idle);

        case State::write_header1:
            return write(State::write_header2, reg::write_mailbox,
                         encode_header2(request_length_dw()));
        case State::write_header2:
        case State::write_payload: return send_next();
        case State::clear_interrupt: return write(State::go, reg::control, control(control_go));
        case State::go:
            go_time_ = now;
            deadline_ = now + setup_.timeout;
            if (setup_.interrupt || !setup_.look_at_once) {
                return wait(State::wait_ready, Action::Reason::response, deadline_);
            }
            return look_for_response(State::check_ready, now);

        case State::check_ready:
        case State::check_ready_again: return on_response_status(event.value, now);
        case State::clear_other_interrupt: return look_for_response(State::check_ready_again, now);
        case State::wait_ready: return look_for_response(State::check_ready, now);

        // A removed device reads as all ones, and so may a dword of an object: whoever is gone is not read to the end.
        case State::read_header1:
            return event.value == pci::all_ones ? confirm_presence() : on_header1(event.value);
        case State::ack_header1: return read(State::read_header2, reg::read_mailbox);
        case State::read_header2:
            return event.value == pci::all_ones ? confirm_presence() : on_header2(event.value);
        case State::read_payload:
            return event.value == pci::all_ones ? confirm_presence()
                                                : take_payload_dword(event.value);
        case State::check_before_last_ack: return on_status_before_last_ack(event.value);
        case State::ack_payload: return read_next();
        case State::ack_last: return look(State::check_final);
        case State::check_final: return on_final_status(event.value);

        case State::write_abort: deadline_ = now + setup_.timeout; return look(State::check_abort);
        case State::check_abort: return on_abort_status(event.value, now);
        case State::wait_abort: return look(State::check_abort);
        case State::enable_interrupt: return after_abort();

        case State::confirm_presence: return on_presence(event.value, now);
        case State::done: break;
    }
    DOED_ASSERT(false);
    return finish();
}

// --- Claiming ------------------------------------------------------------------------------------------------------

Action Exchange::on_control(std::uint32_t control) {
    if (control == pci::all_ones) {
        return confirm_presence();
    }
    setup_.control_preserved = control & ~(control_abort | control_go | control_interrupt_enable);
    return start_abort(AfterAbort::finish);
}

// --- Sending -------------------------------------------------------------------------------------------------------

Action Exchange::on_idle_status(std::uint32_t status, base::TimePoint now) {
    note_status(status);
    if (status == pci::all_ones) {
        return confirm_presence();
    }
    if ((status & status_error) != 0) {
        return start_abort(AfterAbort::send);
    }
    if ((status & status_busy) != 0) {
        // No interrupt tells that Busy cleared (PCIe r6.2 6.30.3), and several devices leave it set for a while after boot.
        if (now >= deadline_) {
            return fail(base::Errc::busy, "Busy did not clear (status " + dword(status) + ")");
        }
        return wait(State::wait_idle, Action::Reason::busy, deadline_);
    }
    if ((status & status_ready) != 0) {
        // Somebody else's response: it must not be taken for ours.
        return start_abort(AfterAbort::send);
    }
    return write(State::write_header1, reg::write_mailbox, encode_header1(protocol_));
}

Action Exchange::send_next() {
    if (sent_dw_ < request_.size()) {
        return write(State::write_payload, reg::write_mailbox, request_[sent_dw_++]);
    }
    if (setup_.interrupt) {
        // The interrupt is raised when Interrupt Status changes from 0 to 1, so a leftover 1 would swallow it.
        return write(State::clear_interrupt, reg::status, status_interrupt);
    }
    return write(State::go, reg::control, control(control_go));
}

// --- Receiving -----------------------------------------------------------------------------------------------------

Action Exchange::look_for_response(State next, base::TimePoint now) {
    look_began_ = now;
    return look(next);
}

Action Exchange::on_response_status(std::uint32_t status, base::TimePoint now) {
    note_status(status);
    if (status == pci::all_ones) {
        return confirm_presence();
    }
    if ((status & status_error) != 0) {
        return fail(base::Errc::device_error,
                    "Error is set instead of a response (status " + dword(status) + ")");
    }
    if ((status & status_ready) != 0) {
        response_time_ = now - *go_time_;
        return read(State::read_header1, reg::read_mailbox);
    }
    if (now >= deadline_) {
        return fail(base::Errc::timeout, "no response (status " + dword(status) + ")");
    }
    if (setup_.interrupt && (status & status_interrupt) != 0 && state_ == State::check_ready) {
        // Set for something else, and while it stays so the response raises no interrupt. The response may become ready
        // before it is cleared, so look once more.
        return write(State::clear_other_interrupt, reg::status, status_interrupt);
    }
    return wait(State::wait_ready, Action::Reason::response, deadline_);
}

Action Exchange::on_header1(std::uint32_t header1) {
    // Checked before the first ack: what is not ours is not consumed.
    const Protocol answered = decode_header1(header1);
    if (answered != protocol_) {
        return fail(base::Errc::malformed, "a request of " + protocol_.to_string() +
                                               " was answered with " + answered.to_string());
    }
    received_dw_ = 1;
    return write(State::ack_header1, reg::read_mailbox, 0);
}

Action Exchange::on_header2(std::uint32_t header2) {
    received_dw_ = 2;
    length_dw_ = decode_header2(header2);
    if (length_dw_ < header_length_dw) {
        return fail(base::Errc::malformed, "the response's length is " +
                                               std::to_string(length_dw_) +
                                               " dwords, less than its header");
    }
    if (length_dw_ > max_response_dw_) {
        return fail(base::Errc::malformed, "the response's length is " +
                                               std::to_string(length_dw_) +
                                               " dwords, above the protocol's maximum of " +
                                               std::to_string(max_response_dw_));
    }
    response_->reserve(length_dw_ - header_length_dw);
    return after_payload_dword();
}

Action Exchange::take_payload_dword(std::uint32_t dword) {
    response_->push_back(dword);
    return after_payload_dword();
}

Action Exchange::after_payload_dword() {
    if (received_dw_ == length_dw_) {
        return look(State::check_before_last_ack);
    }
    return write(State::ack_payload, reg::read_mailbox, 0);
}

Action Exchange::read_next() {
    ++received_dw_;
    return read(State::read_payload, reg::read_mailbox);
}

Action Exchange::on_status_before_last_ack(std::uint32_t status) {
    note_status(status);
    if (status == pci::all_ones) {
        return confirm_presence();
    }
    if ((status & status_error) != 0) {
        return fail(base::Errc::device_error, "Error was set while the response was read");
    }
    if ((status & status_ready) == 0) {
        return fail(base::Errc::malformed, "Ready was lost before the last of " +
                                               std::to_string(length_dw_) + " dwords was taken");
    }
    return write(State::ack_last, reg::read_mailbox, 0);
}

Action Exchange::on_final_status(std::uint32_t status) {
    note_status(status);
    if (status == pci::all_ones) {
        return confirm_presence();
    }
    if ((status & status_error) != 0) {
        return fail(base::Errc::device_error, "Error was set after the last dword was read");
    }
    return finish();
}

// --- Recovery ------------------------------------------------------------------------------------------------------

Action Exchange::start_abort(AfterAbort then) {
    after_abort_ = then;
    aborted_ = true;
    status_words_.before_abort = status_words_.last;
    // Interrupt Enable comes last: not before the mailbox is known to be idle.
    return write(State::write_abort, reg::control, setup_.control_preserved | control_abort);
}

Action Exchange::on_abort_status(std::uint32_t status, base::TimePoint now) {
    note_status(status);
    if (status == pci::all_ones) {
        return confirm_presence();
    }
    // The specification names Busy and Error; an object that is still Ready would reach the next request.
    if ((status & (status_busy | status_error | status_ready)) == 0) {
        if (setup_.interrupt) {
            // A device may look at GO before it looks at Interrupt Enable in the same write, so this is set on its own.
            return write(State::enable_interrupt, reg::control, control(0));
        }
        return after_abort();
    }
    if (now < deadline_) {
        return wait(State::wait_abort, Action::Reason::abort, deadline_);
    }
    return die("abort did not clear the mailbox (status " + dword(status) + ")");
}

/// The abort has failed; what it was for is told before that.
Action Exchange::die(std::string context) {
    dead_ = true;
    if (!outcome_) {
        context = outcome_.error().message() + "; then " + context;
    }
    outcome_ = base::fail(base::Errc::dead, std::move(context));
    return finish();
}

Action Exchange::after_abort() {
    if (after_abort_ == AfterAbort::send) {
        if (abandoned_) {
            outcome_ = base::fail(base::Errc::aborted, "given up before it was sent");
            return finish();
        }
        return write(State::write_header1, reg::write_mailbox, encode_header1(protocol_));
    }
    return finish();
}

Action Exchange::fail(base::Errc code, std::string context) {
    failure_ = code;
    outcome_ = base::fail(code, std::move(context));
    return start_abort(AfterAbort::finish);
}

Action Exchange::confirm_presence() {
    confirming_for_ = state_;
    state_ = State::confirm_presence;
    return {.kind = Action::Kind::read, .offset = reg::function_command};
}

Action Exchange::on_presence(std::uint32_t command, base::TimePoint now) {
    if (command == pci::all_ones) {
        last_status_.reset();
        outcome_ = base::fail(base::Errc::device_gone, "config space reads as all ones");
        return finish();
    }
    switch (confirming_for_) {
        case State::read_control: return on_control(0);
        case State::read_header1: return on_header1(pci::all_ones);
        case State::read_header2: return on_header2(pci::all_ones);
        case State::read_payload: return take_payload_dword(pci::all_ones);
        case State::check_abort:
            // The function is there and its mailbox shows every bit: neither Busy nor Error has cleared.
            if (now < deadline_) {
                return wait(State::wait_abort, Action::Reason::abort, deadline_);
            }
            return die("the status register reads as all ones");
        default: return fail(base::Errc::device_error, "the status register reads as all ones");
    }
}

// An access that failed may have reached the device or not. What an abort sets right costs the exchange alone, and an abort
// that was hit is made again. The second failure is the end: nothing can be said of a mailbox that cannot be reached.
Action Exchange::on_access_failed(const base::Error& error) {
    last_status_.reset();
    const bool in_use = written_ || aborted_;
    if (error.code() == base::Errc::io && !std::exchange(access_failed_, true)) {
        if (state_ == State::read_control) {
            return read(State::read_control, reg::control);
        }
        if (aborting()) {
            return start_abort(after_abort_);
        }
        if (in_use || state_ == State::write_header1) {
            outcome_ = std::unexpected(error);
            return start_abort(AfterAbort::finish);
        }
    }
    dead_ = in_use && error.code() != base::Errc::device_gone;
    outcome_ = std::unexpected(outcome_ ? error : error.in(outcome_.error().message() + "; then"));
    return finish();
}

bool Exchange::aborting() const noexcept {
    const State state = state_ == State::confirm_presence ? confirming_for_ : state_;
    return state == State::write_abort || state == State::check_abort ||
           state == State::wait_abort || state == State::enable_interrupt;
}

// --- Actions -------------------------------------------------------------------------------------------------------

Action Exchange::look(State state) {
    return read(state, reg::status);
}

Action Exchange::read(State state, std::uint16_t register_offset) {
    state_ = state;
    return {.kind = Action::Kind::read,
            .offset = static_cast<std::uint16_t>(setup_.capability_offset + register_offset)};
}

Action Exchange::write(State state, std::uint16_t register_offset, std::uint32_t value) {
    state_ = state;
    return {.kind = Action::Kind::write,
            .offset = static_cast<std::uint16_t>(setup_.capability_offset + register_offset),
            .value = value};
}

Action Exchange::wait(State state, Action::Reason reason, base::TimePoint deadline) {
    state_ = state;
    return {.kind = Action::Kind::wait, .reason = reason, .deadline = deadline};
}

Action Exchange::finish() {
    state_ = State::done;
    return {.kind = Action::Kind::done};
}

void Exchange::note_status(std::uint32_t status) {
    last_status_ = status;
    status_words_.last = status;
    if (go_time_ && !status_words_.after_go) {
        status_words_.after_go = status;
    }
}

std::uint32_t Exchange::control(std::uint32_t bits) const noexcept {
    return setup_.control_preserved | (setup_.interrupt ? control_interrupt_enable : 0) | bits;
}

}  // namespace doed::doe
