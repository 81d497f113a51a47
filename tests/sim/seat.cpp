// SPDX-License-Identifier: Apache-2.0
#include "sim/seat.hpp"

#include <utility>

namespace doed::sim {

using doe::MailboxState;

Seat::Seat(Port& port, test::SimStrands& strands, Judge& judge, Tally& tally)
    : port_(port), strands_(strands), strand_(strands.add()), judge_(judge), tally_(tally) {
    port_.on_interrupt([this] {
        strand_.post([this, life = life_] {
            if (life && life->mailbox) {
                life->wire->rules().allow_early_look();
                life->mailbox->on_interrupt();
            }
        });
    });
}

// --- Lives -----------------------------------------------------------------------------------------------------------------

void Seat::claim() {
    if (life_) {
        return;
    }
    ++tally_.mailboxes;
    judge_.note("%s: claimed", port_.name().c_str());
    const doe::AllowList allowed;
    auto life = std::make_shared<Life>();
    life->wire = std::make_shared<Wire>(port_, strands_, judge_, allowed);
    life->state_since = instant();
    const auto bus = static_cast<std::uint8_t>(std::stoul(port_.name().substr(5, 2), nullptr, 16));
    life->mailbox = std::make_unique<doe::Mailbox>(
        strand_, std::make_unique<WatchedConfigSpace>(life->wire), pci::Address{.bus = bus},
        pci::DoeCapability{port_.plan().offset, port_.plan().device.capability_version},
        port_.plan().mailbox, allowed,
        [this, life = life.get()](const doe::MailboxStatus& status) { hear(*life, status); });
    life_ = std::move(life);
    strand_.post([life = life_] { life->mailbox->start(); });
}

void Seat::let_go(base::Errc why, std::function<void()> done) {
    if (!life_) {
        done();
        return;
    }
    if (life_->closing) {
        // Somebody else has begun it, and goes on with it.
        return;
    }
    ++tally_.closes;
    life_->closing = why;
    strand_.post([this, life = life_, why, done = std::move(done)] {
        judge_.note("%s: closed, %.*s", port_.name().c_str(),
                    static_cast<int>(base::describe(why).size()), base::describe(why).data());
        life->wire->rules().give_up();
        life->mailbox->close(why, [this, life, asked = instant(), done] {
            closed(life, asked);
            // Not inside the mailbox's own call.
            strand_.post([this, life, done] { end(life, done); });
        });
    });
}

void Seat::closed(const std::shared_ptr<Life>& life, const Instant& asked) {
    judge_.note("%s: given up", port_.name().c_str());
    // At most a response on the wire and its abort, or two aborts.
    if (instant().since(asked) > 2 * port_.plan().mailbox.exchange_timeout) {
        breach("closed-in-time", "it took longer than a response and an abort");
    }
    life->wire->close();
    const auto& status = life->mailbox->status();
    if (status.state != MailboxState::closed && status.state != MailboxState::gone &&
        status.state != MailboxState::kernel) {
        breach("states-are-in-order", "given up in a state that is not final");
    }
    if (status.state == MailboxState::closed && life->wire->rules().armed() &&
        !life->wire->last_access_failed()) {
        breach("disarmed-at-the-end", "given up with interrupts enabled");
    }
    if (status.counters.config_reads != life->wire->reads() ||
        status.counters.config_writes != life->wire->writes()) {
        breach("accesses-are-counted", "other numbers of accesses than were made");
    }
    if (counts_on_interrupts_ && status.counters.poll_completions != 0) {
        breach("interrupts-are-used", "a response was found by looking, although interrupts come");
    }
    if (life->outstanding != 0 || life->resets_outstanding != 0) {
        breach("each-answered-once", "given up with submissions that have no answer");
    }
    check_trace(*life->mailbox);
}

void Seat::check_trace(const doe::Mailbox& mailbox) {
    const auto records = mailbox.trace();
    std::uint64_t before = 0;
    for (const auto& record : records) {
        if (record.sequence <= before) {
            breach("trace-is-in-order", "a record that is not newer than the one before");
        }
        before = record.sequence;
    }
    if (records.size() > doe::FlightRecorder::capacity + 1) {
        breach("trace-is-in-order", "more records than there is room");
    }
}

void Seat::end(const std::shared_ptr<Life>& life, const std::function<void()>& done) {
    tally_.exchanges += life->wire->rules().completed();
    tally_.aborts += life->wire->rules().aborts();
    tally_.accesses += life->wire->accesses();
    life->mailbox.reset();
    life_.reset();
    done();
}

void Seat::reset() {
    if (!life_) {
        return;
    }
    ++tally_.resets;
    ++life_->resets_posted;
    strand_.post([this, life = life_] {
        --life->resets_posted;
        if (!life->mailbox) {
            return;
        }
        judge_.note("%s: reset", port_.name().c_str());
        life->wire->rules().give_up();
        ++life->resets;
        ++life->resets_outstanding;
        auto answers = std::make_shared<int>(0);
        life->mailbox->reset([this, life, answers](const base::Result<void>& outcome) {
            judge_.note("%s: reset is answered: %s", port_.name().c_str(),
                        outcome ? "ok" : outcome.error().message().c_str());
            if (++*answers > 1) {
                breach("each-answered-once", "a reset was answered twice");
                return;
            }
            --life->resets_outstanding;
        });
    });
}

// --- What it says of itself ------------------------------------------------------------------------------------------------

void Seat::hear(Life& life, const doe::MailboxStatus& status) {
    if (status.state != life.state) {
        enter(life, status.state);
    }
    if (status.counters.exchanges > life.wire->rules().completed()) {
        breach("exchanges-are-counted", "more exchanges than were completed");
    }
}

void Seat::enter(Life& life, MailboxState state) {
    const auto text = doe::to_string(state);
    judge_.note("%s: state %.*s", port_.name().c_str(), static_cast<int>(text.size()), text.data());
    if (life.state == MailboxState::gone || life.state == MailboxState::closed ||
        life.state == MailboxState::kernel) {
        breach("states-are-in-order", "another state after a final one");
    }
    life.state = state;
    life.state_since = instant();
    switch (state) {
        case MailboxState::idle: life.wire->mailbox_rests(); break;
        case MailboxState::dead:
            life.wire->mailbox_ends();
            // What was on its way then has its time: Busy, an abort, a response, another abort.
            if (sound_ && instant().since(*sound_) > 4 * port_.plan().mailbox.exchange_timeout) {
                breach("serves-again", "dead although the device is sound");
            }
            break;
        case MailboxState::closed: life.wire->mailbox_ends(); break;
        case MailboxState::kernel:
            if (!life.wire->told_taken()) {
                breach("no-error-without-a-cause", "the kernel's, and the kernel has not taken it");
            }
            if (gone_) {
                gone_();
            }
            break;
        case MailboxState::gone:
            if (!port_.disturbed()) {
                breach("no-error-without-a-cause", "gone, and nothing had happened");
            }
            // The host hears of it as of everything, later.
            if (gone_) {
                gone_();
            }
            break;
        case MailboxState::starting:
        case MailboxState::busy:
        case MailboxState::aborting: break;
    }
}

// --- What always holds -----------------------------------------------------------------------------------------------------

void Seat::check() {
    if (!life_ || !life_->mailbox) {
        return;
    }
    const auto& status = life_->mailbox->status();
    if (status.queue_length != life_->outstanding) {
        breach("queue-is-counted", "another queue length than there are submissions");
    }
    if (status.queue_length > port_.plan().mailbox.queue_limit ||
        life_->resets_outstanding > port_.plan().mailbox.queue_limit) {
        breach("queue-within-limit", "more submissions or resets than the limit");
    }
}

void Seat::check_quiet() {
    if (!life_ || !life_->mailbox) {
        return;
    }
    const Life& life = *life_;
    const auto& plan = port_.plan().mailbox;
    const bool waits = life.outstanding != 0 || life.resets_outstanding != 0;
    switch (life.state) {
        case MailboxState::idle:
        case MailboxState::kernel:
        case MailboxState::gone:
        case MailboxState::closed:
            if (waits) {
                breach("work-is-taken-up", "submissions wait and nothing is done");
            }
            break;
        case MailboxState::dead:
            if (life.outstanding != 0) {
                breach("work-is-taken-up", "submissions wait for a dead mailbox");
            }
            if (instant().since(life.state_since) > plan.revival_pause_max) {
                breach("dead-is-tried-again", "dead for longer than the longest pause");
            }
            break;
        case MailboxState::starting:
        case MailboxState::busy:
        case MailboxState::aborting:
            if (instant().since(life.wire->last_access()) > plan.exchange_timeout &&
                instant().since(life.state_since) > plan.exchange_timeout) {
                breach("no-standstill", "nothing was done for longer than any wait");
            }
            break;
    }
    if (life.closing && life.state == MailboxState::idle) {
        breach("closed-in-time", "idle instead of given up");
    }
}

}  // namespace doed::sim
