// SPDX-License-Identifier: Apache-2.0
#include "daemon/served_device.hpp"

#include "daemon/bus/paths.hpp"
#include "daemon/kernel_table_reader.hpp"

#include <boost/asio/post.hpp>

#include <algorithm>
#include <utility>

#include <fmt/format.h>

namespace doed::daemon {

namespace asio = boost::asio;

namespace {

// A device that VFIO asked back is not taken again before whoever wants it has had time to unbind it.
constexpr std::chrono::seconds give_back_time{2};

OwnershipFacts facts_of(const DeviceFinding& finding, OwnerChoice choice) {
    OwnershipFacts facts;
    facts.driver = finding.kernel.driver;
    facts.cxl_port = finding.kernel.cxl_port;
    facts.tsm_connected = finding.kernel.tsm_connected;
    facts.config_writable = finding.kernel.config_writable;
    facts.lockdown = finding.lockdown;
    facts.choice = choice;
    return facts;
}

/// The context tells more than the code's sentence, which clients get with every refusal. A file that is missing is not a
/// D-Bus object that is.
Ownership not_opened(const base::Error& error) {
    return Ownership{Owner::none, error.context().empty() ? error.message() : error.context(),
                     error.code() == base::Errc::not_found ? base::Errc::io : error.code()};
}

/// What a kernel-owned mailbox offers. The kernel tells it per device, not per mailbox; before Linux 6.15 its CDAT file
/// alone is the proof that discovery and table access were found.
std::vector<doe::Protocol> kernel_features(const KernelFacts& kernel) {
    if (!kernel.doe_features.empty() || kernel.cdat_file.empty()) {
        return kernel.doe_features;
    }
    return {doe::protocol_discovery, doe::protocol_table_access};
}

}  // namespace

ServedDevice::ServedDevice(const DeviceContext& context, DeviceFinding finding)
    : context_(context), finding_(std::move(finding)), wanted_back_timer_(context.loop) {
    for (const auto& capability : finding_.info.mailboxes) {
        auto mailbox = std::make_unique<Mailbox>();
        mailbox->served =
            std::make_shared<ServedMailbox>(context_.loop, finding_.info.address, capability);
        mailbox->served->on_change([this, entry = mailbox.get()] { mailbox_changed(*entry); });
        mailboxes_.push_back(std::move(mailbox));
    }
}

ServedDevice::~ServedDevice() {
    for (const auto& mailbox : mailboxes_) {
        mailbox->served->on_change(nullptr);
    }
}

// --- Owners ----------------------------------------------------------------------------------------------------------------

Ownership ServedDevice::decide() const {
    if (wanted_back_ && finding_.kernel.driver == "vfio-pci") {
        return Ownership{Owner::none, "the device's driver is being unbound",
                         base::Errc::device_gone};
    }
    return decide_ownership(facts_of(finding_, context_.config.device(address()).owner));
}

void ServedDevice::begin() {
    for (const auto& mailbox : mailboxes_) {
        resume_lease(*mailbox);
    }
    change_owner(decide());
}

void ServedDevice::update(DeviceFinding finding) {
    // A port that went and came back between two looks has read the table anew.
    const bool another_table = ownership_.owner == Owner::kernel &&
                               finding.kernel.cdat_identity != finding_.kernel.cdat_identity;
    finding_ = std::move(finding);
    if (object_) {
        object_->update(finding_.info);
    }
    // What seemed gone is there again; what could not be opened may be free by now, the device or one mailbox after a lease.
    const bool lost = std::ranges::any_of(mailboxes_, [this](const auto& mailbox) {
        const auto& served = *mailbox->served;
        return (served.driven() && served.status().state == doe::MailboxState::gone) ||
               (!mailbox->lent && served.ownership() != ownership_);
    });
    const bool failed = is_ours(decide().owner) && !is_ours(ownership_.owner);
    outdated_ = outdated_ || lost || failed || another_table;
    if (!changing_ && (outdated_ || decide() != ownership_)) {
        change_owner(decide());
    }
}

/// From one owner to another: what we hold is let go first, and taken again only after it has been given back.
void ServedDevice::change_owner(Ownership ownership) {
    changing_ = true;
    outdated_ = false;
    features_compared_ = false;
    decided_ = ownership;
    ownership_ = std::move(ownership);
    for (const auto& mailbox : mailboxes_) {
        if (!mailbox->lent) {
            assign(*mailbox, ownership_);
        }
    }
    const base::Errc why = is_ours(ownership_.owner) ? base::Errc::cancelled : ownership_.refusal;
    let_go(why, [self = shared_from_this()] { self->settle(); });
}

void ServedDevice::assign(Mailbox& mailbox, const Ownership& ownership) {
    auto features = ownership.owner == Owner::kernel ? kernel_features(finding_.kernel)
                                                     : mailbox.served->status().features;
    const std::string backend(ownership.owner == Owner::vfio     ? "vfio"
                              : ownership.owner == Owner::daemon ? context_.host.backend()
                                                                 : "");
    mailbox.cache = nullptr;
    mailbox.served->assign(ownership, backend, std::move(features));
    mailbox.cache = make_cache(mailbox);
    mailbox_changed(mailbox);
}

void ServedDevice::let_go(base::Errc why, std::function<void()> done) {
    // Shared by the completions of all mailboxes; what comes next runs when the last one has dropped it.
    const auto last = std::shared_ptr<void>(
        nullptr,
        [self = shared_from_this(), done = std::move(done)](void*) { self->drop_session(done); });
    for (const auto& mailbox : mailboxes_) {
        mailbox->served->stop(why, [last] {});
    }
}

/// Giving a device back may reset it, which blocks.
void ServedDevice::drop_session(std::move_only_function<void()> done) {
    asio::post(context_.workers, [session = std::exchange(session_, nullptr), loop = context_.loop,
                                  done = std::move(done)]() mutable {
        session.reset();
        asio::post(loop, std::move(done));
    });
}

void ServedDevice::take() {
    SessionRequest request;
    request.device = finding_.info;
    request.owner = ownership_.owner;
    request.interrupts = context_.config.device(address()).interrupts;
    if (context_.sysfs_root) {
        request.sysfs_root = *context_.sysfs_root;
        request.power_records = context_.power_records;
    }
    asio::post(context_.workers, [self = shared_from_this(),
                                  request = std::move(request)]() mutable {
        auto opened = open(self->context_.host, request, self->context_.workers, self->signals());
        // Handed over: the device never ends on a worker.
        const auto loop = self->context_.loop;
        asio::post(loop, [self = std::move(self), opened = std::move(opened)]() mutable {
            self->taken(std::move(opened));
        });
    });
}

base::Result<ServedDevice::Opened> ServedDevice::open(pci::Host& host,
                                                      const SessionRequest& request,
                                                      const asio::any_io_executor& workers,
                                                      DeviceSignals signals) {
    auto session = DeviceSession::open(host, request, workers, std::move(signals));
    if (!session) {
        return std::unexpected(session.error());
    }
    Opened opened;
    opened.session = std::move(*session);
    for (std::size_t i = 0; i < request.device.mailboxes.size(); ++i) {
        auto config = opened.session->open_config();
        if (!config) {
            return std::unexpected(config.error());
        }
        opened.configs.push_back(std::move(*config));
    }
    return opened;
}

void ServedDevice::taken(base::Result<Opened> opened) {
    if (!opened) {
        context_.log.warning(opened.error().message());
        ownership_ = not_opened(opened.error());
        for (const auto& mailbox : mailboxes_) {
            if (!mailbox->lent) {
                assign(*mailbox, ownership_);
            }
        }
        settle();
        return;
    }
    session_ = std::move(opened->session);
    if (closing_) {
        settle();
        return;
    }
    if (!session_->no_interrupt_reason().empty()) {
        context_.log.debug(
            fmt::format("{}: polling: {}", address().to_string(), session_->no_interrupt_reason()));
    }
    for (std::size_t i = 0; i < mailboxes_.size(); ++i) {
        if (!mailboxes_[i]->lent) {
            drive(*mailboxes_[i], std::move(opened->configs[i]));
        }
    }
    settle();
}

/// The end of a step: takes up what came meanwhile, and opens the device if it is ours and not open yet.
void ServedDevice::settle() {
    changing_ = false;
    if (closing_) {
        let_go(closing_why_,
               [self = shared_from_this()] { std::exchange(self->closed_, nullptr)(); });
        return;
    }
    const Ownership wanted = decide();
    if (outdated_ || wanted != decided_) {
        change_owner(wanted);
    } else if (is_ours(ownership_.owner) && !session_ && !all_lent()) {
        changing_ = true;
        take();
    }
}

void ServedDevice::drive(Mailbox& mailbox, std::unique_ptr<pci::ConfigSpace> config) {
    doe::MailboxOptions options = context_.config.device(address()).mailbox;
    const std::uint16_t offset = mailbox.served->capability().offset;
    mailbox.logged_polling = false;
    options.interrupt = session_->has_interrupt(offset);
    mailbox.served->drive(std::move(config), context_.workers, options, context_.config.allowed,
                          [session = session_, offset](std::function<void()> handler) {
                              session->on_interrupt(offset, std::move(handler));
                          });
}

// --- What VFIO says ----------------------------------------------------------------------------------------------------------

DeviceSignals ServedDevice::signals() {
    const auto on_loop = [loop = context_.loop,
                          weak = weak_from_this()](void (ServedDevice::*what)()) {
        return [loop, weak, what] {
            asio::post(loop, [weak, what] {
                if (const auto self = weak.lock()) {
                    (self.get()->*what)();
                }
            });
        };
    };
    return DeviceSignals{.wanted_back = on_loop(&ServedDevice::wanted_back),
                         .error = on_loop(&ServedDevice::error_reported)};
}

void ServedDevice::wanted_back() {
    if (closing_ || std::exchange(wanted_back_, true)) {
        return;
    }
    context_.log.info(address().to_string() + ": VFIO wants the device back");
    wanted_back_timer_.expires_after(give_back_time);
    wanted_back_timer_.async_wait(
        [weak = weak_from_this()](const boost::system::error_code& error) {
            const auto self = weak.lock();
            if (!error && self) {
                self->wanted_back_ = false;
                self->context_.look();
            }
        });
    if (!changing_) {
        change_owner(decide());
    }
}

void ServedDevice::error_reported() {
    context_.log.warning(address().to_string() +
                         ": an uncorrectable error was reported; its mailboxes are claimed anew");
    for (const auto& mailbox : mailboxes_) {
        bus::MethodOptions options;
        options.deadline = std::chrono::steady_clock::now() + context_.config.default_deadline;
        mailbox->served->reset(options, [](const base::Result<void>&) {});
    }
}

// --- Leases --------------------------------------------------------------------------------------------------------------------

void ServedDevice::lend(Mailbox& mailbox, const std::string& client, LeaseCompletion completion) {
    if (!mailbox.served->driven() || changing_ || closing_) {
        completion(mailbox.served->refusal());
        return;
    }
    mailbox.lent = true;
    assign(mailbox, Ownership{Owner::released, "lent to " + client, base::Errc::released});
    mailbox.served->stop(base::Errc::released, [self = shared_from_this(), &mailbox, client,
                                                completion = std::move(completion)]() mutable {
        self->grant(mailbox, client, std::move(completion));
    });
}

/// A device whose mailboxes are all lent is given back, so that its borrower may open it as it likes.
void ServedDevice::grant(Mailbox& mailbox, const std::string& client, LeaseCompletion completion) {
    if (all_lent() && session_ && !changing_ && !closing_) {
        changing_ = true;
        drop_session([self = shared_from_this(), &mailbox, client,
                      completion = std::move(completion)]() mutable {
            self->settle();
            self->grant(mailbox, client, std::move(completion));
        });
        return;
    }
    if (closing_) {
        completion(base::fail(closing_why_, mailbox.served->name()));
        return;
    }
    auto lease = context_.leases.grant(address(), mailbox.served->capability().offset, client,
                                       when_ended(mailbox));
    if (!lease) {
        completion(std::unexpected(lease.error()));
        lease_ended(mailbox);
        return;
    }
    context_.log.info(fmt::format("{} is lent to {}", mailbox.served->name(), client));
    completion(std::move(*lease));
}

/// A lease that an earlier doed gave, or that was given before the device went and came back.
void ServedDevice::resume_lease(Mailbox& mailbox) {
    const auto holder =
        context_.leases.resume(address(), mailbox.served->capability().offset, when_ended(mailbox));
    if (!holder) {
        return;
    }
    mailbox.lent = true;
    context_.log.info(fmt::format("{} is still lent to {}", mailbox.served->name(), *holder));
    assign(mailbox, Ownership{Owner::released, "lent to " + *holder, base::Errc::released});
}

LeaseRegistry::Ended ServedDevice::when_ended(Mailbox& mailbox) {
    return [weak = weak_from_this(), &mailbox] {
        if (const auto device = weak.lock()) {
            device->lease_ended(mailbox);
        }
    };
}

bool ServedDevice::all_lent() const {
    return std::ranges::all_of(mailboxes_, [](const auto& mailbox) { return mailbox->lent; });
}

void ServedDevice::lease_ended(Mailbox& mailbox) {
    mailbox.lent = false;
    if (closing_) {
        return;
    }
    context_.log.info(mailbox.served->name() + " is back");
    assign(mailbox, ownership_);
    if (changing_) {
        return;  // the end of that change sees to it
    }
    if (!session_) {
        settle();
        return;
    }
    asio::post(context_.workers,
               [self = shared_from_this(), session = session_, &mailbox]() mutable {
                   auto config = session->open_config();
                   const auto loop = self->context_.loop;
                   asio::post(loop, [self = std::move(self), session = std::move(session), &mailbox,
                                     config = std::move(config)]() mutable {
                       if (self->session_ != session || self->closing_ || mailbox.lent ||
                           mailbox.served->driven()) {
                           return;
                       }
                       if (!config) {
                           self->assign(mailbox, not_opened(config.error()));
                           return;
                       }
                       self->drive(mailbox, std::move(*config));
                   });
               });
}

// --- Publishing ------------------------------------------------------------------------------------------------------------------

/// Null when the kernel owns the mailbox and has no table to show for it. The kernel's table is that of the device:
/// it is shown at the first mailbox.
std::shared_ptr<CdatCache> ServedDevice::make_cache(const Mailbox& mailbox) const {
    const auto& served = *mailbox.served;
    const Owner owner = served.ownership().owner;
    if (is_ours(owner) || owner == Owner::released) {
        return std::make_shared<CdatCache>(
            "mailbox", [weak = std::weak_ptr(mailbox.served)](const bus::MethodOptions& options,
                                                              auto completion) {
                if (const auto target = weak.lock()) {
                    target->read_cdat(options, std::move(completion));
                } else {
                    completion(base::fail(base::Errc::device_gone));
                }
            });
    }
    if (finding_.kernel.cdat_file.empty() ||
        served.capability() != finding_.info.mailboxes.front()) {
        return nullptr;
    }
    const auto reader = std::make_shared<KernelTableReader>(
        context_.loop, context_.workers, finding_.kernel.cdat_file, served.name(),
        served.ownership().reason);
    return std::make_shared<CdatCache>(
        "kernel", [reader](const bus::MethodOptions& options, auto completion) {
            reader->read(options, std::move(completion));
        });
}

void ServedDevice::publish(sdbus::IConnection& connection, bus::Pump& pump, bus::PeerWatch& peers) {
    connection_ = &connection;
    pump_ = &pump;
    peers_ = &peers;
    object_ = std::make_unique<DeviceObject>(connection, pump, finding_.info);
    object_->emit_added();
    for (const auto& mailbox : mailboxes_) {
        publish_mailbox(*mailbox);
    }
}

void ServedDevice::publish_mailbox(Mailbox& mailbox) {
    mailbox.object = std::make_unique<MailboxObject>(
        *connection_, *pump_, mailbox.served,
        [this, &mailbox](const std::string& client, auto completion) {
            lend(mailbox, client, std::move(completion));
        },
        context_.config.default_deadline);
    mailbox.object->emit_added();
    update_cdat(mailbox);
}

void ServedDevice::mailbox_changed(Mailbox& mailbox) {
    log_error(mailbox);
    if (mailbox.object) {
        mailbox.object->emit_changes();
        update_cdat(mailbox);
    }
    const auto& served = *mailbox.served;
    if (served.driven() && served.status().state == doe::MailboxState::gone) {
        // Removed, or back in a moment: the next look at the host tells.
        context_.look();
    }
    if (served.driven() && session_ && session_->has_interrupt(served.capability().offset) &&
        served.status().completion == doe::Completion::poll &&
        !std::exchange(mailbox.logged_polling, true)) {
        context_.log.warning(served.name() +
                             ": its interrupts do not arrive; it is polled from now on");
    }
    compare_features();
    context_.changed();
}

void ServedDevice::log_error(Mailbox& mailbox) {
    const auto& status = mailbox.served->status();
    const bool lost =
        status.state == doe::MailboxState::dead || status.state == doe::MailboxState::gone;
    if (lost && status.last_error != mailbox.logged_error) {
        mailbox.logged_error = status.last_error;
        context_.log.warning(
            fmt::format("{} ({})", status.last_error, doe::to_string(status.state)));
    } else if (status.state == doe::MailboxState::idle) {
        mailbox.logged_error.clear();
    }
}

/// The Cdat interface is there while the mailbox is known to offer it. A mailbox that is being claimed anew keeps it.
void ServedDevice::update_cdat(Mailbox& mailbox) {
    const bool wanted = mailbox.cache && mailbox.served->offers(doe::protocol_table_access) &&
                        context_.config.allowed.find(doe::protocol_table_access).has_value();
    if (mailbox.cdat_object && (!wanted || mailbox.shown_cache != mailbox.cache)) {
        mailbox.cdat_object->emit_removed();
        mailbox.cdat_object.reset();
        mailbox.shown_cache.reset();
    }
    if (wanted && !mailbox.cdat_object) {
        const auto& served = *mailbox.served;
        mailbox.shown_cache = mailbox.cache;
        mailbox.cdat_object = std::make_unique<CdatObject>(
            *connection_, *pump_, bus::mailbox_path(served.address(), served.capability().offset),
            mailbox.cache, served.name(), context_.config.default_deadline);
        mailbox.cdat_object->emit_added();
    }
}

/// What the kernel found when it enumerated the device should be what we find.
void ServedDevice::compare_features() {
    if (features_compared_ || changing_ || finding_.kernel.doe_features.empty() ||
        !is_ours(ownership_.owner) || !std::ranges::all_of(mailboxes_, [](const auto& mailbox) {
            return mailbox->served->driven() &&
                   mailbox->served->status().state == doe::MailboxState::idle;
        })) {
        return;
    }
    features_compared_ = true;
    std::vector<doe::Protocol> discovered;
    for (const auto& mailbox : mailboxes_) {
        std::ranges::copy(mailbox->served->status().features, std::back_inserter(discovered));
    }
    std::ranges::sort(discovered);
    discovered.erase(std::ranges::unique(discovered).begin(), discovered.end());
    if (discovered != finding_.kernel.doe_features) {
        context_.log.warning(fmt::format(
            "{}: discovery finds {} protocols, the kernel's doe_features lists {}",
            address().to_string(), discovered.size(), finding_.kernel.doe_features.size()));
    }
}

void ServedDevice::hide() {
    for (const auto& mailbox : mailboxes_) {
        if (mailbox->cdat_object) {
            mailbox->cdat_object->emit_removed();
            mailbox->cdat_object.reset();
        }
        if (mailbox->object) {
            mailbox->object->emit_removed();
            mailbox->object.reset();
        }
    }
    if (object_) {
        object_->emit_removed();
        object_.reset();
    }
}

// --- End -----------------------------------------------------------------------------------------------------------------------------

void ServedDevice::close(base::Errc why, std::function<void()> closed) {
    closing_ = true;
    closing_why_ = why;
    closed_ = std::move(closed);
    wanted_back_timer_.cancel();
    if (why == base::Errc::device_gone) {
        hide();
    }
    for (const auto& mailbox : mailboxes_) {
        context_.leases.forget(address(), mailbox->served->capability().offset);
    }
    if (changing_) {
        // The end of the change lets go of what it has taken; requests that wait for it are answered now.
        for (const auto& mailbox : mailboxes_) {
            mailbox->served->stop(why, [] {});
        }
        return;
    }
    let_go(why, [self = shared_from_this()] { std::exchange(self->closed_, nullptr)(); });
}

bool ServedDevice::settled() const {
    return std::ranges::all_of(mailboxes_,
                               [](const auto& mailbox) { return mailbox->served->settled(); });
}

std::size_t ServedDevice::driven_count() const {
    return static_cast<std::size_t>(std::ranges::count_if(mailboxes_, [](const auto& mailbox) {
        return is_ours(mailbox->served->ownership().owner);
    }));
}

}  // namespace doed::daemon
