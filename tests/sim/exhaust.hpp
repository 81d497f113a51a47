// SPDX-License-Identifier: Apache-2.0
//
// Every path of doe::Exchange through everything a device can answer, up to stated bounds. At each access the device
// answers with every class of value there is, or the access fails; at each wait it is woken early or at the deadline; on
// the way the exchange is given up or not. Every access is judged by RegisterRules, every end by what an exchange promises.
#pragma once

#include "doe/exchange.hpp"
#include "sim/register_rules.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace doed::sim {

/// As many as a path is long.
inline constexpr unsigned any_number = ~0U;

/// What is explored. A surprise is whatever a sound device and a quiet host would not bring at that point: another answer,
/// an access that fails, an early wake without interrupts, being given up. The bounds make the paths finite (a wait could be
/// woken early for ever) and few enough: what happens before GO and after it multiply.
struct ExhaustSetup {
    bool interrupt = false;
    bool claim = false;         ///< the abort of a claim instead of an exchange
    bool known_status = false;  ///< the status of the exchange before is handed in
    unsigned surprises_before_go = any_number;
    unsigned surprises_after_go = any_number;
    unsigned early_wakes = 1;           ///< of a path, besides that by the interrupt
    unsigned given_up = 0;              ///< 1: given up at every point there is
    std::uint32_t max_response_dw = 4;  ///< of the protocol, header included
    std::uint32_t request_payload_dw = 1;
};

struct ExhaustCount {
    std::uint64_t paths = 0;
    std::uint64_t steps = 0;  ///< accesses and waits
    std::uint64_t done = 0;
    std::uint64_t failed = 0;  ///< set right by an abort, or nothing was sent
    std::uint64_t dead = 0;
    std::uint64_t gone = 0;
    std::uint64_t acks = 0;
    std::uint64_t aborts = 0;
    std::uint32_t accesses_max = 0;  ///< of a path
    base::Duration time_max{};       ///< of a path
};

class Exhaust {
public:
    explicit Exhaust(const ExhaustSetup& setup);

    /// Walks all paths; false after the first that breaks a promise.
    [[nodiscard]] bool run();
    [[nodiscard]] const ExhaustCount& count() const noexcept { return count_; }
    /// The path that broke a promise, a line per step, the promise last.
    [[nodiscard]] std::string story() const;

private:
    /// A point on a path.
    struct Point {
        doe::Exchange exchange;
        doe::Action action;
        RegisterRules rules;
        base::TimePoint now{};
        std::size_t received_dw = 0;
        std::uint32_t accesses = 0;
        std::uint32_t waits = 0;
        unsigned early_wakes = 0;  ///< that are left, as the next three
        unsigned interrupts = 0;
        unsigned given_up = 0;
        unsigned surprises = 0;  ///< of this side of GO
        bool after_go = false;
        std::optional<std::uint32_t> last_status;
        unsigned accesses_failed = 0;
        bool abandoned = false;
    };
    struct Step {
        doe::Action action;
        std::string_view answer;
        std::uint32_t value = 0;
    };

    [[nodiscard]] Point begin(std::optional<std::uint32_t> known_status);
    [[nodiscard]] RegisterRules fresh_rules() const;
    [[nodiscard]] RegisterRules rules_after_claim() const;
    bool explore(const Point& point);
    bool explore_read(const Point& point);
    bool explore_write(const Point& point);
    bool explore_wait(const Point& point);
    bool explore_failure(const Point& point);
    bool explore_given_up(const Point& point);
    bool read(const Point& point, std::string_view answer, std::uint32_t value, bool surprise);
    bool wake(const Point& point, std::string_view answer, base::Duration after, Point next);
    bool go_on(const Point& point, const doe::Event& event, std::string_view answer, Point&& next,
               const std::optional<Breach>& breach);
    bool end(const Point& point);
    [[nodiscard]] std::string_view broken_promise(Point point) const;
    [[nodiscard]] std::uint32_t accesses_bound(const Point& point) const;
    bool give_up(std::string why);

    ExhaustSetup setup_;
    ExhaustCount count_;
    std::vector<std::uint32_t> request_;
    std::vector<std::uint32_t> response_;
    std::vector<Step> path_;
    std::string broken_;
};

}  // namespace doed::sim
