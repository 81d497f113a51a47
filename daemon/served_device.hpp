// SPDX-License-Identifier: Apache-2.0
//
// One device and what is served of it: who owns it, the session through which it is driven, its mailboxes with their
// tables and leases, and the D-Bus objects of all of them. A change of owner goes through one path: let go of what is
// held, give the device back, take it anew if it is ours. Bus loop only; what blocks is posted to the workers.
#pragma once

#include "daemon/bus/peer_watch.hpp"
#include "daemon/bus/pump.hpp"
#include "daemon/cdat_cache.hpp"
#include "daemon/config.hpp"
#include "daemon/device_session.hpp"
#include "daemon/events/event_hub.hpp"
#include "daemon/events/mailbox_events.hpp"
#include "daemon/host_findings.hpp"
#include "daemon/lease_registry.hpp"
#include "daemon/log.hpp"
#include "daemon/objects/cdat_object.hpp"
#include "daemon/objects/device_object.hpp"
#include "daemon/objects/mailbox_object.hpp"
#include "daemon/served_mailbox.hpp"
#include "io/worker_pool.hpp"
#include "pci/host.hpp"
#include "pci/opener.hpp"

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/steady_timer.hpp>

#include <chrono>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace doed::daemon {

/// What every device needs of the daemon; outlives them all.
struct DeviceContext {
    const Config& config;
    const Log& log;
    pci::Host& host;
    pci::Opener* opener = nullptr;                    ///< null for an emulated host
    std::optional<std::filesystem::path> sysfs_root;  ///< nothing for an emulated host
    std::filesystem::path power_records;
    LeaseRegistry& leases;
    EventHub* events = nullptr;  ///< null: nobody is told
    boost::asio::any_io_executor loop;
    boost::asio::any_io_executor workers;
    io::WorkerPool* pool = nullptr;  ///< whose `workers` are; null: their number is fixed
    std::function<void()> changed;   ///< after every change of a mailbox
    std::function<void()> look;      ///< the host should be looked at again
    MailboxUse kernel_use = MailboxUse::at_once;  ///< of this host's kernel
    std::chrono::milliseconds driver_grace{
        2000};  ///< in which a driver that was just bound may take the mailbox
    std::chrono::milliseconds retry_pause_min{
        1000};  ///< after a device that cannot be had; doubled each time
    std::chrono::milliseconds retry_pause_max{60000};
    std::chrono::milliseconds first_look_patience{5000};  ///< before serving without what hangs
};

class ServedDevice : public std::enable_shared_from_this<ServedDevice> {
public:
    ServedDevice(const DeviceContext& context, DeviceFinding finding);
    ServedDevice(const ServedDevice&) = delete;
    ServedDevice& operator=(const ServedDevice&) = delete;
    ~ServedDevice();

    /// Decides on the owner and begins to drive what is ours. Called once, first.
    void begin();
    /// The device as it was found just now, which may mean another owner.
    void update(DeviceFinding finding);
    /// Puts the objects on the bus, and keeps them there.
    void publish(sdbus::IConnection& connection, bus::Pump& pump, bus::Gatekeeper& gate);
    /// The device is not there any more: objects go at once, waiters get `why`; `closed` is called once, when everything has
    /// been let go. Nothing else is called after it.
    void close(base::Errc why, std::function<void()> closed);

    [[nodiscard]] const pci::Address& address() const noexcept { return finding_.info.address; }
    [[nodiscard]] const pci::DeviceInfo& info() const noexcept { return finding_.info; }
    /// Whether no claim is under way.
    [[nodiscard]] bool settled() const;
    [[nodiscard]] std::size_t mailbox_count() const noexcept { return mailboxes_.size(); }
    [[nodiscard]] std::size_t driven_count() const;

private:
    /// How far a mailbox is on its way to a borrower.
    enum class Lending : std::uint8_t { no, letting_go, lent };
    struct Mailbox {
        Mailbox(EventHub* hub, const std::shared_ptr<ServedMailbox>& mailbox)
            : served(mailbox), events(hub, mailbox) {}

        std::shared_ptr<ServedMailbox> served;
        MailboxEvents events;
        std::shared_ptr<CdatCache> cache;
        Lending lending = Lending::no;
        bool opening = false;  ///< its config space is being opened, that of the device is
        std::unique_ptr<MailboxObject> object;
        std::unique_ptr<CdatObject> cdat_object;
        std::shared_ptr<CdatCache> shown_cache;  ///< the one behind cdat_object
        bool logged_polling = false;             ///< that it was turned from interrupts to polling
        base::Duration told_poll_floor{};  ///< shortest pause between looks; 0 before the first
        std::string logged_error;  ///< so that a mailbox that fails again and again is logged once
    };
    struct Opened {
        std::shared_ptr<DeviceSession> session;
        std::vector<std::unique_ptr<pci::ConfigSpace>> configs;  ///< one for each mailbox
    };

