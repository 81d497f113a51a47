// SPDX-License-Identifier: Apache-2.0
#include "sim/exhaust.hpp"

#include <algorithm>
#include <cstdio>
#include <utility>

namespace doed::sim {

namespace {

using namespace std::chrono_literals;

constexpr std::uint16_t capability = 0x190;
constexpr base::TimePoint start_of_time{1h};
constexpr base::Duration timeout = 1s;
constexpr base::Duration early = 1ms;
constexpr doe::Protocol protocol = doe::protocol_table_access;

struct Answer {
    std::string_view name;
    std::uint32_t value;
    bool surprise = true;
};

constexpr std::uint32_t reserved_status = 0x7FFFFFF8;
constexpr std::uint32_t reserved_header1 = 0xFF000000;
constexpr std::uint32_t reserved_header2 = 0xFFFC0000;
constexpr std::uint32_t right_header1 = 0x00021E98;
constexpr std::uint32_t control_to_keep = 0x00000010;

// The four bits that have a meaning make sixteen words. Of those with Interrupt Status set the ones that differ from
// their twins without it are here: nothing else, and Ready. The last two are what broken or absent devices show.
constexpr Answer statuses[] = {
    {"idle", 0},
    {"busy", busy_bit},
    {"ready", ready_bit},
    {"error", error_bit},
    {"busy error", busy_bit | error_bit},
    {"ready error", ready_bit | error_bit},
    {"ready busy", ready_bit | busy_bit},
    {"ready busy error", ready_bit | busy_bit | error_bit},
    {"interrupt", interrupt_bit},
    {"ready interrupt", ready_bit | interrupt_bit},
    {"busy interrupt", busy_bit | interrupt_bit},
    {"reserved bits", reserved_status},
    {"all ones", nobody_answers},
};

constexpr Answer first_headers[] = {
    {"right", right_header1, false},
    {"right with reserved bits", right_header1 | reserved_header1},
    {"wrong vendor", 0x00020001},
    {"wrong type", 0x00001E98},
    {"zero", 0},
    {"all ones", nobody_answers},
};

// The longest response of the protocol is 4 dwords here.
constexpr Answer second_headers[] = {
    {"length 2^18", 0},
    {"length 1", 1},
    {"length 2", 2, false},
    {"length 3", 3, false},
    {"length 3 with reserved bits", 3 | reserved_header2},
    {"length 4", 4, false},
    {"length 5", 5},
    {"all ones", nobody_answers},
};

constexpr Answer payloads[] = {
    {"a dword", 0x12345678, false},
    {"all ones", nobody_answers},
};

constexpr Answer controls[] = {
    {"as after a reset", 0, false},
    {"bits to keep", control_to_keep | interrupt_enable_bit, false},
    {"all ones", nobody_answers},
};

// Command and Status of a function that is there, and of none.
constexpr Answer commands[] = {
    {"present", 0x00100406, false},
    {"all ones", nobody_answers},
};

void spend(unsigned& surprises) {
    if (surprises != any_number) {
        --surprises;
    }
}

constexpr std::string_view action_name(doe::Action::Kind kind) {
    switch (kind) {
        case doe::Action::Kind::read: return "read";
        case doe::Action::Kind::write: return "write";
        case doe::Action::Kind::wait: return "wait";
        case doe::Action::Kind::done: return "done";
    }
    return "?";
}

}  // namespace

Exhaust::Exhaust(const ExhaustSetup& setup)
    : setup_(setup), request_(setup.request_payload_dw, 0x00010000) {}

bool Exhaust::run() {
    if (!setup_.known_status) {
        return explore(begin(std::nullopt));
    }
    return std::ranges::all_of(statuses, [this](const Answer& status) {
        // No exchange hands on all ones.
        return status.value == nobody_answers || explore(begin(status.value));
    });
}

Exhaust::Point Exhaust::begin(std::optional<std::uint32_t> known_status) {
    const doe::ExchangeSetup setup{.capability_offset = capability,
                                   .control_preserved = setup_.claim ? 0 : control_to_keep,
                                   .interrupt = setup_.interrupt,
                                   .timeout = timeout};
    Point point{
        .exchange = setup_.claim ? doe::Exchange::abort_only(setup)
                                 : doe::Exchange(setup, protocol, request_, setup_.max_response_dw,
                                                 response_, known_status),
        .action = {},
        .rules = setup_.claim ? fresh_rules() : rules_after_claim(),
        .now = start_of_time,
        .early_wakes = setup_.early_wakes,
        .interrupts = setup_.interrupt ? 1U : 0U,
        .given_up = setup_.given_up,
        .surprises = setup_.surprises_before_go,
        .last_status = known_status,
    };
    if (known_status) {
        static_cast<void>(
            point.rules.read(capability + status_register, *known_status, {.now = start_of_time}));
        if (*known_status != 0 && point.surprises != 0) {
            spend(point.surprises);
        }
    }
    point.action = point.exchange.resume(doe::Event::start(), point.now);
    return point;
}

RegisterRules Exhaust::fresh_rules() const {
    return RegisterRules({.capability_offset = capability,
                          .timeout = timeout,
                          .max_table_access_dw = setup_.max_response_dw});
}

// As a claim leaves them that found bits to keep, and some time later.
RegisterRules Exhaust::rules_after_claim() const {
    RegisterRules rules = fresh_rules();
    const Instant before{.now = start_of_time - 1h};
    static_cast<void>(rules.read(capability + control_register, control_to_keep, before));
    static_cast<void>(
        rules.write(capability + control_register, control_to_keep | abort_bit, before));
    static_cast<void>(rules.read(capability + status_register, 0, before));
    if (setup_.interrupt) {
        static_cast<void>(rules.write(capability + control_register,
                                      control_to_keep | interrupt_enable_bit, before));
    }
    static_cast<void>(rules.come_to_rest());
    return rules;
}

bool Exhaust::explore(const Point& point) {
    if (!explore_given_up(point)) {
        return false;
    }
    switch (point.action.kind) {
        case doe::Action::Kind::read: return explore_read(point) && explore_failure(point);
        case doe::Action::Kind::write: return explore_write(point) && explore_failure(point);
        case doe::Action::Kind::wait: return explore_wait(point);
        case doe::Action::Kind::done: return end(point);
    }
    return false;
}

bool Exhaust::explore_given_up(const Point& point) {
    if (point.action.kind == doe::Action::Kind::done || point.given_up == 0 ||
        point.surprises == 0) {
        return true;
    }
    Point next = point;
    next.exchange.abandon();
    next.rules.give_up();
    next.abandoned = true;
    --next.given_up;
    spend(next.surprises);
    path_.push_back({point.action, "(given up)"});
    if (!explore(next)) {
        return false;
    }
    path_.pop_back();
    return true;
}

bool Exhaust::explore_read(const Point& point) {
    using Phase = RegisterRules::Phase;
    if (point.action.offset == capability + status_register) {
        const Phase phase = point.rules.phase();
        const bool response = phase == Phase::sent || phase == Phase::receiving;
        return std::ranges::all_of(statuses, [&](const Answer& answer) {
            return read(point, answer.name, answer.value,
                        answer.value != (response ? ready_bit : 0));
        });
    }
    std::span<const Answer> answers = commands;
    if (point.action.offset == capability + control_register) {
        answers = controls;
    } else if (point.action.offset == capability + read_register) {
        answers = point.rules.acks() == 0   ? std::span<const Answer>(first_headers)
                  : point.rules.acks() == 1 ? std::span<const Answer>(second_headers)
                                            : std::span<const Answer>(payloads);
    }
    return std::ranges::all_of(answers, [&](const Answer& answer) {
        return read(point, answer.name, answer.value, answer.surprise);
    });
}

bool Exhaust::read(const Point& point, std::string_view answer, std::uint32_t value,
                   bool surprise) {
    if (surprise && point.surprises == 0) {
        return true;
    }
    Point next = point;
    ++next.accesses;
    if (surprise) {
        spend(next.surprises);
    }
    if (point.action.offset == capability + status_register) {
        next.last_status = value;
    }
    const auto breach = next.rules.read(point.action.offset, value, {.now = point.now});
    return go_on(point, doe::Event::read(value), answer, std::move(next), breach);
}

bool Exhaust::explore_write(const Point& point) {
    Point next = point;
    ++next.accesses;
    const bool go =
        point.action.offset == capability + control_register && (point.action.value & go_bit) != 0;
    if (go && !next.after_go) {
        next.after_go = true;
        next.surprises = setup_.surprises_after_go;
    }
    const auto breach =
        next.rules.write(point.action.offset, point.action.value, {.now = point.now});
    return go_on(point, doe::Event::written(), "written", std::move(next), breach);
}

bool Exhaust::explore_wait(const Point& point) {
    const base::Duration left = point.action.deadline - point.now;
    if (left <= base::Duration::zero() || left > timeout) {
        return give_up("a wait whose deadline is not within the time of a wait");
    }
    if (left > early) {
        const bool response = point.action.reason == doe::Action::Reason::response;
        if (response && point.interrupts > 0) {
            Point next = point;
            --next.interrupts;
            if (!wake(point, "woken by an interrupt", early, std::move(next))) {
                return false;
            }
        }
        if (point.early_wakes > 0 && point.surprises > 0) {
            Point next = point;
            --next.early_wakes;
            spend(next.surprises);
            if (!wake(point, "woken early", early, std::move(next))) {
                return false;
            }
        }
    }
    return wake(point, "woken at the deadline", left, point);
}

bool Exhaust::wake(const Point& point, std::string_view answer, base::Duration after, Point next) {
    next.now += after;
    ++next.waits;
    return go_on(point, doe::Event::wake(), answer, std::move(next), std::nullopt);
}

bool Exhaust::explore_failure(const Point& point) {
    if (point.surprises == 0) {
        return true;
    }
    for (const auto code : {base::Errc::io, base::Errc::device_gone}) {
        const base::Error error(code);
        Point next = point;
        ++next.accesses;
        spend(next.surprises);
        ++next.accesses_failed;
        next.last_status.reset();
        next.rules.failed(code == base::Errc::device_gone);
        if (!go_on(point, doe::Event::failed(error), "failed", std::move(next), std::nullopt)) {
            return false;
        }
    }
    return true;
}

// Tells the exchange what came of its action and follows it.
bool Exhaust::go_on(const Point& point, const doe::Event& event, std::string_view answer,
                    Point&& next, const std::optional<Breach>& breach) {
    path_.push_back({point.action, answer, event.value});
    ++count_.steps;
    if (breach) {
        return give_up(std::string(breach->rule) + ": " + std::string(breach->what));
    }
    response_.resize(point.received_dw);
    next.action = next.exchange.resume(event, next.now);
    next.received_dw = response_.size();
    if (next.accesses > accesses_bound(next)) {
        return give_up("more accesses than the bound");
    }
    if (!explore(next)) {
        return false;
    }
    path_.pop_back();
    return true;
}

// --- The end of a path -----------------------------------------------------------------------------------------------

bool Exhaust::end(const Point& point) {
    if (const auto promise = broken_promise(point); !promise.empty()) {
        return give_up(std::string(promise));
    }
    const auto& exchange = point.exchange;
    ++count_.paths;
    count_.acks += point.rules.acks();
    count_.aborts += point.rules.aborts();
    count_.accesses_max = std::max(count_.accesses_max, point.accesses);
    count_.time_max = std::max(count_.time_max, point.now - start_of_time);
    if (exchange.outcome()) {
        ++count_.done;
    } else if (exchange.outcome().error().code() == base::Errc::device_gone) {
        ++count_.gone;
    } else if (exchange.mailbox_dead()) {
        ++count_.dead;
    } else {
        ++count_.failed;
    }
    return true;
}

// The first promise that the end of this path breaks; empty when it keeps all.
std::string_view Exhaust::broken_promise(Point point) const {
    using Phase = RegisterRules::Phase;
    const doe::Exchange& exchange = point.exchange;
    const bool good = exchange.outcome().has_value();
    const bool gone = !good && exchange.outcome().error().code() == base::Errc::device_gone;
    const bool whole = point.rules.completed() == 1;

    // Before sending, its abort, the response, the last abort, and an abort that an access failed in: each has its time.
    if (point.now - start_of_time > (4 + std::min(point.accesses_failed, 1U)) * timeout) {
        return "longer than its waits";
    }
    if (gone != (point.rules.phase() == Phase::gone)) {
        return "gone is said of a function that answers, or not said of one that does not";
    }
    if (gone) {
        return exchange.mailbox_dead() ? "gone and dead" : "";
    }
    if (!setup_.claim && good && !whole) {
        return "success without a whole response";
    }
    if (!good && whole && !point.abandoned && point.accesses_failed == 0) {
        return "a whole response is not success";
    }
    if (good && exchange.mailbox_dead()) {
        return "success of a dead mailbox";
    }
    if (setup_.claim && !good && !exchange.mailbox_dead()) {
        // Nothing was written.
        return point.rules.aborts() == 0 && point.accesses_failed > 0 ? ""
                                                                      : "a claim gives up halfway";
    }
    if (point.accesses_failed > 1) {
        const bool untouched = point.rules.phase() != Phase::must_abort;
        return exchange.mailbox_dead() || untouched ? ""
                                                    : "left in the middle after a failed access";
    }
    if (exchange.mailbox_dead()) {
        return point.rules.phase() == Phase::aborting ? ""
                                                      : "dead without an abort that did not work";
    }
    if (exchange.last_status() != point.last_status) {
        return "the last status is not the last status that was read";
    }
    if (const auto breach = point.rules.come_to_rest()) {
        return breach->what;
    }
    return "";
}

// A request of q and a response of r dwords, header included: q writes, a clear and GO, 2r for the response, a look before,
// after GO, before the last ack and after it. An abort, twice at most, is a write, a look and Interrupt Enable. A wait
// means one more look; one that finds another interrupt clears it and looks again; one of all ones asks for the Command
// register. An abort is made once more when an access of it failed.
std::uint32_t Exhaust::accesses_bound(const Point& point) const {
    const std::uint32_t request_dw = 2 + setup_.request_payload_dw;
    const std::uint32_t looks = 4 + 2 + point.waits;
    const std::uint32_t clears = setup_.interrupt ? 2 * (1 + point.waits) : 0;
    const std::uint32_t again = point.accesses_failed > 0 ? 5 : 0;
    return request_dw + 2 + 2 * setup_.max_response_dw + 2 * 2 + 2 * looks + clears + again;
}

bool Exhaust::give_up(std::string why) {
    broken_ = std::move(why);
    return false;
}

std::string Exhaust::story() const {
    std::string text;
    for (const Step& step : path_) {
        char line[128];
        std::snprintf(line, sizeof(line), "  %-5s 0x%03x 0x%08x -> %.*s 0x%08x\n",
                      action_name(step.action.kind).data(), step.action.offset, step.action.value,
                      static_cast<int>(step.answer.size()), step.answer.data(), step.value);
        text += line;
    }
    return text + "  " + broken_ + "\n";
}

}  // namespace doed::sim
