// SPDX-License-Identifier: Apache-2.0
#include "sim/seat.hpp"

#include <algorithm>
#include <utility>

namespace doed::sim {

using base::Errc;
using doe::MailboxState;

namespace {

// Discovery is made twice at most, and is short also when it is given answers that were not meant for it.
constexpr std::uint64_t claim_exchanges_max = 2 * 8;

}  // namespace

Seat::Seat(Port& port, test::SimStrands& strands, Judge& judge, Tally& tally)
    : port_(port), strands_(strands), strand_(strands.add()), judge_(judge), tally_(tally) {
    port_.on_interrupt([this] {
        strand_.post([life = life_] {
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
    if (status.counters.timeouts > status.counters.errors) {
        breach("timeouts-are-counted", "more timeouts than exchanges that went wrong");
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
        life->reset_while_dead = life->reset_while_dead || life->state == MailboxState::dead;
        auto answers = std::make_shared<int>(0);
        if (life->state == MailboxState::idle || life->state == MailboxState::busy ||
            life->state == MailboxState::aborting) {
            life->wire->turns().wants_reset();
        }
        life->mailbox->reset(
            [this, life, answers, before = before(*life)](const base::Result<void>& outcome) {
                judge_.note("%s: reset is answered: %s", port_.name().c_str(),
                            outcome ? "ok" : outcome.error().message().c_str());
                if (++*answers > 1) {
                    breach("each-answered-once", "a reset was answered twice");
                    return;
                }
                judge_reset(*life, before, outcome);
                --life->resets_outstanding;
            });
    });
}

// The exchange in hand may come before it.
void Seat::judge_reset(const Life& life, const Before& before, const base::Result<void>& outcome) {
    judge_time(life, before, 1);
    if (outcome) {
        return;
    }
    const base::Error& error = outcome.error();
    judge_text(life, error);
    bool caused = life.closing && error.code() == *life.closing;
    switch (error.code()) {
        case Errc::limits_exceeded:
            caused = life.resets_outstanding > port_.plan().mailbox.queue_limit;
            break;
        case Errc::kernel_owned: caused = caused || life.wire->told_taken(); break;
        case Errc::not_supported: break;  // claiming takes what there is
        default: caused = caused || caused_by_device(error.code()); break;
    }
    if (!caused) {
        breach("no-error-without-a-cause", "a reset: " + error.message());
    }
}

// --- Time ------------------------------------------------------------------------------------------------------------------

Before Seat::before(const Life& life) const {
    const RegisterRules& rules = life.wire->rules();
    return {.asked = instant(),
            .claims = life.claims - 1,
            .requests = rules.requests(),
            .waits = rules.waits_max()};
}

void Seat::judge_time(const Life& life, const Before& before, std::uint64_t exchanges) {
    const RegisterRules& rules = life.wire->rules();
    const std::uint64_t claims = life.claims - before.claims;
    if (rules.requests() - before.requests > exchanges + claims * claim_exchanges_max) {
        breach("answered-in-time", "waited for more than was before it");
    }
    // Those under way at either end are two more.
    const auto waits = static_cast<base::Duration::rep>(rules.waits_max() - before.waits + 2);
    if (instant().since(before.asked) > waits * port_.plan().mailbox.exchange_timeout) {
        breach("answered-in-time", "waited while nothing was under way");
    }
}

// --- Errors and records ----------------------------------------------------------------------------------------------------

void Seat::judge_text(const Life& life, const base::Error& error) {
    // What the client or the host did themselves needs no explanation.
    const bool explains_itself = error.code() == Errc::deadline_exceeded ||
                                 error.code() == Errc::cancelled ||
                                 (life.closing && error.code() == *life.closing);
    const std::string prefix = port_.name() + ": ";
    const bool named = explains_itself ? error.context().starts_with(port_.name())
                                       : error.context().starts_with(prefix) &&
                                             error.context().size() > prefix.size();
    if (!named) {
        breach("errors-name-the-mailbox", error.message());
    }
}

bool Seat::caused_by_device(Errc code) const noexcept {
    switch (code) {
        case Errc::busy:
        case Errc::timeout:
        case Errc::device_error:
        case Errc::malformed:
        case Errc::dead:
        case Errc::device_gone:
        case Errc::io:
        case Errc::not_supported: return port_.disturbed();
        default: return false;
    }
}

void Seat::judge_records(Life& life, doe::Protocol protocol, std::optional<Errc> error) {
    const auto records = life.mailbox->trace();
    if (records.empty() || !records.back().ended || records.back().error != error ||
        records.back().purpose != doe::Purpose::request || records.back().protocol != protocol) {
        breach("trace-tells-the-outcome", "the last record is not that of what was answered");
    }
    const std::uint64_t run = life.wire->turns().begun();
    if (error == Errc::timeout && std::exchange(life.run_timed_out, run) != run) {
        ++life.timeouts;
    }
    if (life.mailbox->status().counters.timeouts < life.timeouts) {
        breach("timeouts-are-counted", "fewer timeouts than were answered");
    }
}

// --- What it says of itself ------------------------------------------------------------------------------------------------

void Seat::hear(Life& life, const doe::MailboxStatus& status) {
    if (status.state != life.state) {
        enter(life, status.state);
    }
    if (status.counters.exchanges > life.wire->rules().completed()) {
        breach("exchanges-are-counted", "more exchanges than were completed");
    }
    if (status.failure && std::exchange(life.failure, status.failure) != status.failure) {
        ++life.failures;
    }
    if (status.counters.errors != life.failures) {
        breach("failures-are-told", "other failures than are counted");
    }
}

void Seat::enter(Life& life, MailboxState state) {
    const auto text = doe::to_string(state);
    judge_.note("%s: state %.*s", port_.name().c_str(), static_cast<int>(text.size()), text.data());
    if (life.state == MailboxState::gone || life.state == MailboxState::closed ||
        life.state == MailboxState::kernel) {
        breach("states-are-in-order", "another state after a final one");
    }
    if (life.state == MailboxState::dead && state == MailboxState::starting &&
        !life.reset_while_dead && instant().now - life.state_since.now < life.revival_pause) {
        breach("dead-is-tried-again", "sooner than after its pause");
    }
    const bool claimed = life.state == MailboxState::starting && state == MailboxState::idle;
    life.state = state;
    life.state_since = instant();
    switch (state) {
        case MailboxState::idle:
            life.wire->mailbox_rests();
            if (claimed) {
                life.revival_pause = base::Duration::zero();
            }
            break;
        case MailboxState::dead: die(life); break;
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
            ++life.claims;
            life.wire->turns().reset_is_over();
            break;
        case MailboxState::busy:
        case MailboxState::aborting: break;
    }
}

// Each death after another without a claim between that went well doubles the pause.
void Seat::die(Life& life) {
    const auto& plan = port_.plan().mailbox;
    life.wire->mailbox_ends();
    life.reset_while_dead = false;
    life.revival_pause =
        std::clamp(2 * life.revival_pause, plan.revival_pause_min, plan.revival_pause_max);
    // What was on its way then has its time: Busy, an abort, a response, another abort.
    if (sound_ && instant().since(*sound_) > 4 * plan.exchange_timeout) {
        breach("serves-again", "dead although the device is sound");
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
            if (instant().since(life.state_since) > life.revival_pause) {
                breach("dead-is-tried-again", "dead for longer than its pause");
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
