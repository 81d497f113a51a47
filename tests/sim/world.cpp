// SPDX-License-Identifier: Apache-2.0
#include "sim/world.hpp"

#include <algorithm>
#include <utility>

namespace doed::sim {

namespace {

using namespace std::chrono_literals;
using base::Errc;

// What a fault that began in time may still take (plan.cpp).
constexpr base::Duration fault_time_max = 4s;
// Tasks without the clock going on.
constexpr std::uint64_t steps_in_an_instant_max = 100'000;
// An operation's exchanges at most (clients.cpp), and a claim's.
constexpr int exchanges_max = 40;
constexpr int claim_exchanges_max = 4;
// On average, where the workers are busy with other things now and then.
constexpr std::uint32_t tasks_between_jitter = 100;
// What a borrower does.
constexpr Interference uses[] = {Interference::foreign_request, Interference::foreign_dword,
                                 Interference::foreign_abort};

}  // namespace

World::World(std::uint64_t seed, std::FILE* history, Tally& tally)
    : plan_(Plan::draw(seed)),
      tally_(tally),
      random_(seed ^ 0x5EEDU),
      strands_(random_.next()),
      judge_(seed, strands_, history),
      host_(strands_.add()) {
    for (unsigned number = 0; number < plan_.devices.size(); ++number) {
        devices_.push_back(std::make_unique<SimDevice>(plan_.devices[number], number, strands_,
                                                       host_, judge_, tally_, random_));
        for (const auto& port : devices_.back()->ports()) {
            seats_.push_back(std::make_unique<Seat>(*port, strands_, judge_, tally_));
        }
    }
    clients_ =
        std::make_unique<Clients>(plan_, seats_, strands_, host_, judge_, tally_, random_.next());
}

World::~World() {
    // Tasks that are left hold on to lives: no mailbox must outlast what it refers to.
    for (const auto& seat : seats_) {
        if (seat->life()) {
            seat->life()->mailbox.reset();
        }
    }
}

bool World::run() {
    ++tally_.schedules;
    tally_.calm += plan_.calm ? 1U : 0U;
    run_active();
    heal();
    drain();
    probe();
    close();
    for (const auto& device : devices_) {
        tally_.faults += device->fault_counts();
    }
    tally_.time += strands_.now() - test::SimStrands::start;
    tally_.violations += judge_.breached() ? 1U : 0U;
    return !judge_.breached();
}

// --- The parts of a schedule -----------------------------------------------------------------------------------------------

void World::run_active() {
    for (const auto& seat : seats_) {
        begin_host(*seat);
    }
    clients_->start();
    run_until(strands_.now() + plan_.active, [] { return false; });
}

void World::heal() {
    active_ = false;
    clients_->stop();
    for (const auto& device : devices_) {
        device->heal();
    }
    // Time goes on also where nobody has anything to do.
    host_.at(strands_.now() + fault_time_max, [] {});
    run_until(strands_.now() + fault_time_max, [] { return false; });
    for (const auto& seat : seats_) {
        seat->expect_sound();
    }
}

// The devices are sound: everything that waits is answered, and every mailbox comes to rest.
void World::drain() {
    base::Duration longest{};
    for (const auto& seat : seats_) {
        const auto& plan = seat->port().plan().mailbox;
        const auto waiting = seat->life() ? seat->life()->outstanding : 0;
        const auto exchanges = 3 + claim_exchanges_max + exchanges_max * (waiting + 1);
        longest = std::max(longest, plan.revival_pause_max + 3 * plan.exchange_timeout * exchanges);
    }
    const bool rested = run_until(strands_.now() + longest, [this] {
        return clients_->unanswered() == 0 &&
               std::ranges::all_of(seats_, [](const auto& seat) { return seat->idle(); });
    });
    if (!rested && !judge_.breached()) {
        for (const auto& seat : seats_) {
            if (!seat->idle()) {
                seat->breach("serves-again", "not at rest long after everything was sound");
            }
        }
        judge_.breach("each-answered-once", "clients", "a submission without an answer");
    }
}

void World::probe() {
    for (const auto& seat : seats_) {
        for (const Wish wish : {Wish::discovery, Wish::table, Wish::echo}) {
            probe(*seat, wish);
        }
    }
}

// What others left in a mailbox may cost the first who asks; then it is aborted, and that is the end of it. What a device
// hid when it was claimed is known as soon as somebody discovers: nobody has to reset the mailbox for that.
void World::probe(Seat& seat, Wish wish) {
    const unsigned attempts = seat.port().disturbed() ? 2 : 1;
    const base::Duration time = exchanges_max * 3 * seat.port().plan().mailbox.exchange_timeout;
    for (unsigned i = 0; i < attempts && !judge_.breached(); ++i) {
        const auto ask = clients_->ask(seat, wish, 0, std::nullopt);
        run_until(strands_.now() + time, [&] { return !ask || ask->answers > 0; });
        if (ask && ask->succeeded) {
            return;
        }
    }
    seat.breach("serves-again", "a sound device was asked and did not serve");
}

void World::close() {
    ending_ = true;
    std::size_t open = seats_.size();
    for (const auto& seat : seats_) {
        seat->let_go(Errc::cancelled, [&open] { --open; });
    }
    if (!run_until(strands_.now() + 1h, [&open] { return open == 0; })) {
        judge_.breach("closed-in-time", "host", "a mailbox that is never given up");
    }
    // Whatever is left must not touch anything.
    run_until(base::TimePoint::max(), [] { return false; });
}

// --- The host --------------------------------------------------------------------------------------------------------------

void World::begin_host(Seat& seat) {
    seat.on_gone([this, &seat] { device_gone(seat); });
    const auto& port = seat.port().plan();
    if (plan_.calm && strands_are_quick() && port.mailbox.interrupt &&
        port.device.response_time.max + interrupt_time < port.mailbox.safety_poll) {
        seat.count_on_interrupts();
    }
    seat.claim();
    every(plan_.time_between_resets, [&seat] { seat.reset(); });
    every(plan_.time_between_leases, [this, &seat] { lend(seat); });
    every(plan_.time_between_takings, [this, &seat] { take(seat); });
    every(port.time_between, [&seat] { seat.port().interfere(); });
}

// Neither accesses nor anything else keep an interrupt waiting.
bool World::strands_are_quick() const {
    return plan_.jitter == base::Duration::zero() &&
           std::ranges::all_of(plan_.devices, [](const DevicePlan& device) {
               return device.access_delay == base::Duration::zero();
           });
}

// While the schedule is active.
void World::every(base::Duration time_between, std::function<void()> action) {
    if (time_between == base::Duration::zero()) {
        return;
    }
    host_.at(strands_.now() + random_.between(0ns, 2 * time_between),
             [this, time_between, action = std::move(action)] {
                 if (active_) {
                     action();
                     every(time_between, action);
                 }
             });
}

// The borrower does with the mailbox what it likes.
void World::lend(Seat& seat) {
    seat.let_go(Errc::released, [this, &seat] {
        seat.port().use_by_others(uses[random_.below(3)]);
        host_.at(strands_.now() + random_.up_to(3s), [this, &seat] {
            seat.port().use_by_others(uses[random_.below(3)]);
            try_claim(seat);
        });
    });
}

// The kernel has the device for a while. Whoever notices is given up, and claimed again when it has it no more.
void World::take(Seat& seat) {
    const auto life = seat.life();
    if (!life) {
        return;
    }
    ++tally_.takings;
    judge_.note("%s: the kernel takes it", seat.port().name().c_str());
    life->wire->take(random_.one_in(2));
    host_.at(strands_.now() + random_.up_to(2s), [life] { life->wire->give_back(); });
}

void World::device_gone(Seat& seat) {
    host_.at(strands_.now() + random_.between(1us, 300ms), [this, &seat, gone = seat.life()] {
        // It may have been given up for another reason, and claimed again.
        if (seat.life() == gone) {
            const bool taken = gone && gone->state == doe::MailboxState::kernel;
            seat.let_go(taken ? Errc::kernel_owned : Errc::device_gone,
                        [this, &seat] { try_claim(seat); });
        }
    });
}

// The host looks whether the device is there; now and then it is told of one that has just left.
void World::try_claim(Seat& seat) {
    if (ending_) {
        return;
    }
    if (!seat.port().removed() || random_.one_in(4)) {
        seat.claim();
        return;
    }
    host_.at(strands_.now() + random_.between(1ms, 500ms), [this, &seat] { try_claim(seat); });
}

// --- Running ---------------------------------------------------------------------------------------------------------------

bool World::run_until(base::TimePoint until, const std::function<bool()>& done) {
    while (!judge_.breached() && !done()) {
        const base::TimePoint next = strands_.next_task();
        if (next == base::TimePoint::max() || next > until) {
            break;
        }
        step();
    }
    return done();
}

void World::step() {
    if (plan_.jitter > base::Duration::zero() && random_.one_in(tasks_between_jitter)) {
        strands_.hold_up(random_.between(0ns, plan_.jitter));
    }
    strands_.step();
    ++tally_.tasks;
    for (const auto& seat : seats_) {
        seat->check();
    }
    if (strands_.next_task() > strands_.now()) {
        for (const auto& seat : seats_) {
            seat->check_quiet();
        }
    }
    if (strands_.steps_in_this_instant() > steps_in_an_instant_max) {
        judge_.breach("time-goes-on", "host", "a loop that takes no time");
    }
}

}  // namespace doed::sim
