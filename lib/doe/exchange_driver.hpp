// SPDX-License-Identifier: Apache-2.0
//
// Does what an Exchange asks for, one exchange at a time: makes its accesses, in turns that leave the strand to others;
// waits for an interrupt or until it is time to look again (PCIe r6.2 6.30.3); makes sure that the device is still ours; and
// keeps the flight recorder. It decides nothing about the protocol and knows no operations. Owned by a Mailbox, on its strand.
#pragma once

#include "base/scheduler.hpp"
#include "doe/exchange.hpp"
#include "doe/flight_recorder.hpp"
#include "doe/poll_floor.hpp"
#include "doe/poll_schedule.hpp"
#include "doe/task_scope.hpp"
#include "pci/counting_config_space.hpp"

#include <cstdint>
#include <optional>
#include <span>
#include <utility>
#include <vector>

namespace doed::doe {

class ExchangeDriver {
public:
    struct Options {
        base::Duration exchange_timeout = ExchangeSetup::specification_timeout_default;
        PollLimits poll;
        base::Duration safety_poll{};  ///< between looks while an interrupt is awaited
    };

    /// Hears of the exchange, on the strand.
    class Owner {
    public:
        /// It waits, for another reason than before.
        virtual void exchange_waits(Action::Reason reason) = 0;
        /// It is over; another one may begin at once.
        virtual void exchange_ended(const Exchange& exchange) = 0;
        /// It was given up: the device is not ours any more. `tidied_up`: an abort was written and not waited for.
        virtual void exchange_dropped(const Exchange& exchange, const base::Error& error,
                                      bool tidied_up) = 0;
        /// Too many interrupts did not come: what follows is polled.
        virtual void interrupts_given_up() = 0;
        /// The mailbox is looked at with other pauses from now on: poll_floor().
        virtual void poll_floor_changed() = 0;

    protected:
        Owner() = default;
        Owner(const Owner&) = default;
        Owner& operator=(const Owner&) = default;
        ~Owner() = default;
    };

    /// Everything that is referred to outlives the driver.
    ExchangeDriver(base::Scheduler& scheduler, pci::CountingConfigSpace& config,
                   std::uint16_t capability_offset, const Options& options, Owner& owner);

    /// Begins an abort that brings a mailbox in an unknown state to idle. `interrupt`: the device's interrupt is armed, and
    /// is used from now on.
    void begin_claim(Purpose purpose, bool interrupt);
    /// Begins an exchange. `request`, payload dwords without header, lives until the exchange has ended; the payload of the
    /// response is in response() then.
    void begin(Purpose purpose, Protocol protocol, std::span<const std::uint32_t> request,
               std::uint32_t max_response_dw);
    /// Gives the exchange up, if there is one: it is aborted if it is on the wire, and ends with Errc::aborted. A claim is
    /// seen through.
    void abandon();
    /// The device raised its interrupt for this mailbox, or for another that shares the message.
    void on_interrupt();
    /// The next exchange does not follow at once: it reads the status register first.
    void forget_status() noexcept { known_status_.reset(); }
    /// Clears Interrupt Enable if it may be set. There is no exchange.
    void disarm();

    [[nodiscard]] bool busy() const noexcept { return exchange_.has_value(); }
    /// Whether GO has been written for the exchange that is under way.
    [[nodiscard]] bool on_the_wire() const noexcept { return exchange_ && exchange_->go_time(); }
    [[nodiscard]] bool uses_interrupt() const noexcept { return setup_.interrupt; }
    [[nodiscard]] std::span<const std::uint32_t> response() const noexcept { return response_; }
    /// The shortest pause between two looks, as configured or as the device has taught.
    [[nodiscard]] base::Duration poll_floor() const noexcept { return poll_floor_.value(); }
    /// How the response of the last exchange was noticed.
    [[nodiscard]] Noticed noticed() const noexcept { return noticed_; }
    /// The last exchanges, oldest first, with the one under way.
    [[nodiscard]] std::vector<TraceRecord> trace() const;

private:
    void begin(Exchange exchange, Purpose purpose, std::optional<Protocol> protocol);
    void pump();
    void perform();
    void tell(const Event& accessed);
    void wait();
    [[nodiscard]] base::TimePoint next_look(base::TimePoint now, bool response);
    void wake();
    void end();
    [[nodiscard]] bool is_ours();
    void yield_to_kernel();
    [[nodiscard]] bool shows_error();

    void learn(const Exchange& exchange);
    void learn_pace(const Exchange& exchange);
    void count_lost_interrupt();
    [[nodiscard]] PollSchedule& poll_schedule(Protocol protocol);
    void fill(TraceRecord& record, const Exchange& exchange) const;

    TaskScope tasks_;
    pci::CountingConfigSpace& config_;
    Options options_;
    Owner& owner_;
    ExchangeSetup setup_;

    std::optional<Exchange> exchange_;
    Action action_;
    Protocol protocol_;  ///< of the last exchange that had one
    std::vector<std::uint32_t> response_;
    std::optional<std::uint32_t> known_status_;

    std::vector<std::pair<Protocol, PollSchedule>> poll_;
    PollSchedule recovery_poll_;  ///< while Busy or an abort is waited for
    PollFloor poll_floor_;
    base::Duration
        planned_look_{};        ///< of this exchange, from GO: the last look for which it waited
    base::Duration not_yet_{};  ///< and the one before
    base::TimePoint clock_{};   ///< as last read for an access
    base::TimerId wait_timer_ = 0;
    base::TimePoint wait_since_{};
    Action::Reason wait_reason_ = Action::Reason::none;
    bool waiting_ = false;

    Noticed noticed_ = Noticed::nothing;
    bool woken_by_interrupt_ = false;    ///< the last wake of this exchange
    bool interrupt_seen_ = false;        ///< during this exchange and not looked after yet
    bool interrupt_owed_ = false;        ///< for a completion that was found without it
    bool interrupt_enabled_ = false;     ///< Interrupt Enable may be set in the device
    std::uint32_t interrupts_lost_ = 0;  ///< since the claim

    std::optional<base::Error> taken_;  ///< by the kernel, as is_ours() found

    FlightRecorder recorder_;
    std::uint64_t reads_before_ = 0;   ///< of config_, when the exchange began
    std::uint64_t writes_before_ = 0;  ///< of config_, when the exchange began
};

}  // namespace doed::doe
