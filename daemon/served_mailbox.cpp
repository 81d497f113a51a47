// SPDX-License-Identifier: Apache-2.0
#include "daemon/served_mailbox.hpp"

#include "cdat/table_access.hpp"
#include "doe/discovery.hpp"

#include <boost/asio/bind_executor.hpp>
#include <boost/asio/post.hpp>

#include <algorithm>
#include <utility>

#include <fmt/format.h>

namespace doed::daemon {

namespace asio = boost::asio;

namespace {
// Requests that wait for a device to be opened; as many as a mailbox queues by default.
constexpr std::size_t early_limit = 64;
}  // namespace

ServedMailbox::ServedMailbox(asio::any_io_executor loop, const pci::Address& address,
                             const pci::DoeCapability& capability)
    : loop_(std::move(loop)),
      address_(address),
      capability_(capability),
      name_(fmt::format("{} mailbox 0x{:x}", address.to_string(), capability.offset)) {}

ServedMailbox::~ServedMailbox() {
    resume_early(base::fail(base::Errc::cancelled, name_));
}

void ServedMailbox::assign(Ownership ownership, std::string backend, Features features) {
    ownership_ = std::move(ownership);
    backend_ = std::move(backend);
    status_ = doe::MailboxStatus{};
    status_.features = std::move(features);
    if (!is_ours(ownership_.owner)) {
        resume_early(refusal());
    }
    tell();
}

void ServedMailbox::restate(const Ownership& ownership) {
    ownership_ = ownership;
    tell();
}

void ServedMailbox::end(base::Errc why) {
    ended_ = why;
    resume_early(refusal());
}

void ServedMailbox::drive(std::unique_ptr<pci::ConfigSpace> config, asio::any_io_executor workers,
                          const doe::MailboxOptions& options, const doe::AllowList& allowed,
                          const Wire& wire) {
    auto listener = [weak = weak_from_this(), drive = ++drives_](doe::MailboxStatus status) {
        const auto self = weak.lock();
        if (self && self->service_ && self->drives_ == drive) {
            self->take_status(std::move(status));
        }
    };
    service_ =
        io::MailboxService::create(std::move(workers), std::move(config), address_, capability_,
                                   options, allowed, loop_, std::move(listener));
    // The bell is wired before anything can ring it.
    wire([weak = std::weak_ptr(service_)] {
        if (const auto service = weak.lock()) {
            service->notify_interrupt();
        }
    });
    service_->start();
    resume_early({});
}

void ServedMailbox::stop(base::Errc why, std::move_only_function<void()> stopped) {
    stopped_.push_back(std::move(stopped));
    if (auto service = std::exchange(service_, nullptr)) {
        stopping_ = true;
        service->async_close(
            why, asio::bind_executor(loop_, [self = shared_from_this(), service]() mutable {
                service.reset();
                self->stopping_ = false;
                self->tell_stopped();
            }));
    } else {
        asio::post(loop_, [self = shared_from_this()] { self->tell_stopped(); });
    }
}

void ServedMailbox::tell_stopped() {
    if (stopping_) {
        return;  // told at its end
    }
    for (auto& stopped : std::exchange(stopped_, {})) {
        stopped();
    }
}

void ServedMailbox::take_status(doe::MailboxStatus status) {
    if (status.state == doe::MailboxState::starting && status.features.empty()) {
        // A mailbox that is claimed anew keeps what it was known to offer until discovery tells otherwise.
        status.features = std::move(status_.features);
    }
    status_ = std::move(status);
    tell();
}

void ServedMailbox::tell() {
    if (listener_) {
        listener_();
    }
}

// --- Requests ------------------------------------------------------------------------------------

void ServedMailbox::await_drive(const bus::MethodOptions& options, Completion<void> resume) {
    if (ended_ || !is_ours(ownership_.owner)) {
        resume(refusal());
        return;
    }
    if (early_.size() >= early_limit) {
        resume(base::fail(base::Errc::limits_exceeded, name_ + ": the device is being opened"));
        return;
    }
    const auto early = std::make_shared<Early>(
        Early{std::move(resume), asio::steady_timer(loop_, options.deadline)});
    // Weak: a timer that runs out just before its request goes on finds nobody.
    early->timer.async_wait([weak = weak_from_this(),
                             late = std::weak_ptr(early)](const boost::system::error_code& error) {
        const auto self = weak.lock();
        const auto expired = late.lock();
        if (!error && self && expired) {
            std::erase(self->early_, expired);
            expired->resume(base::fail(base::Errc::deadline_exceeded,
                                       self->name_ + ": the device is being opened"));
        }
    });
    early_.push_back(early);
}

void ServedMailbox::resume_early(const base::Result<void>& result) {
    for (const auto& early : std::exchange(early_, {})) {
        early->resume(result);
    }
}

void ServedMailbox::discover(const bus::MethodOptions& options, Completion<Features> completion) {
    if (!service_) {
        await_drive(options, [weak = weak_from_this(), options, completion = std::move(completion)](
                                 const base::Result<void>& driven) mutable {
            if (const auto self = weak.lock(); driven && self) {
                self->discover(options, std::move(completion));
            } else {
                completion(std::unexpected(driven.error()));
            }
        });
        return;
    }
    auto deliver = [completion = std::move(completion)](io::OperationResult result) mutable {
        if (!result) {
            completion(std::unexpected(result.error()));
            return;
        }
        completion(static_cast<const doe::DiscoveryOperation&>(**result).protocols());
    };
    service_->async_execute(std::make_shared<doe::DiscoveryOperation>(capability_.version),
                            io::ExecuteOptions{options.deadline, 0},
                            asio::bind_executor(loop_, std::move(deliver)));
}

void ServedMailbox::read_cdat(const bus::MethodOptions& options,
                              Completion<cdat::Table> completion) {
    if (!service_) {
        await_drive(options, [weak = weak_from_this(), options, completion = std::move(completion)](
                                 const base::Result<void>& driven) mutable {
            if (const auto self = weak.lock(); driven && self) {
                self->read_cdat(options, std::move(completion));
            } else {
                completion(std::unexpected(driven.error()));
            }
        });
        return;
    }
    auto deliver = [completion = std::move(completion)](io::OperationResult result) mutable {
        if (!result) {
            completion(std::unexpected(result.error()));
            return;
        }
        completion(static_cast<const cdat::TableAccessOperation&>(**result).table());
    };
    service_->async_execute(std::make_shared<cdat::TableAccessOperation>(),
                            io::ExecuteOptions{options.deadline, 0},
                            asio::bind_executor(loop_, std::move(deliver)));
}

void ServedMailbox::reset(const bus::MethodOptions& options, Completion<void> completion) {
    if (!service_) {
        await_drive(options, [weak = weak_from_this(), options, completion = std::move(completion)](
                                 const base::Result<void>& driven) mutable {
            if (const auto self = weak.lock(); driven && self) {
                self->reset(options, std::move(completion));
            } else {
                completion(std::unexpected(driven.error()));
            }
        });
        return;
    }
    // A claim cannot be withdrawn: when time is up it goes on without the caller. Whoever comes
    // first takes the completion.
    struct Waiter {
        Completion<void> completion;
        asio::steady_timer timer;
    };
    auto waiter = std::make_shared<Waiter>(
        Waiter{std::move(completion), asio::steady_timer(loop_, options.deadline)});
    const auto finish = [waiter](base::Result<void> result) {
        waiter->timer.cancel();
        if (waiter->completion) {
            std::exchange(waiter->completion, nullptr)(std::move(result));
        }
    };
    waiter->timer.async_wait([finish, name = name_](const boost::system::error_code& error) {
        if (!error) {
            finish(base::fail(base::Errc::deadline_exceeded, name));
        }
    });
    service_->async_reset(asio::bind_executor(loop_, finish));
}

bool ServedMailbox::offers(doe::Protocol protocol) const noexcept {
    return std::ranges::find(status_.features, protocol) != status_.features.end();
}

bool ServedMailbox::settled() const noexcept {
    return !is_ours(ownership_.owner) || (service_ && status_.state != doe::MailboxState::starting);
}

std::string_view ServedMailbox::state() const noexcept {
    // What is ours and not driven yet has its status as assign() left it: starting.
    return is_ours(ownership_.owner) ? doe::to_string(status_.state) : to_string(ownership_.owner);
}

std::string_view ServedMailbox::completion() const noexcept {
    if (!is_ours(ownership_.owner)) {
        return ownership_.owner == Owner::kernel ? "kernel" : "";
    }
    return doe::to_string(status_.completion);
}

std::unexpected<base::Error> ServedMailbox::refusal() const {
    if (ended_) {
        return base::fail(*ended_, name_);
    }
    if (is_ours(ownership_.owner)) {
        return base::fail(base::Errc::busy, name_ + ": the device is being opened");
    }
    return base::fail(ownership_.refusal, name_ + ": " + ownership_.reason);
}

}  // namespace doed::daemon
