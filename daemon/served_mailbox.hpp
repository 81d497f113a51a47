// SPDX-License-Identifier: Apache-2.0
//
// What clients see of one mailbox, whoever drives it: its owner, the last status its strand has
// told of, and the requests that can be made. A mailbox of another owner refuses what would need
// the device. Bus loop only; the device is touched on the worker strand behind io::MailboxService.
#pragma once

#include "cdat/table.hpp"
#include "daemon/bus/method_options.hpp"
#include "daemon/config.hpp"
#include "daemon/ownership.hpp"
#include "io/mailbox_service.hpp"
#include "pci/host.hpp"

#include <boost/asio/any_io_executor.hpp>

#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace doed::daemon {

class ServedMailbox : public std::enable_shared_from_this<ServedMailbox> {
public:
    template <typename Value>
    using Completion = std::move_only_function<void(base::Result<Value>)>;
    using Features = std::vector<doe::Protocol>;
    /// Hears of every new status and owner; gets what was before.
    using Listener = std::function<void(const doe::MailboxStatus& before)>;

    /// Completions and the listener run on `loop`.
    ServedMailbox(boost::asio::any_io_executor loop, const pci::Address& address,
                  const pci::DoeCapability& capability, std::string backend, Ownership ownership);

    void on_change(Listener listener) { listener_ = std::move(listener); }

    /// Opens the device and begins to drive the mailbox on a strand of `workers`. A device that
    /// cannot be opened leaves the mailbox to nobody, with the reason. The daemon is the owner.
    void claim(pci::Host& host, boost::asio::any_io_executor workers,
               const doe::MailboxOptions& options, const doe::AllowList& allowed);
    /// For a mailbox of another owner: what the kernel says it offers.
    void set_kernel_features(Features features) { status_.features = std::move(features); }

    /// DOE Discovery, now. Errors: those of MailboxService; kernel_owned, lockdown, ... when
    /// another is the owner.
    void discover(const bus::MethodOptions& options, Completion<Features> completion);
    /// The whole CDAT, now. Same errors.
    void read_cdat(const bus::MethodOptions& options, Completion<cdat::Table> completion);
    /// Abort and a new claim. Same errors, and deadline_exceeded while the claim goes on.
    void reset(const bus::MethodOptions& options, Completion<void> completion);
    /// Ends what is on the wire and lets the mailbox go; `closed` is called once, also when there
    /// is nothing to end.
    void close(std::move_only_function<void()> closed);

    [[nodiscard]] const pci::Address& address() const noexcept { return address_; }
    [[nodiscard]] const pci::DoeCapability& capability() const noexcept { return capability_; }
    [[nodiscard]] const std::string& backend() const noexcept { return backend_; }
    [[nodiscard]] const Ownership& ownership() const noexcept { return ownership_; }
    [[nodiscard]] const doe::MailboxStatus& status() const noexcept { return status_; }
    [[nodiscard]] bool offers(doe::Protocol protocol) const noexcept;
    /// Whether the first claim is over, well or badly; true for what is not driven.
    [[nodiscard]] bool settled() const noexcept;
    /// The State property: that of the mailbox engine, else "kernel" or "none".
    [[nodiscard]] std::string_view state() const noexcept;
    /// The Completion property.
    [[nodiscard]] std::string_view completion() const noexcept;
    /// "0000:0d:00.0 mailbox 0x190"
    [[nodiscard]] const std::string& name() const noexcept { return name_; }

private:
    void take_status(doe::MailboxStatus status);
    [[nodiscard]] std::unexpected<base::Error> refusal() const;

    boost::asio::any_io_executor loop_;
    pci::Address address_;
    pci::DoeCapability capability_;
    std::string backend_;
    std::string name_;
    Ownership ownership_;
    doe::MailboxStatus status_;
    Listener listener_;
    std::shared_ptr<io::MailboxService> service_;  ///< while the daemon is the owner
};

}  // namespace doed::daemon
