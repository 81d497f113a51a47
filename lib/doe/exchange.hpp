// SPDX-License-Identifier: Apache-2.0
//
// One request and its response through one DOE mailbox (PCIe r6.2 6.30.2), as a machine without I/O or clock: it says
// which register to touch or until when to wait, and is told what came of it. All knowledge of the register protocol is
// here. An exchange leaves the mailbox ready for the next one, or says that it is dead or gone.
//
// Accesses of a response of R dwords to a request of 3: 8 + 2R, and one less when the last status of the exchange
// before is handed in. Interrupt mode adds one, which clears Interrupt Status, and does not look before it is woken; two
// more for every interrupt that was not for the response. A dword of all ones costs one more, for the question whether the
// device is still there.
#pragma once

#include "base/result.hpp"
#include "base/scheduler.hpp"
#include "doe/protocol.hpp"
#include "doe/status_words.hpp"

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace doed::doe {

/// What to do next.
struct Action {
    enum class Kind : std::uint8_t {
        read,   ///< read the dword at `offset`, resume with its value
        write,  ///< write `value` to the dword at `offset`, resume when done
        wait,  ///< resume with wake() at the next poll time or interrupt, at `deadline` at the latest
        done,  ///< look at outcome()
    };
    enum class Reason : std::uint8_t { none, busy, response, abort };

    Kind kind = Kind::done;
    Reason reason = Reason::none;  ///< of a wait
    std::uint16_t offset = 0;      ///< bytes, in config space
    std::uint32_t value = 0;
    base::TimePoint deadline{};

    friend bool operator==(const Action&, const Action&) = default;
};

/// What came of the last action.
struct Event {
    enum class Kind : std::uint8_t { start, value, written, wake, failed };

    Kind kind = Kind::start;
    std::uint32_t value = 0;
    const base::Error* error = nullptr;

    static Event start() noexcept { return {}; }
    static Event read(std::uint32_t value) noexcept { return {Kind::value, value, nullptr}; }
    static Event written() noexcept { return {Kind::written, 0, nullptr}; }
    static Event wake() noexcept { return {Kind::wake, 0, nullptr}; }
    /// The access failed; `error` lives until resume() returns.
    static Event failed(const base::Error& error) noexcept { return {Kind::failed, 0, &error}; }
};

/// How to reach the mailbox; constant over its exchanges.
struct ExchangeSetup {
    std::uint16_t capability_offset = 0;
    std::uint32_t control_preserved = 0;  ///< control bits to keep as they were found
    bool interrupt = false;               ///< Interrupt Enable is set and stays so
    bool look_at_once =
        true;  ///< for the response, right after GO; else wait first, as with an interrupt
    base::Duration timeout =
        specification_timeout_default;  ///< for Busy to clear, and for the response from GO

    static constexpr base::Duration specification_timeout_default = std::chrono::seconds(1);
};

class Exchange {
public:
    /// A request and its response. `request` holds the payload dwords without header and lives as long as the exchange;
    /// `response` receives the payload dwords. `known_status` is the last status of an exchange that ended just now.
    Exchange(const ExchangeSetup& setup, Protocol protocol, std::span<const std::uint32_t> request,
             std::uint32_t max_response_dw, std::vector<std::uint32_t>& response,
             std::optional<std::uint32_t> known_status = std::nullopt);

    /// Only an abort: brings a mailbox in an unknown state to idle. It learns the control bits to keep from then on first.
    [[nodiscard]] static Exchange abort_only(const ExchangeSetup& setup);

    /// The next action. First called with Event::start(), never again after `done`.
    [[nodiscard]] Action resume(const Event& event, base::TimePoint now);

    /// From the next resume() on, give the request up: abort if it is on the wire. The outcome is Errc::aborted.
    void abandon() noexcept { abandoned_ = true; }

    /// Valid once done. Errors: busy, timeout, device_error, malformed, aborted, dead, device_gone, and those of ConfigSpace.
    [[nodiscard]] const base::Result<void>& outcome() const noexcept { return outcome_; }
    /// What the device did wrong, or that it was given up, whatever came of the abort after it; none where an access failed, the
    /// device is gone, or nothing went wrong.
    [[nodiscard]] std::optional<base::Errc> failure() const noexcept { return failure_; }
    /// The abort did not work: nothing must be sent until one does.
    [[nodiscard]] bool mailbox_dead() const noexcept { return dead_; }
    /// Some register was written: the mailbox is not as it was found.
    [[nodiscard]] bool written() const noexcept { return written_; }
    /// An abort was written.
    [[nodiscard]] bool aborted() const noexcept { return aborted_; }
    /// The last status word, as known_status of an exchange that follows at once; none when it says nothing of what is next.
    [[nodiscard]] std::optional<std::uint32_t> last_status() const noexcept { return last_status_; }
    /// What was read of the status register, for whoever wants to know what went on.
    [[nodiscard]] const StatusWords& status_words() const noexcept { return status_words_; }
    /// Dwords of the request, header included; 0 for an abort alone.
    [[nodiscard]] std::uint32_t request_length_dw() const noexcept;
    /// The length that the device named, header included, right or wrong; 0 while it has named none.
    [[nodiscard]] std::uint32_t response_length_dw() const noexcept { return length_dw_; }
    /// ExchangeSetup::control_preserved as a claim has found it.
    [[nodiscard]] std::uint32_t control_preserved() const noexcept {
        return setup_.control_preserved;
    }
    /// From GO to the status read that showed the response; none if there was none.
    [[nodiscard]] std::optional<base::Duration> response_time() const noexcept {
        return response_time_;
    }
    /// From GO to the begin of that read: what a slow access takes is not the device's doing. With response_time() only.
    [[nodiscard]] base::Duration look_time() const noexcept { return look_began_ - *go_time_; }
    /// Whether the access under way moves a dword of an object's payload: what time it is when it ends does not matter then.
    [[nodiscard]] bool moves_payload() const noexcept {
        return state_ == State::write_payload || state_ == State::read_payload ||
               state_ == State::ack_payload;
    }
    /// When GO was written; none before.
    [[nodiscard]] std::optional<base::TimePoint> go_time() const noexcept { return go_time_; }

private:
    enum class State : std::uint8_t {
        start,
        read_control,
        check_idle,
        wait_idle,
        write_header1,
        write_header2,
        write_payload,
        clear_interrupt,
        go,
        check_ready,
        clear_other_interrupt,
        check_ready_again,
        wait_ready,
        read_header1,
        ack_header1,
        read_header2,
        read_payload,
        check_before_last_ack,
        ack_last,
        ack_payload,
        check_final,
        write_abort,
        check_abort,
        wait_abort,
        enable_interrupt,
        confirm_presence,
        done,
    };
    enum class AfterAbort : std::uint8_t { send, finish };

    explicit Exchange(const ExchangeSetup& setup);

    Action step(const Event& event, base::TimePoint now);
    Action look(State state);
    Action look_for_response(State next, base::TimePoint now);
    Action read(State state, std::uint16_t register_offset);
    Action write(State state, std::uint16_t register_offset, std::uint32_t value);
    Action wait(State state, Action::Reason reason, base::TimePoint deadline);
    Action finish();

    void note_status(std::uint32_t status);
    Action on_control(std::uint32_t control);
    Action on_idle_status(std::uint32_t status, base::TimePoint now);
    Action on_response_status(std::uint32_t status, base::TimePoint now);
    Action on_header1(std::uint32_t header1);
    Action on_header2(std::uint32_t header2);
    Action on_status_before_last_ack(std::uint32_t status);
    Action on_final_status(std::uint32_t status);
    Action on_abort_status(std::uint32_t status, base::TimePoint now);
    Action after_abort();
    Action die(std::string context);
    Action on_access_failed(const base::Error& error);

    Action send_next();
    Action read_next();
    Action after_payload_dword();
    Action take_payload_dword(std::uint32_t dword);
    Action confirm_presence();
    Action on_presence(std::uint32_t command, base::TimePoint now);
    Action fail(base::Errc code, std::string context);
    Action start_abort(AfterAbort then);

    [[nodiscard]] std::uint32_t control(std::uint32_t bits) const noexcept;
    [[nodiscard]] bool aborting() const noexcept;

    ExchangeSetup setup_;
    Protocol protocol_;
    std::span<const std::uint32_t> request_;
    std::uint32_t max_response_dw_ = 0;
    std::vector<std::uint32_t>* response_ = nullptr;
    std::optional<std::uint32_t> known_status_;

    State state_ = State::start;
    State confirming_for_ = State::start;  ///< the read that showed all ones
    AfterAbort after_abort_ = AfterAbort::finish;
    bool abort_only_ = false;
    bool abandoned_ = false;
    bool aborted_ = false;
    bool written_ = false;
    bool access_failed_ = false;
    bool dead_ = false;
    std::uint32_t sent_dw_ = 0;      ///< payload dwords written
    std::uint32_t length_dw_ = 0;    ///< of the response, header included
    std::uint32_t received_dw_ = 0;  ///< dwords read, header included
    base::TimePoint deadline_{};
    std::optional<base::TimePoint> go_time_;
    base::TimePoint look_began_{};  ///< the last look for the response
    std::optional<base::Duration> response_time_;
    std::optional<std::uint32_t> last_status_;
    StatusWords status_words_;
    base::Result<void> outcome_;
    std::optional<base::Errc> failure_;
};

}  // namespace doed::doe
