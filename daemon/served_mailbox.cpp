// SPDX-License-Identifier: Apache-2.0
#include "daemon/served_mailbox.hpp"

#include "cdat/table_access.hpp"
#include "daemon/bus/clients.hpp"
#include "doe/discovery.hpp"

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/bind_executor.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/post.hpp>

#include <algorithm>
#include <utility>

#include <fmt/format.h>

namespace doed::daemon {

namespace asio = boost::asio;

namespace {
// Requests that wait for a device to be opened; as many as a mailbox queues by default.
constexpr std::size_t early_limit = 64;
// Those who wait for a reading of the trace; more than one user can have (bus/clients.cpp).
constexpr std::size_t trace_limit = 4096;
}  // namespace

ServedMailbox::ServedMailbox(asio::any_io_executor loop, const pci::Address& address,
                             const pci::DoeCapability& capability)
    : loop_(std::move(loop)),
      address_(address),
      capability_(capability),
      name_(fmt::format("{} mailbox 0x{:x}", address.to_string(), capability.offset)),
      calls_(loop_, name_) {}

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
    calls_.end(refusal().error());  // the device may hold up what would answer them
}

void ServedMailbox::drive(std::unique_ptr<pci::ConfigSpace> config,
                          const asio::any_io_executor& workers, const doe::MailboxOptions& options,
                          const doe::AllowList& allowed, const Wire& wire) {
    auto listener = [weak = weak_from_this(), drive = ++drives_](doe::MailboxStatus status) {
        const auto self = weak.lock();
        if (self && self->service_ && self->drives_ == drive) {
            self->take_status(std::move(status));
        }
    };
    // Until the strand tells; `poll` would mean that its interrupts do not arrive.
    status_.completion = options.interrupt ? doe::Completion::interrupt : doe::Completion::poll;
    service_ = io::MailboxService::create(workers, std::move(config), address_, capability_,
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

void ServedMailbox::revive() {
    if (service_) {
        service_->revive();
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
    // Weak: what comes just before the request goes on finds nobody.
    const auto end = [weak = weak_from_this(), late = std::weak_ptr(early)](base::Errc why) {
        const auto self = weak.lock();
        const auto ended = late.lock();
        if (self && ended) {
            std::erase(self->early_, ended);
            ended->resume(base::fail(why, self->name_ + ": the device is being opened"));
        }
    };
    early->timer.async_wait([end](const boost::system::error_code& error) {
        if (!error) {
            end(base::Errc::deadline_exceeded);
        }
    });
    if (options.request) {
        options.request->on_withdrawn([end] { end(base::Errc::cancelled); });
    }
    early_.push_back(early);
}

/// Makes the request again when the mailbox is driven.
template <typename Value>
void ServedMailbox::once_driven(const bus::MethodOptions& options, Request<Value> request,
                                Completion<Value> completion) {
    await_drive(options,
                [weak = weak_from_this(), options, request,
                 completion = std::move(completion)](const base::Result<void>& driven) mutable {
                    if (!driven) {
                        completion(std::unexpected(driven.error()));
                    } else if (const auto self = weak.lock()) {
                        (self.get()->*request)(options, std::move(completion));
                    } else {
                        completion(base::fail(base::Errc::cancelled));
                    }
                });
}

void ServedMailbox::resume_early(const base::Result<void>& result) {
    for (const auto& early : std::exchange(early_, {})) {
        early->resume(result);
    }
}

void ServedMailbox::discover(const bus::MethodOptions& options, Completion<Features> completion) {
    if (!service_) {
        once_driven(options, &ServedMailbox::discover, std::move(completion));
        return;
    }
    auto deliver = [completion = std::move(completion)](io::OperationResult result) mutable {
        if (!result) {
            completion(std::unexpected(result.error()));
            return;
        }
        completion(static_cast<const doe::DiscoveryOperation&>(**result).protocols());
    };
    execute(std::make_shared<doe::DiscoveryOperation>(capability_.version), options,
            std::move(deliver));
}

void ServedMailbox::read_cdat(const bus::MethodOptions& options,
                              Completion<cdat::Table> completion) {
    if (!service_) {
        once_driven(options, &ServedMailbox::read_cdat, std::move(completion));
        return;
    }
    auto deliver = [completion = std::move(completion)](io::OperationResult result) mutable {
        if (!result) {
            completion(std::unexpected(result.error()));
            return;
        }
        completion(static_cast<const cdat::TableAccessOperation&>(**result).table());
    };
    execute(std::make_shared<cdat::TableAccessOperation>(), options, std::move(deliver));
}

/// Queues the operation in its user's turn, and withdraws it when its client leaves the bus.
void ServedMailbox::execute(std::shared_ptr<doe::Operation> operation,
                            const bus::MethodOptions& options,
                            std::move_only_function<void(io::OperationResult)> deliver) {
    io::ExecuteOptions execution{.deadline = options.deadline};
    // Kept by the completion: the signal outlives what is connected to it.
    const auto withdrawal = std::make_shared<asio::cancellation_signal>();
    if (options.request) {
        execution.uid = options.request->uid();
        options.request->on_withdrawn(
            [withdrawal] { withdrawal->emit(asio::cancellation_type::terminal); });
    }
    // The mailbox keeps the deadline by itself, unless an access holds up its strand. The request counts until it is off the
    // strand, so that what waits there for an access stays within the limits.
    auto complete = [withdrawal, request = options.request,
                     deliver = calls_.open<std::shared_ptr<const doe::Operation>>(
                         options.deadline, std::move(deliver))](io::OperationResult result) {
        deliver(std::move(result));
    };
    service_->async_execute(
        std::move(operation), execution,
        asio::bind_cancellation_slot(withdrawal->slot(),
                                     asio::bind_executor(loop_, std::move(complete))));
}

void ServedMailbox::reset(const bus::MethodOptions& options, Completion<void> completion) {
    if (!service_) {
        once_driven(options, &ServedMailbox::reset, std::move(completion));
        return;
    }
    // A claim cannot be withdrawn: when time is up it goes on without the caller.
    auto finish = [request = options.request,
                   deliver = calls_.open<void>(options.deadline, std::move(completion))](
                      base::Result<void> result) { deliver(std::move(result)); };
    service_->async_reset(asio::bind_executor(loop_, std::move(finish)));
}

void ServedMailbox::trace(const bus::MethodOptions& options, Completion<io::Trace> completion) {
    if (!service_) {
        completion(io::Trace());
        return;
    }
    std::erase_if(trace_waiters_, [](const auto& waiter) { return !waiter.waits(); });
    if (trace_waiters_.size() >= trace_limit) {
        completion(base::fail(base::Errc::limits_exceeded, name_ + ": its trace is being read"));
        return;
    }
    trace_waiters_.push_back(calls_.open<io::Trace>(options.deadline, std::move(completion)));
    if (std::exchange(reading_trace_, true)) {
        return;  // one reading for all who wait: each of their own would wait for the same access
    }
    auto finish = [weak = weak_from_this()](const io::Trace& trace) {
        if (const auto self = weak.lock()) {
            self->reading_trace_ = false;
            for (const auto& waiter : std::exchange(self->trace_waiters_, {})) {
                waiter(trace);
            }
        }
    };
    service_->async_trace(asio::bind_executor(loop_, std::move(finish)));
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

base::Error ServedMailbox::absence(doe::Protocol protocol) const {
    const bool has_owner = is_ours(ownership_.owner) || ownership_.owner == Owner::kernel;
    if (!ended_ && has_owner && offers(protocol)) {
        return base::Error(base::Errc::cancelled, name_);  // it is to be had anew
    }
    if (!ended_ && is_ours(ownership_.owner) && service_) {
        return base::Error(base::Errc::not_supported,
                           name_ + " no longer offers " + protocol.to_string());
    }
    return refusal().error();
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
