// SPDX-License-Identifier: Apache-2.0
//
// A mailbox whose registers show anything, through its claim and the exchanges after it: objects are decoded from any
// dwords, accesses fail anywhere, waits end early or late, requests are given up. Every access is judged by the rules that
// the simulation judges by, and every exchange comes to an end.
#include "doe/data_object.hpp"
#include "doe/exchange.hpp"
#include "fuzz/target.hpp"
#include "sim/register_rules.hpp"

#include <array>
#include <optional>

namespace {

using namespace std::chrono_literals;
namespace base = doed::base;
namespace doe = doed::doe;
namespace sim = doed::sim;

constexpr std::uint16_t capability = 0x190;
constexpr std::uint32_t response_dw_max = 40;
constexpr int exchanges_max = 8;
// Accesses and waits of an exchange: a look for every wait, of which a thousandth of the time allowed is the shortest.
constexpr int steps_max = 20'000;
constexpr base::Duration shortest_wait = 1ms;

/// What a byte of the input stands for, at a read; anything below is particular to the register.
enum Code : std::uint8_t { refused = 0xFC, absent = 0xFD, nobody = 0xFE, literal = 0xFF };

class Conversation {
public:
    explicit Conversation(doed::fuzz::Input input)
        : input_(input), rules_(setup_of_rules(), sim::RegisterRules::Phase::unknown) {
        const std::uint8_t flags = input_.byte();
        setup_.capability_offset = capability;
        setup_.interrupt = (flags & 1U) != 0;
        remembers_ = (flags & 2U) != 0;
    }

    void run() {
        auto claim = doe::Exchange::abort_only(setup_);
        if (!play(claim)) {
            return;
        }
        setup_.control_preserved = claim.control_preserved();
        for (int i = 0; i < exchanges_max && !input_.empty(); ++i) {
            protocol_ =
                (input_.byte() & 1U) != 0 ? doe::protocol_discovery : doe::protocol_table_access;
            const std::array<std::uint32_t, 1> request{input_.dword()};
            std::vector<std::uint32_t> response;
            doe::Exchange exchange(setup_, protocol_, request, longest(), response,
                                   remembers_ ? status_ : std::nullopt);
            const bool usable = play(exchange);
            DOED_ASSERT(response.size() <= longest() - doe::header_length_dw);
            if (!usable) {
                return;
            }
        }
    }

private:
    static sim::RulesSetup setup_of_rules() {
        return {.capability_offset = capability,
                .timeout = 1s,
                .max_discovery_dw = 4,
                .max_table_access_dw = response_dw_max};
    }
    [[nodiscard]] std::uint32_t longest() const {
        return protocol_ == doe::protocol_discovery ? 4 : response_dw_max;
    }

    // Runs it to its end; whether the mailbox can be used afterwards.
    bool play(doe::Exchange& exchange) {
        doe::Action action = exchange.resume(doe::Event::start(), now_);
        for (int steps = 0; action.kind != doe::Action::Kind::done; ++steps) {
            DOED_ASSERT(steps < steps_max);
            switch (action.kind) {
                case doe::Action::Kind::read: action = read(exchange, action); break;
                case doe::Action::Kind::write: action = write(exchange, action); break;
                case doe::Action::Kind::wait: action = wait(exchange, action); break;
                case doe::Action::Kind::done: break;
            }
        }
        const bool good = exchange.outcome().has_value();
        const bool gone = !good && exchange.outcome().error().code() == base::Errc::device_gone;
        DOED_ASSERT(gone == (rules_.phase() == sim::RegisterRules::Phase::gone));
        DOED_ASSERT(!good || !exchange.mailbox_dead());
        if (gone || exchange.mailbox_dead() || (!good && rules_.aborts() == 0)) {
            return false;
        }
        judge(rules_.come_to_rest());
        status_ = exchange.last_status();
        if (status_ && remembers_) {
            judge(rules_.read(capability + sim::status_register, *status_, {.now = now_}));
        }
        return true;
    }

    doe::Action read(doe::Exchange& exchange, const doe::Action& action) {
        const std::uint8_t code = input_.byte();
        if (code == refused || code == absent) {
            return fail(exchange, code);
        }
        const std::uint32_t value = value_of(code, action.offset);
        judge(rules_.read(action.offset, value, {.now = now_}));
        return exchange.resume(doe::Event::read(value), now_);
    }

    doe::Action write(doe::Exchange& exchange, const doe::Action& action) {
        // One in many fails: most conversations would end before they begin.
        const bool risky = (writes_++ & 7U) == 7;
        const std::uint8_t code = risky ? input_.byte() : std::uint8_t{0};
        if (code == refused || code == absent) {
            return fail(exchange, code);
        }
        judge(rules_.write(action.offset, action.value, {.now = now_}));
        return exchange.resume(doe::Event::written(), now_);
    }

    doe::Action wait(doe::Exchange& exchange, const doe::Action& action) {
        DOED_ASSERT(action.deadline > now_);
        const std::uint8_t code = input_.byte();
        if (code == 1) {
            exchange.abandon();
            rules_.give_up();
        }
        const bool early = code % 4 == 1 && action.deadline - now_ > shortest_wait;
        now_ = early ? now_ + shortest_wait : action.deadline;
        return exchange.resume(doe::Event::wake(), now_);
    }

    doe::Action fail(doe::Exchange& exchange, std::uint8_t code) {
        const base::Error error(code == absent ? base::Errc::device_gone : base::Errc::io);
        rules_.failed(code == absent);
        return exchange.resume(doe::Event::failed(error), now_);
    }

    std::uint32_t value_of(std::uint8_t code, std::uint16_t offset) {
        if (code == nobody) {
            return sim::nobody_answers;
        }
        if (code == literal) {
            return input_.dword();
        }
        switch (offset - capability) {
            case sim::status_register: return status_of(code);
            case sim::read_register: return dword_of(code);
            default: return code;
        }
    }

    // A sound device's status for 0: idle while nothing is on the wire, Ready after GO.
    std::uint32_t status_of(std::uint8_t code) const {
        if (code == 0) {
            return rules_.in_flight() ? sim::ready_bit : 0;
        }
        return (code & 7U) | ((code & 8U) != 0 ? sim::ready_bit : 0);
    }

    // A sound header for 0, and any length below 128 after it.
    std::uint32_t dword_of(std::uint8_t code) const {
        if (rules_.acks() == 0 && code == 0) {
            return doe::encode_header1(protocol_);
        }
        return rules_.acks() == 1 && code == 0 ? 3 : code;
    }

    static void judge(const std::optional<sim::Breach>& breach) { DOED_ASSERT(!breach); }

    doed::fuzz::Input input_;
    sim::RegisterRules rules_;
    doe::ExchangeSetup setup_;
    doe::Protocol protocol_ = doe::protocol_table_access;
    bool remembers_ = false;
    std::optional<std::uint32_t> status_;
    unsigned writes_ = 0;
    base::TimePoint now_{1h};
};

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size_bytes) {
    Conversation(doed::fuzz::Input(data, size_bytes)).run();
    return 0;
}
