// SPDX-License-Identifier: Apache-2.0
//
// Those who ask: each client asks some mailbox for something every now and then, with a deadline or without, may withdraw
// what it asked for, or disappear with everything it waits for. Every answer is judged: that it is the only one, in time,
// the right one, and that an error has a cause.
#pragma once

#include "sim/seat.hpp"
#include "sim/sim_operations.hpp"

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

namespace doed::sim {

enum class Wish : std::uint8_t { discovery, table, echo };

/// Something that was asked for.
struct Ask {
    std::uint64_t number = 0;
    Wish wish{};
    std::uint32_t uid = 0;
    std::shared_ptr<Life> life;
    std::shared_ptr<WatchedOperation> operation;
    Instant asked{};
    Before before{};  ///< when the mailbox took it
    std::optional<base::TimePoint> deadline;
    doe::Ticket ticket = 0;
    std::uint64_t resets_before = 0;
    std::uint64_t exchanges_before = 0;  ///< that all runs before the one under way took at most
    bool withdrawn = false;
    unsigned answers = 0;
    bool succeeded = false;
    std::optional<base::Errc> error;
};

class Clients {
public:
    Clients(const Plan& plan, std::vector<std::unique_ptr<Seat>>& seats, test::SimStrands& strands,
            test::SimStrands::Strand& strand, Judge& judge, Tally& tally, std::uint64_t seed);

    /// Begins asking, until stop().
    void start();
    void stop() noexcept { stopped_ = true; }

    /// Asks for one thing; null when nobody drives the seat.
    std::shared_ptr<Ask> ask(Seat& seat, Wish wish, std::uint32_t uid,
                             std::optional<base::Duration> patience);
    void withdraw(Seat& seat, const std::shared_ptr<Ask>& ask);
    /// Asks without an answer.
    [[nodiscard]] std::uint64_t unanswered() const noexcept { return unanswered_; }

private:
    struct Client {
        std::uint32_t uid = 0;
        std::vector<std::pair<Seat*, std::shared_ptr<Ask>>> asks;
    };

    void act(Client& client);
    void act_later(Client& client);
    void ask_something(Client& client);
    void disappear(Client& client);
    [[nodiscard]] std::shared_ptr<WatchedOperation> make_operation(const Life& life, Wish wish);
    void submit(Seat& seat, const std::shared_ptr<Ask>& ask);

    void answered(Seat& seat, Ask& ask,
                  const base::Result<std::shared_ptr<const doe::Operation>>& result);
    void judge_time(Seat& seat, const Ask& ask);
    void judge_result(Seat& seat, const Ask& ask, const WatchedOperation& operation);
    void judge_table(Seat& seat, const cdat::Table& table);
    void judge_error(Seat& seat, const Ask& ask, const base::Error& error);

    const Plan& plan_;
    std::vector<std::unique_ptr<Seat>>& seats_;
    test::SimStrands& strands_;
    test::SimStrands::Strand& strand_;
    Judge& judge_;
    Tally& tally_;
    test::SimRandom random_;
    std::vector<Client> clients_;
    std::uint64_t asks_ = 0;
    std::uint64_t unanswered_ = 0;
    bool stopped_ = false;
};

}  // namespace doed::sim
