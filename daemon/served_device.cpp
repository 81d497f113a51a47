// SPDX-License-Identifier: Apache-2.0
#include "daemon/served_device.hpp"

#include <boost/asio/post.hpp>

#include <algorithm>
#include <utility>

#include <fmt/format.h>

namespace doed::daemon {

namespace asio = boost::asio;

namespace {

// A device that VFIO asked back is not taken again before whoever wants it has had time to unbind it.
constexpr std::chrono::seconds give_back_time{2};
constexpr std::chrono::minutes error_log_pause{1};

/// What makes two decisions different ones; the reason is only told.
bool same_decision(const Ownership& one, const Ownership& other) {
    return one.owner == other.owner && one.refusal == other.refusal;
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
    : context_(context),
      finding_(std::move(finding)),
      retry_pause_(context.retry_pause_min),
      wanted_back_timer_(context.loop),
      look_timer_(context.loop) {
    for (const auto& capability : finding_.info.mailboxes) {
        auto mailbox = std::make_unique<Mailbox>(
            context_.events,
            std::make_shared<ServedMailbox>(context_.loop, finding_.info.address, capability));
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
    OwnershipFacts facts =
        ownership_facts(finding_.kernel, finding_.info.config_writable, finding_.lockdown,
                        context_.config.device(address()).owner);
    facts.driver_is_new = driver_is_new();
    return decide_ownership(facts);
}

bool ServedDevice::driver_is_new() const {
    return finding_.kernel.driver == cxl_driver &&
           std::chrono::steady_clock::now() < driver_since_ + context_.driver_grace;
}

void ServedDevice::begin() {
    driver_since_ = std::chrono::steady_clock::now();
    for (const auto& mailbox : mailboxes_) {
        resume_lease(*mailbox);
    }
    change_owner(decide());
    plan_look();
}

void ServedDevice::update(DeviceFinding finding) {
    // A port that went and came back between two looks has read the table anew.
    const bool other_results = decided_.owner == Owner::kernel &&
                               (finding.kernel.cdat_identity != finding_.kernel.cdat_identity ||
                                finding.kernel.doe_features != finding_.kernel.doe_features);
    if (finding.kernel.driver != finding_.kernel.driver ||
        finding.kernel.driver_identity != finding_.kernel.driver_identity) {
        driver_since_ = std::chrono::steady_clock::now();
    }
    finding_ = std::move(finding);
    if (object_) {
        object_->update(finding_.info);
    }
    // What the kernel took and has left again is nobody's fault; what does not answer is not asked too often.
    outdated_ = outdated_ || other_results || has_lost(doe::MailboxState::kernel) ||
                (has_lost(doe::MailboxState::gone) && may_retry());
    // What could not be opened may be free by now.
    open_wanted_ = true;
    if (!changing_) {
        reconsider();
    }
    for (const auto& mailbox : mailboxes_) {
        mailbox->served->revive();
    }
    compare_table();
    plan_look();
}

/// What is wanted now against what is: another owner, the same for another reason, or what could not be had so far.
void ServedDevice::reconsider() {
    const Ownership wanted = decide();
    const bool anew = outdated_ && (!is_ours(wanted.owner) || may_open());
    if (anew || !same_decision(wanted, decided_)) {
        change_owner(wanted);
        return;
    }
    if (wanted.reason != decided_.reason) {
        restate(wanted);
    }
    if (!is_ours(decided_.owner)) {
        return;
    }
    if (session_) {
        for (const auto& mailbox : mailboxes_) {
            if (mailbox->lending == Lending::no && !mailbox->served->driven()) {
                reopen(*mailbox);
            }
        }
    } else if (may_open()) {
        if (open_wanted_) {
            changing_ = true;
            take();
        }
    } else {
        for (const auto& mailbox : mailboxes_) {
            if (mailbox->lending == Lending::no && is_ours(mailbox->served->ownership().owner)) {
                assign(*mailbox, Ownership{Owner::none, "another mailbox of the device is lent out",
                                           base::Errc::busy});
            }
        }
    }
}

/// From one owner to another: what we hold is let go first, and taken again only after it has been given back.
void ServedDevice::change_owner(Ownership ownership) {
    changing_ = true;
    outdated_ = false;
    open_wanted_ = is_ours(ownership.owner);
    features_compared_ = false;
    decided_ = ownership;
    ownership_ = std::move(ownership);
    for (const auto& mailbox : mailboxes_) {
        if (mailbox->lending == Lending::no) {
            assign(*mailbox, ownership_);
        }
    }
    const base::Errc why = is_ours(ownership_.owner) ? base::Errc::cancelled : ownership_.refusal;
    let_go(why, [self = shared_from_this()] { self->settle(); });
}

/// The same owner for another reason: nothing is opened or closed for that.
void ServedDevice::restate(const Ownership& ownership) {
    decided_ = ownership;
    if (!same_decision(ownership_, ownership)) {
        return;  // it could not be had, for a reason of its own
    }
    ownership_ = ownership;
    for (const auto& mailbox : mailboxes_) {
        if (same_decision(mailbox->served->ownership(), ownership)) {
            mailbox->served->restate(ownership);
        }
    }
}

/// Whether a mailbox is out of our reach, in this state, although the host lists its device.
bool ServedDevice::has_lost(doe::MailboxState state) const {
    return std::ranges::any_of(mailboxes_, [state](const auto& mailbox) {
        return mailbox->served->driven() && mailbox->served->status().state == state;
    });
}

/// Whether something of a device that should be ours could not be opened.
bool ServedDevice::has_failed() const {
    if (!is_ours(decided_.owner)) {
        return false;
    }
    return !is_ours(ownership_.owner) ||
           (session_ && std::ranges::any_of(mailboxes_, [](const auto& mailbox) {
                return mailbox->lending == Lending::no && !mailbox->opening &&
                       !mailbox->served->driven();
            }));
}

/// Opening a device through VFIO resets it, which what is lent of it would not survive.
bool ServedDevice::may_open() const {
    return decided_.owner == Owner::vfio ? !any_lent() : !all_lent();
}

/// Whether what failed before may be tried now; if so, the next time comes after a longer pause.
bool ServedDevice::may_retry() {
    const auto now = std::chrono::steady_clock::now();
    if (now < next_retry_) {
        return false;
    }
    next_retry_ = now + retry_pause_;
    retry_pause_ = std::min(retry_pause_ * 2, context_.retry_pause_max);
    return true;
}

/// The host is looked at again when there is something to be tried again, or a new driver has had its time.
void ServedDevice::plan_look() {
    std::optional<std::chrono::steady_clock::time_point> when;
    const auto at = [&when](std::chrono::steady_clock::time_point time) {
        when = when ? std::min(*when, time) : time;
    };
    if (!changing_ && (has_failed() || has_lost(doe::MailboxState::gone))) {
        at(next_retry_);
    }
    if (has_lost(doe::MailboxState::kernel)) {
        at(std::chrono::steady_clock::now() + context_.retry_pause_min);
    }
    if (driver_is_new()) {
        at(driver_since_ + context_.driver_grace);
    }
    look_timer_.cancel();
    if (!when || closing_) {
        return;
    }
    look_timer_.expires_at(*when);
    look_timer_.async_wait([weak = weak_from_this()](const boost::system::error_code& error) {
        if (const auto self = weak.lock(); !error && self) {
            self->context_.look();
        }
    });
}

/// A driver that took the device while its mailbox was used may have failed at it.
void ServedDevice::compare_table() {
    const bool missed = decided_.owner == Owner::kernel && finding_.kernel.cxl_port &&
                        finding_.kernel.cdat_file.empty() && has_table_ && !driver_is_new();
    if (missed && !std::exchange(table_missed_, true)) {
        context_.log.warning(
            address().to_string() +
            ": the kernel has a CXL port for the device but shows no CDAT of it; binding its "
            "driver "
            "anew makes the kernel read it, or let doed drive the device (\"owner\": \"claim\")");
    }
    table_missed_ = missed;
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
    request.device.driver = finding_.kernel.driver;
    request.driver_identity = finding_.kernel.driver_identity;
    request.owner = decided_.owner;
    request.interrupts = context_.config.device(address()).interrupts;
    request.kernel_first = context_.config.device(address()).owner != OwnerChoice::claim;
    request.kernel_use = context_.kernel_use;
    open_wanted_ = false;
    if (context_.sysfs_root) {
        request.opener = context_.opener;
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
        not_taken(opened.error());
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
    ownership_ = decided_;
    for (std::size_t i = 0; i < mailboxes_.size(); ++i) {
        Mailbox& mailbox = *mailboxes_[i];
        if (mailbox.lending == Lending::no) {
            if (mailbox.served->ownership() != ownership_) {
                assign(mailbox, ownership_);
            }
            drive(mailbox, std::move(opened->configs[i]));
        }
    }
    settle();
}

/// Told when it is news; tried again at the next look, or after a pause.
void ServedDevice::not_taken(const base::Error& error) {
    static_cast<void>(may_retry());
    const Ownership failed = not_opened(error);
    if (failed == ownership_) {
        return;
    }
    context_.log.warning(error.message());
    ownership_ = failed;
    for (const auto& mailbox : mailboxes_) {
        if (mailbox->lending == Lending::no) {
            assign(*mailbox, ownership_);
        }
    }
}

/// The end of a step: takes up what came meanwhile, and opens the device if it is ours and not open yet.
void ServedDevice::settle() {
    changing_ = false;
    if (closing_) {
        let_go(closing_why_,
               [self = shared_from_this()] { std::exchange(self->closed_, nullptr)(); });
        return;
    }
    for (auto& waiting : std::exchange(after_change_, {})) {
        waiting();
    }
    if (!changing_) {
        reconsider();
    }
    plan_look();
}

void ServedDevice::drive(Mailbox& mailbox, std::unique_ptr<pci::ConfigSpace> config) {
    doe::MailboxOptions options = context_.config.device(address()).mailbox;
    const std::uint16_t offset = mailbox.served->capability().offset;
    mailbox.logged_polling = false;
    mailbox.told_poll_floor = {};
    options.interrupt = session_->has_interrupt(offset);
    if (context_.pool != nullptr) {
        config = io::attended(*context_.pool, std::move(config));
    }
    mailbox.served->drive(std::move(config), context_.workers, options, context_.config.allowed,
                          [session = session_, offset](std::function<void()> handler) {
                              session->on_interrupt(offset, std::move(handler));
                          });
    if (context_.pool != nullptr) {
        context_.pool->enlist(mailbox.served->name(), mailbox.served->pulse());
    }
}

/// One mailbox of a device that is open: it was lent, or its config space could not be opened before.
void ServedDevice::reopen(Mailbox& mailbox) {
    if (std::exchange(mailbox.opening, true)) {
        return;
    }
    asio::post(context_.workers,
               [self = shared_from_this(), session = session_, &mailbox]() mutable {
                   auto config = session->open_config();
                   const auto loop = self->context_.loop;
                   asio::post(loop, [self = std::move(self), session = std::move(session), &mailbox,
                                     config = std::move(config)]() mutable {
                       mailbox.opening = false;
                       if (self->session_ == session) {
                           self->reopened(mailbox, std::move(config));
                       }
                   });
               });
}

void ServedDevice::reopened(Mailbox& mailbox,
                            base::Result<std::unique_ptr<pci::ConfigSpace>> config) {
    if (closing_ || mailbox.lending != Lending::no || mailbox.served->driven()) {
        return;
    }
    const Ownership ownership = config ? ownership_ : not_opened(config.error());
    if (mailbox.served->ownership() != ownership) {
        if (!config) {
            context_.log.warning(config.error().message());
        }
        assign(mailbox, ownership);
    }
    if (config) {
        drive(mailbox, std::move(*config));
    } else {
        static_cast<void>(may_retry());
        plan_look();
    }
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
    // Some devices report one after the other.
    const auto now = std::chrono::steady_clock::now();
    if (now >= next_error_log_) {
        next_error_log_ = now + error_log_pause;
        context_.log.warning(address().to_string() +
                             ": an uncorrectable error was reported; its mailboxes are claimed "
                             "anew (further ones are not logged for a minute)");
    }
    for (const auto& mailbox : mailboxes_) {
        bus::MethodOptions options;
        options.deadline = std::chrono::steady_clock::now() + context_.config.default_deadline;
        mailbox->served->reset(options, [](const base::Result<void>&) {});
    }
}

// --- End -----------------------------------------------------------------------------------------------------------------------------

void ServedDevice::close(base::Errc why, std::function<void()> closed) {
    closing_ = true;
    closing_why_ = why;
    closed_ = std::move(closed);
    wanted_back_timer_.cancel();
    look_timer_.cancel();
    for (const auto& mailbox : mailboxes_) {
        context_.leases.forget(address(), mailbox->served->capability().offset);
        mailbox->served->end(why);
    }
    if (why == base::Errc::device_gone) {
        hide();
    }
    for (auto& waiting : std::exchange(after_change_, {})) {
        waiting();
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
