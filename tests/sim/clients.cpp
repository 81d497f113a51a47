// SPDX-License-Identifier: Apache-2.0
#include "sim/clients.hpp"

#include <algorithm>
#include <string>
#include <utility>

namespace doed::sim {

namespace {

using namespace std::chrono_literals;
using base::Errc;

constexpr const char* wish_name(Wish wish) {
    switch (wish) {
        case Wish::discovery: return "discovery";
        case Wish::table: return "table";
        case Wish::echo: return "echo";
    }
    return "?";
}

// For those who wait for as long as it takes.
constexpr base::Duration no_deadline = 1000h;

// The most that an operation takes. A table of few entries is attempted five times; discovery is short also when it is
// given answers that were not meant for it.
constexpr unsigned exchanges_max(Wish wish) {
    switch (wish) {
        case Wish::discovery: return 8;
        case Wish::table: return 5 * 8;
        case Wish::echo: return 4;
    }
    return 0;
}

// One in this many answers that are right is looked up in the flight recorder.
constexpr std::uint64_t records_share = 16;

// What neither an operation nor the queue ends with.
bool comes_from_an_exchange(Errc code) {
    return code == Errc::busy || code == Errc::timeout || code == Errc::device_error ||
           code == Errc::io;
}

}  // namespace

Clients::Clients(const Plan& plan, std::vector<std::unique_ptr<Seat>>& seats,
                 test::SimStrands& strands, test::SimStrands::Strand& strand, Judge& judge,
                 Tally& tally, std::uint64_t seed)
    : plan_(plan),
      seats_(seats),
      strands_(strands),
      strand_(strand),
      judge_(judge),
      tally_(tally),
      random_(seed) {}

// --- Asking ----------------------------------------------------------------------------------------------------------------

void Clients::start() {
    for (unsigned i = 0; i < plan_.clients; ++i) {
        clients_.push_back({.uid = 1000 + random_.below(plan_.users), .asks = {}});
    }
    for (Client& client : clients_) {
        act_later(client);
    }
}

void Clients::act_later(Client& client) {
    const base::Duration time = random_.between(0ns, 2 * plan_.time_between_asks);
    strand_.at(strands_.now() + time, [this, &client] { act(client); });
}

void Clients::act(Client& client) {
    if (stopped_) {
        return;
    }
    std::erase_if(client.asks, [](const auto& entry) { return entry.second->answers > 0; });
    if (random_.one_in(40)) {
        disappear(client);
    } else {
        // Now and then a burst.
        const std::uint32_t asks = random_.one_in(8) ? random_.between(2, 6) : 1;
        for (std::uint32_t i = 0; i < asks; ++i) {
            ask_something(client);
        }
    }
    act_later(client);
}

void Clients::ask_something(Client& client) {
    Seat& seat = *seats_[random_.below(static_cast<std::uint32_t>(seats_.size()))];
    const auto wish = static_cast<Wish>(random_.below(3));
    std::optional<base::Duration> patience;
    if (!random_.one_in(3)) {
        patience = random_.one_in(2) ? random_.up_to(10s) : random_.between(1s, 10s);
    }
    const auto made = ask(seat, wish, client.uid, patience);
    if (!made) {
        return;
    }
    client.asks.emplace_back(&seat, made);
    if (random_.one_in(6)) {
        strand_.at(strands_.now() + random_.up_to(3s),
                   [this, &seat, made] { withdraw(seat, made); });
    }
}

void Clients::disappear(Client& client) {
    judge_.note("a client of user %u disappears", client.uid);
    for (const auto& [seat, waiting] : client.asks) {
        withdraw(*seat, waiting);
    }
    client.asks.clear();
    client.uid = 1000 + random_.below(plan_.users);
}

std::shared_ptr<Ask> Clients::ask(Seat& seat, Wish wish, std::uint32_t uid,
                                  std::optional<base::Duration> patience) {
    if (!seat.life() || !seat.life()->mailbox) {
        return nullptr;
    }
    auto made = std::make_shared<Ask>();
    made->number = ++asks_;
    made->wish = wish;
    made->uid = uid;
    made->life = seat.life();
    made->operation = make_operation(*made->life, wish);
    made->asked = seat.instant();
    if (patience) {
        made->deadline = strands_.now() + *patience;
    }
    ++unanswered_;
    seat.strand().post([this, &seat, made] { submit(seat, made); });
    return made;
}

std::shared_ptr<WatchedOperation> Clients::make_operation(const Life& life, Wish wish) {
    std::unique_ptr<doe::Operation> inner;
    switch (wish) {
        case Wish::discovery:
            inner = std::make_unique<doe::DiscoveryOperation>(
                static_cast<std::uint8_t>(random_.between(1, 2)));
            break;
        case Wish::table: inner = std::make_unique<cdat::TableAccessOperation>(); break;
        case Wish::echo: {
            // A long one now and then, so that a turn on the strand ends close to GO.
            const std::uint32_t length =
                random_.one_in(16) ? random_.between(248, 254) : random_.between(1, 6);
            inner = std::make_unique<EchoOperation>(static_cast<std::uint32_t>(asks_),
                                                    random_.between(1, 4), length);
            break;
        }
    }
    return std::make_shared<WatchedOperation>(std::move(inner), life.wire);
}

void Clients::submit(Seat& seat, const std::shared_ptr<Ask>& ask) {
    Life& life = *ask->life;
    if (!life.mailbox) {
        // Given up meanwhile: the host answers instead.
        ++ask->answers;
        --unanswered_;
        return;
    }
    ++tally_.submissions;
    judge_.note("%s: ask %llu of user %u: %s", seat.port().name().c_str(),
                static_cast<unsigned long long>(ask->number), ask->uid, wish_name(ask->wish));
    ask->resets_before = life.resets - life.resets_outstanding;
    ask->before = seat.before(life);
    ask->exchanges_before = life.wire->turns().exchanges_max_before();
    doe::Submission submission;
    submission.operation = ask->operation;
    submission.deadline = ask->deadline.value_or(strands_.now() + no_deadline);
    submission.uid = ask->uid;
    submission.completion = [this, &seat,
                             ask](base::Result<std::shared_ptr<const doe::Operation>> result) {
        answered(seat, *ask, result);
    };
    ask->ticket = life.mailbox->submit(std::move(submission));
    if (ask->ticket != 0) {
        ++life.outstanding;
        life.wire->turns().submitted(
            {.ask = ask->number, .uid = ask->uid, .exchanges_max = exchanges_max(ask->wish)},
            *ask->operation);
    }
    if ((ask->ticket == 0) != (ask->answers == 1)) {
        seat.breach("each-answered-once", "a submission with a ticket and an answer, or neither");
    }
}

void Clients::withdraw(Seat& seat, const std::shared_ptr<Ask>& ask) {
    seat.strand().post([this, &seat, ask] {
        if (ask->answers > 0 || !ask->life->mailbox) {
            return;
        }
        judge_.note("%s: ask %llu is withdrawn", seat.port().name().c_str(),
                    static_cast<unsigned long long>(ask->number));
        ask->withdrawn = true;
        ask->life->mailbox->cancel(ask->ticket);
        if (ask->answers == 0) {
            seat.breach("answered-in-time", "a submission that was withdrawn is not answered");
        }
    });
}

// --- Answers ---------------------------------------------------------------------------------------------------------------

void Clients::answered(Seat& seat, Ask& ask,
                       const base::Result<std::shared_ptr<const doe::Operation>>& result) {
    judge_.note("%s: ask %llu is answered: %s", seat.port().name().c_str(),
                static_cast<unsigned long long>(ask.number),
                result ? "ok" : result.error().message().c_str());
    if (++ask.answers > 1) {
        seat.breach("each-answered-once",
                    "ask " + std::to_string(ask.number) + " was answered twice");
        return;
    }
    --unanswered_;
    if (ask.ticket != 0) {
        --ask.life->outstanding;
        ask.life->wire->turns().answered(ask.number,
                                         !result && result.error().code() == Errc::not_supported);
    }
    judge_time(seat, ask);
    if (!result) {
        ask.error = result.error().code();
        tally_.add_failure(result.error().code());
        judge_error(seat, ask, result.error());
        if (comes_from_an_exchange(result.error().code())) {
            seat.judge_records(*ask.life, ask.operation->protocol(), result.error().code());
        }
        return;
    }
    ++tally_.succeeded;
    ask.succeeded = true;
    if (ask.number % records_share == 0) {
        seat.judge_records(*ask.life, ask.operation->protocol(), std::nullopt);
    }
    judge_result(seat, ask, static_cast<const WatchedOperation&>(**result));
}

// The deadline is kept to the instant, but for what accesses held up.
void Clients::judge_time(Seat& seat, const Ask& ask) {
    const Instant now = seat.instant();
    if (ask.deadline) {
        const base::Duration held_up = now.held_up - ask.asked.held_up;
        if (now.now > *ask.deadline + held_up) {
            seat.breach("answered-in-time", "answered after the deadline");
        }
        return;
    }
    seat.judge_time(*ask.life, ask.before,
                    ask.life->wire->turns().exchanges_max() - ask.exchanges_before);
}

void Clients::judge_result(Seat& seat, const Ask& ask, const WatchedOperation& operation) {
    const bool own = &operation == ask.operation.get();
    if (!own && (ask.wish == Wish::echo || operation.single_flight_key().empty() ||
                 operation.single_flight_key() != ask.operation->single_flight_key())) {
        seat.breach("no-answer-of-others", "the result of somebody else's operation");
        return;
    }
    if (operation.starts() != 1) {
        seat.breach("no-answer-of-others", "an operation that was not run once");
    }
    if (operation.begun() < ask.asked.now) {
        seat.breach("no-stale-answer", "a result of a run from before it was asked for");
    }
    if (!operation.told_the_truth()) {
        return;
    }
    switch (ask.wish) {
        case Wish::discovery: {
            const auto& found =
                static_cast<const doe::DiscoveryOperation&>(operation.inner()).protocols();
            if (found != std::vector{doe::protocol_discovery, doe::protocol_table_access}) {
                seat.breach("right-result", "other protocols than the device has");
            }
            break;
        }
        case Wish::table:
            judge_table(seat,
                        static_cast<const cdat::TableAccessOperation&>(operation.inner()).table());
            break;
        case Wish::echo: {
            const auto& echo = static_cast<const EchoOperation&>(operation.inner());
            if (echo.answer() != echo_of(echo.request(), seat.port().truth().device_tag())) {
                seat.breach("right-result", "another echo than that of the last request");
            }
            break;
        }
    }
}

// A table with its faults is told with its faults.
void Clients::judge_table(Seat& seat, const cdat::Table& table) {
    const bool clean = table.problems().empty() && table.checksum_valid();
    if (clean && !seat.port().truth().was_served(table.bytes())) {
        seat.breach("right-result", "a table without problems that the device never had");
    }
    if (!clean && !seat.port().disturbed()) {
        seat.breach("no-error-without-a-cause", "a table with problems from a sound device");
    }
}

void Clients::judge_error(Seat& seat, const Ask& ask, const base::Error& error) {
    const Life& life = *ask.life;
    seat.judge_text(life, error);
    bool caused = false;
    switch (error.code()) {
        case Errc::deadline_exceeded:
            caused = ask.deadline && strands_.now() >= *ask.deadline;
            break;
        case Errc::cancelled: caused = ask.withdrawn; break;
        case Errc::limits_exceeded:
            caused = ask.ticket == 0 && life.outstanding == seat.port().plan().mailbox.queue_limit;
            break;
        case Errc::kernel_owned: caused = life.wire->told_taken(); break;
        case Errc::aborted: caused = life.resets > ask.resets_before; break;
        default: caused = seat.caused_by_device(error.code()); break;
    }
    // Who is given up says why.
    caused = caused || (life.closing && error.code() == *life.closing);
    if (!caused) {
        seat.breach("no-error-without-a-cause", error.message());
    }
}

}  // namespace doed::sim
