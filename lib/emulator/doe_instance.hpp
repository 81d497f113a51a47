// SPDX-License-Identifier: Apache-2.0
//
// One DOE instance at register level (PCIe r6.2 6.30, 7.9.24): the device's side of the mailbox, written from the
// register description alone. It belongs to a Device, which serializes the accesses.
//
// It is rung by GO, notes when the response becomes ready, and compares that with the time at every access; nothing runs
// in between. Where the description leaves a choice, or is easily read in two ways, this instance does the following:
//
// * Busy means "temporarily unable to receive a new data object". There is a buffer for the next object while a response
//   is being made, so Busy is set while an abort is processed and at no other time; with busy_while_processing there is
//   none, and Busy is set from GO until Ready or Error as well. What is written to the Write Data Mailbox or as GO while
//   Busy is set has no effect.
// * An object whose protocol is not supported, whose Length is not the number of dwords written, or that the protocol
//   does not define is discarded in silence: no Ready, no Error, no interrupt.
// * GO while an earlier object is being processed or its response is not read to its end is an object that the instance
//   is unable to respond to: Error, and the earlier response is lost. Error ends with an abort; until then GO only
//   discards.
// * The Read Data Mailbox reads 0 and takes no writes while Ready is clear, so there is no underflow. The write that
//   takes the last dword clears Ready. The Write Data Mailbox reads 0.
// * Interrupt Status is set when Ready or Error becomes set, also with Interrupt Enable clear. A message is sent when
//   Interrupt Status goes from 0 to 1 while Interrupt Enable is set; abort does not clear it.
// * A Control write takes Interrupt Enable first, then Abort, then GO; with Abort, GO has no effect. Control bits that
//   are not defined here read 0.
//
// With a fault script (emulator/faults/) it does otherwise where the script says so, and only there.
#pragma once

#include "doe/data_object.hpp"
#include "doe/registers.hpp"
#include "emulator/faults/fault_injector.hpp"
#include "emulator/interrupt_source.hpp"
#include "emulator/protocols/responder.hpp"
#include "emulator/response.hpp"
#include "emulator/response_time.hpp"

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

namespace doed::emulator {

struct DoeInstanceOptions {
    std::uint8_t capability_version = 1;  ///< discovery follows version 2 from 2 on
    bool interrupt_support = true;
    std::uint16_t interrupt_message = 0;  ///< Interrupt Message Number, 11 bits
    ResponseTimeRange response_time;      ///< from GO to Ready
    base::Duration abort_time{};          ///< how long an abort keeps Busy set
    bool busy_while_processing = false;   ///< Busy is set from GO until Ready
    std::uint64_t seed = 0;               ///< of the response times
};

class DoeInstance {
public:
    /// Header and registers, bytes.
    static constexpr std::uint16_t size_bytes = doe::reg::read_mailbox + 4;

    /// `responders` are those besides discovery, in the order discovery lists them; at most 255. Without `faults` the
    /// instance is sound.
    DoeInstance(const DoeInstanceOptions& options,
                std::vector<std::unique_ptr<Responder>> responders,
                std::function<base::TimePoint()> now, InterruptHook interrupt = {},
                std::shared_ptr<FaultInjector> faults = {});

    /// The register at `offset` from the capability: 4, 8, ..., 20.
    [[nodiscard]] std::uint32_t read(std::uint16_t offset);
    void write(std::uint16_t offset, std::uint32_t value);

    /// Lets what is due by now happen, as every access does first.
    void settle();
    /// When something happens by itself next: a response becomes ready, Busy ends.
    [[nodiscard]] std::optional<base::TimePoint> next_event() const noexcept;
    /// Everything as at creation; exchanges are counted on.
    void reset();

private:
    /// Busy for a reason of its own, without an abort.
    struct BusySpell {
        base::TimePoint ends_at;
        bool ends_with_abort = false;
    };
    /// Error to come while the request is written.
    struct RequestFault {
        Fault fault;
        std::size_t after_dw = 0;
    };

    /// Error to come when the status register is read too soon.
    struct PollFault {
        Fault fault;
        base::TimePoint last_look;
    };

    void write_control(std::uint32_t value);
    void append_to_request(std::uint32_t dword);
    void begin_abort();
    void drop_objects();
    void go();
    [[nodiscard]] Response make_response(std::vector<std::uint32_t> object);
    void acknowledge_dword();
    void finish_response();

    void begin_exchange();
    void end_exchange();
    void misbehave_between_exchanges();
    void misbehave_in_request();
    void misbehave_in_read();
    void precede_response();

    void raise_ready();
    void raise_error();

    void misbehave_when_polled();
    [[nodiscard]] std::uint32_t status() const noexcept;
    [[nodiscard]] bool busy() const noexcept {
        return abort_ends_at_ || busy_spell_ || (options_.busy_while_processing && processing());
    }
    [[nodiscard]] bool processing() const noexcept {
        return response_ && !response_->ready && response_->dwords_read == 0;
    }
    [[nodiscard]] bool ready() const noexcept { return response_ && response_->ready; }
    [[nodiscard]] std::optional<std::vector<std::uint32_t>> respond(
        const std::vector<std::uint32_t>& request);
    [[nodiscard]] std::optional<Fault> strike(FaultKind kind) const;

    DoeInstanceOptions options_;
    std::shared_ptr<FaultInjector> faults_;  ///< null in a sound instance
    std::vector<std::unique_ptr<Responder>> responders_;
    std::function<base::TimePoint()> now_;
    InterruptSource interrupt_;
    ResponseTime response_time_;

    std::vector<std::uint32_t> request_;  ///< dwords written since the last GO or abort
    std::optional<Response> response_;
    std::optional<base::TimePoint> abort_ends_at_;
    bool error_ = false;
    bool exchange_begun_ = false;

    std::optional<BusySpell> busy_spell_;
    std::optional<RequestFault> request_fault_;
    std::optional<PollFault> poll_fault_;
    std::optional<Response> true_response_;   ///< follows a `response_` that came too early
    std::vector<std::uint32_t> last_object_;  ///< given out last; empty when there is none
};

}  // namespace doed::emulator
