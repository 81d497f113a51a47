// SPDX-License-Identifier: Apache-2.0
//
// One schedule: devices, their seats, the clients and the host, from the first claim to the last close. First everything
// happens that the plan has in store; then the devices are sound, and must serve again; then all is given up, and nothing
// may be left.
#pragma once

#include "sim/clients.hpp"
#include "sim/judge.hpp"
#include "sim/plan.hpp"
#include "sim/seat.hpp"
#include "sim/sim_device.hpp"
#include "sim/tally.hpp"

#include <cstdio>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace doed::sim {

class World {
public:
    /// `history` is where the history goes; null for none.
    World(std::uint64_t seed, std::FILE* history, Tally& tally);
    World(const World&) = delete;
    World& operator=(const World&) = delete;
    ~World();

    /// Runs the schedule; false when a rule was broken.
    [[nodiscard]] bool run();
    /// The first breach, one line.
    [[nodiscard]] const std::string& breach() const noexcept { return judge_.line(); }

private:
    void run_active();
    void heal();
    void drain();
    void probe();
    void probe(Seat& seat, Wish wish);
    void close();

    void begin_host(Seat& seat);
    [[nodiscard]] bool strands_are_quick() const;
    void every(base::Duration time_between, std::function<void()> action);
    void lend(Seat& seat);
    void take(Seat& seat);
    void device_gone(Seat& seat);
    void try_claim(Seat& seat);

    /// Runs until `done` holds, until `until` at the latest. Returns whether it holds.
    bool run_until(base::TimePoint until, const std::function<bool()>& done);
    void step();

    Plan plan_;
    Tally& tally_;
    test::SimRandom random_;
    test::SimStrands strands_;
    Judge judge_;
    test::SimStrands::Strand& host_;
    std::vector<std::unique_ptr<SimDevice>> devices_;
    std::vector<std::unique_ptr<Seat>> seats_;
    std::unique_ptr<Clients> clients_;
    bool active_ = true;
    bool ending_ = false;
};

}  // namespace doed::sim