    [[nodiscard]] Ownership decide() const;
    void reconsider();
    void change_owner(Ownership ownership);
    void restate(const Ownership& ownership);
    void let_go(base::Errc why, std::function<void()> done);
    void drop_session(std::move_only_function<void()> done);
    void take();
    [[nodiscard]] static base::Result<Opened> open(pci::Host& host, const SessionRequest& request,
                                                   const boost::asio::any_io_executor& workers,
                                                   DeviceSignals signals);
    void taken(base::Result<Opened> opened);
    void not_taken(const base::Error& error);
    void settle();
    void drive(Mailbox& mailbox, std::unique_ptr<pci::ConfigSpace> config);
    void reopen(Mailbox& mailbox);
    void reopened(Mailbox& mailbox, base::Result<std::unique_ptr<pci::ConfigSpace>> config);
    void assign(Mailbox& mailbox, const Ownership& ownership);

    [[nodiscard]] bool has_lost(doe::MailboxState state) const;
    [[nodiscard]] bool has_failed() const;
    [[nodiscard]] bool may_open() const;
    [[nodiscard]] bool may_retry();
    [[nodiscard]] bool driver_is_new() const;
    void plan_look();
    void compare_table();

    [[nodiscard]] DeviceSignals signals();
    void wanted_back();
    void error_reported();

    using LeaseCompletion = ServedMailbox::Completion<base::UniqueFd>;
    void lend(Mailbox& mailbox, const std::string& client, const bus::MethodOptions& options,
              LeaseCompletion completion);
    void lend_once_driven(Mailbox& mailbox, const std::string& client,
                          const bus::MethodOptions& options, LeaseCompletion completion);
    void grant(Mailbox& mailbox, const std::string& client, LeaseCompletion completion);
    [[nodiscard]] bool gives_back_for(const Mailbox& mailbox) const;
    [[nodiscard]] bool any_lent() const;
    [[nodiscard]] bool all_lent() const;
    void resume_lease(Mailbox& mailbox);
    [[nodiscard]] LeaseRegistry::Ended when_ended(Mailbox& mailbox);
    void lease_ended(Mailbox& mailbox);

    [[nodiscard]] std::shared_ptr<CdatCache> make_cache(const Mailbox& mailbox) const;
    [[nodiscard]] std::shared_ptr<DocumentMaker> make_documents(const Mailbox& mailbox) const;
    void tell(base::EventBody body);
    void publish_mailbox(Mailbox& mailbox);
    void mailbox_changed(Mailbox& mailbox);
    void tell_poll_floor(Mailbox& mailbox);
    void log_error(Mailbox& mailbox);
    void update_cdat(Mailbox& mailbox);
    void hide();
    void compare_features();

    const DeviceContext& context_;
    DeviceFinding finding_;
    Ownership decided_;    ///< what the last change of owner was for
    Ownership ownership_;  ///< what came of it
    std::shared_ptr<DeviceSession> session_;
    std::vector<std::unique_ptr<Mailbox>> mailboxes_;

    bool changing_ = false;     ///< a change of owner is under way; another waits for its end
    bool outdated_ = false;     ///< what was taken, or not, during it has to be taken anew
    bool open_wanted_ = false;  ///< it is ours and not open: an attempt is due
    std::vector<std::move_only_function<void()>> after_change_;
    bool closing_ = false;
    base::Errc closing_why_ = base::Errc::cancelled;
    bool wanted_back_ = false;
    bool features_compared_ = false;
    bool has_table_ = false;     ///< a mailbox was found to offer CDAT
    bool table_missed_ = false;  ///< told that the kernel could not read the table
    std::chrono::steady_clock::time_point
        driver_since_;  ///< when the present driver was first seen
    std::chrono::steady_clock::time_point next_retry_;
    std::chrono::milliseconds retry_pause_;
    std::chrono::steady_clock::time_point next_error_log_{};
    boost::asio::steady_timer wanted_back_timer_;
    boost::asio::steady_timer look_timer_;  ///< a retry, or the end of a driver's grace
    std::function<void()> closed_;

    sdbus::IConnection* connection_ = nullptr;  ///< set once published
    bus::Pump* pump_ = nullptr;
    bus::Gatekeeper* gate_ = nullptr;
    std::unique_ptr<DeviceObject> object_;
};

}  // namespace doed::daemon
