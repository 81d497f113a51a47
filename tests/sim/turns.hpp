// SPDX-License-Identifier: Apache-2.0
//
// Whose turn it is at one mailbox, seen from outside: who waits for what, what is begun, what goes on. Shares no code with
// doe::FairQueue, and knows less: of a run that several users wait for it cannot tell whose turn it was, so that it is
// held against none of them.
#pragma once

#include "doe/operation.hpp"
#include "sim/register_rules.hpp"

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace doed::sim {

/// Something that a mailbox has been asked for.
struct Request {
    std::uint64_t ask = 0;  ///< grows from one to the next
    std::uint32_t uid = 0;
    unsigned exchanges_max = 0;  ///< of its operation
};

class Turns {
public:
    /// A mailbox took the request. It shares a run that has not begun when there is one of the same protocol and key.
    void submitted(const Request& request, const doe::Operation& operation);
    /// It has its answer. `refused_in_turn`: when it had its turn, and nothing was begun.
    void answered(std::uint64_t ask, bool refused_in_turn);

    /// An operation is begun.
    [[nodiscard]] std::optional<Breach> begins(const doe::Operation& operation);
    /// A reset is wanted, and no claim is under way: whatever is, ends with the exchange in hand.
    void wants_reset() noexcept { reset_wanted_ = true; }
    /// A claim begins, or the mailbox is dead or given up.
    void reset_is_over() noexcept { reset_wanted_ = false; }
    /// The operation under way took a response and would send another request.
    void goes_on() noexcept { may_not_send_ = running_.requests.empty() || reset_wanted_; }
    /// Nothing is under way.
    void rests() noexcept { may_not_send_ = false; }
    /// A request is sent.
    [[nodiscard]] std::optional<Breach> sends() const;

    /// Operations begun.
    [[nodiscard]] std::uint64_t begun() const noexcept { return begun_; }
    /// Exchanges that all of them may have taken.
    [[nodiscard]] std::uint64_t exchanges_max() const noexcept { return exchanges_max_; }
    /// The same without the last, which may be under way.
    [[nodiscard]] std::uint64_t exchanges_max_before() const noexcept {
        return exchanges_max_ - running_.exchanges_max;
    }

private:
    /// Requests for the same run, oldest first.
    struct Group {
        const doe::Operation* operation = nullptr;  ///< of the first; compared, never used
        doe::Protocol protocol;
        std::string key;
        unsigned exchanges_max = 0;
        std::vector<Request> requests;
    };
    /// Turns of others since the own last one, or since the user has waited.
    using TurnsOfOthers = std::map<std::uint32_t, unsigned>;

    [[nodiscard]] std::optional<Breach> judge_turn(const Group& group);
    [[nodiscard]] bool waits(std::uint32_t uid) const noexcept;
    void had_its_turn(std::uint32_t uid);

    std::vector<Group> queue_;
    Group running_;
    std::map<std::uint32_t, TurnsOfOthers> waiting_;  ///< users with requests in the queue
    bool may_not_send_ = false;
    bool reset_wanted_ = false;
    std::uint64_t begun_ = 0;
    std::uint64_t exchanges_max_ = 0;
};

}  // namespace doed::sim
