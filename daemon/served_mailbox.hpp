// SPDX-License-Identifier: Apache-2.0
//
// What clients see of one mailbox, whoever drives it: its owner, the last status its strand has told of, and the
// requests that can be made. A mailbox of another owner refuses what would need the device. Its device (served_device.hpp)
// says who owns it and when it is driven. Bus loop only; the device is touched on the worker strand behind
// io::MailboxService.
#pragma once

#include "cdat/table.hpp"
#include "daemon/bus/method_options.hpp"
#include "daemon/config.hpp"
#include "daemon/open_calls.hpp"
#include "daemon/ownership.hpp"
#include "io/mailbox_service.hpp"
#include "pci/host.hpp"

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/steady_timer.hpp>

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace doed::daemon {

class ServedMailbox : public std::enable_shared_from_this<ServedMailbox> {
public:
    template <typename Value>
    using Completion = std::move_only_function<void(base::Result<Value>)>;
    using Features = std::vector<doe::Protocol>;
    /// Hears of every new status and owner.
    using Listener = std::function<void()>;

    /// Nobody's, until assign(). Completions and the listener run on `loop`.
    ServedMailbox(boost::asio::any_io_executor loop, const pci::Address& address,
                  const pci::DoeCapability& capability);
    ServedMailbox(const ServedMailbox&) = delete;
    ServedMailbox& operator=(const ServedMailbox&) = delete;
    ~ServedMailbox();

    void on_change(Listener listener) { listener_ = std::move(listener); }

    /// Says who owns the mailbox from now on; it is not driven. For an owner that is this process drive() follows, and
    /// `features` is what was known before, else what the kernel says the mailbox offers.
    void assign(Ownership ownership, std::string backend, Features features);
    /// The same owner for another reason; what is driven goes on.
    void restate(const Ownership& ownership);
    /// Nothing is driven any more: requests that would wait for that, now or later, are answered `why`.
    void end(base::Errc why);
    /// Is given what to call, from any thread, when the device's interrupt for this mailbox arrives.
    using Wire = std::function<void(std::function<void()> handler)>;

    /// Begins to drive the mailbox on a strand of `workers`. It is ours and not driven. `wire` is called first.
    void drive(std::unique_ptr<pci::ConfigSpace> config,
               const boost::asio::any_io_executor& workers, const doe::MailboxOptions& options,
               const doe::AllowList& allowed, const Wire& wire);
    /// Ends what is on the wire and lets the mailbox go; requests in its queue are answered `why`, those that wait for drive()
    /// go on waiting.
    /// `stopped` is called once, when nothing is on the wire any more, also when there was nothing to end. An assign() before
    /// it says what later requests are answered.
    void stop(base::Errc why, std::move_only_function<void()> stopped);

    /// Tries the mailbox again, if it is driven and dead: the host has changed.
    void revive();

    /// Bounds what is done for a client elsewhere: by its deadline, and by end().
    [[nodiscard]] OpenCalls& calls() noexcept { return calls_; }

    // Requests for a mailbox that is ours and about to be driven wait for that, until their deadline.

    /// Waits for no more than that. `resume` is called once: by drive() itself, before its end, when it succeeds. Errors:
    /// deadline_exceeded; limits_exceeded, when many wait already; cancelled; as refusal() when it is not ours.
    void await_drive(const bus::MethodOptions& options, Completion<void> resume);
    /// DOE Discovery, now. Errors: those of MailboxService; kernel_owned, lockdown, ... when another is the owner.
    void discover(const bus::MethodOptions& options, Completion<Features> completion);
    /// The whole CDAT, now. Same errors.
    void read_cdat(const bus::MethodOptions& options, Completion<cdat::Table> completion);
    /// Abort and a new claim. Same errors, and deadline_exceeded while the claim goes on.
    void reset(const bus::MethodOptions& options, Completion<void> completion);

    /// The last exchanges and aborts of this drive, oldest first, with the one under way; none while it is not driven.
    /// Waits for no exchange. Error: deadline_exceeded, when one access to the device takes that long.
    void trace(const bus::MethodOptions& options, Completion<io::Trace> completion);

    [[nodiscard]] const pci::Address& address() const noexcept { return address_; }
    [[nodiscard]] const pci::DoeCapability& capability() const noexcept { return capability_; }
    [[nodiscard]] const std::string& backend() const noexcept { return backend_; }
    [[nodiscard]] const Ownership& ownership() const noexcept { return ownership_; }
    [[nodiscard]] const doe::MailboxStatus& status() const noexcept { return status_; }
    [[nodiscard]] bool offers(doe::Protocol protocol) const noexcept;
    /// What a request that needs the device is answered while it is not driven.
    [[nodiscard]] std::unexpected<base::Error> refusal() const;
    /// Why what it was known to offer is not there any more: not_supported, cancelled when it is to be had anew, else as refusal().
    [[nodiscard]] base::Error absence(doe::Protocol protocol) const;
    [[nodiscard]] bool driven() const noexcept { return service_ != nullptr; }
    /// What the strand is at that drives it; it is driven.
    [[nodiscard]] std::shared_ptr<io::Pulse> pulse() const { return service_->pulse(); }
    /// Whether the claim is over, well or badly; true for what is not ours.
    [[nodiscard]] bool settled() const noexcept;
    /// The State property: that of the mailbox engine, else "kernel", "released" or "none".
    [[nodiscard]] std::string_view state() const noexcept;
    /// The Completion property.
    [[nodiscard]] std::string_view completion() const noexcept;
    /// "0000:0d:00.0 mailbox 0x190"
    [[nodiscard]] const std::string& name() const noexcept { return name_; }

private:
    /// A request that waits for drive(); `resume` is called once.
    struct Early {
        Completion<void> resume;
        boost::asio::steady_timer timer;
    };

    void execute(std::shared_ptr<doe::Operation> operation, const bus::MethodOptions& options,
                 std::move_only_function<void(io::OperationResult)> deliver);
    template <typename Value>
    using Request = void (ServedMailbox::*)(const bus::MethodOptions&, Completion<Value>);
    template <typename Value>
    void once_driven(const bus::MethodOptions& options, Request<Value> request,
                     Completion<Value> completion);
    void resume_early(const base::Result<void>& result);
    void tell_stopped();
    void take_status(doe::MailboxStatus status);
    void tell();

    boost::asio::any_io_executor loop_;
    pci::Address address_;
    pci::DoeCapability capability_;
    std::string backend_;
    std::string name_;
    Ownership ownership_;
    doe::MailboxStatus status_;
    Listener listener_;
    std::shared_ptr<io::MailboxService> service_;  ///< while it is driven
    bool stopping_ = false;                        ///< what drove it still ends what is on the wire
    std::vector<std::move_only_function<void()>> stopped_;
    std::vector<std::shared_ptr<Early>> early_;
    OpenCalls calls_;
    std::vector<OpenCalls::Answer<io::Trace>> trace_waiters_;
    bool reading_trace_ = false;
    std::optional<base::Errc> ended_;
    std::uint64_t drives_ = 0;  ///< tells the statuses of an earlier service from those of this one
};

}  // namespace doed::daemon
