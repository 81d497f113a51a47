// SPDX-License-Identifier: Apache-2.0
#include "client/libdoed_service.hpp"

#include "client/end_signals.hpp"
#include "client/libdoed_records.hpp"

#include <cerrno>
#include <cstdlib>
#include <utility>

namespace doed::client {

namespace {

constexpr char too_large_error[] = "org.doed1.Error.TooLarge";
constexpr char unknown_method_error[] = "org.freedesktop.DBus.Error.UnknownMethod";

/// Why there is no connection; `what` says it.
Failure connect_failure(int error, const std::string& what, const BusPlace& place) {
    switch (-error) {
        case EINVAL:
            return Failure(FailureKind::usage, what,
                           place.is_remote()
                               ? "--host takes [USER@]HOST; give an IPv6 address a name in "
                                 "ssh_config(5)"
                               : "--bus takes system, session or a D-Bus address");
        case EACCES:
        case EPERM: return Failure(FailureKind::access_denied, what, "use sudo");
        case ENOMEDIUM:
            return Failure(FailureKind::no_daemon,
                           "there is no session bus: DBUS_SESSION_BUS_ADDRESS is not set",
                           "name another bus with --bus");
        case ETIME:
        case ETIMEDOUT:
            return Failure(FailureKind::timed_out, what, "allow more time with --timeout");
        default:
            return Failure(FailureKind::no_daemon, what,
                           place.is_remote()
                               ? "see whether ssh comes there, and systemd-stdio-bridge is there"
                               : "start the bus, or name another one with --bus");
    }
}

}  // namespace

LibdoedService::LibdoedService(BusPlace place, std::chrono::microseconds timeout, bool starts_doed)
    : place_(std::move(place)), starts_doed_(starts_doed) {
    doed_context* context = nullptr;
    setup_error_ = doed_new(&context);
    context_.reset(context);
    if (setup_error_ >= 0) {
        setup_error_ = place_.is_remote() ? doed_set_host(context, place_.host().c_str())
                                          : doed_set_bus(context, place_.where().c_str());
    }
    doed_set_deadline(context, static_cast<std::uint64_t>(timeout.count()));
    doed_set_tick(context, &LibdoedService::on_tick, this);
    apply_flags();
}

Outcome<void> LibdoedService::connect() {
    if (setup_error_ < 0) {
        return std::unexpected(connect_failure(
            setup_error_,
            failure_from_errno(setup_error_, "cannot connect to " + place_.text()).message(),
            place_));
    }
    if (const int error = doed_connect(context_.get()); error < 0) {
        return std::unexpected(
            connect_failure(error, doed_last_error_message(context_.get()), place_));
    }
    return {};
}

Outcome<std::vector<DeviceRecord>> LibdoedService::devices() {
    doed_snapshot* snapshot = nullptr;
    if (const int error = doed_snapshot_get(context_.get(), &snapshot); error < 0) {
        return std::unexpected(failure(error));
    }
    return records_of(Owned<doed_snapshot>(snapshot).get());
}

Outcome<std::vector<Feature>> LibdoedService::discover(const std::string& mailbox_path) {
    doed_features* features = nullptr;
    if (const int error = doed_discover(context_.get(), mailbox_path.c_str(), &features);
        error < 0) {
        return std::unexpected(failure(error));
    }
    return features_of(Owned<doed_features>(features).get());
}

Outcome<std::vector<std::uint8_t>> LibdoedService::table(const std::string& mailbox_path,
                                                         bool refresh) {
    std::uint8_t* raw = nullptr;
    std::size_t size = 0;
    const int error = doed_cdat_table(context_.get(), mailbox_path.c_str(),
                                      refresh ? DOED_CDAT_REFRESH : 0, &raw, &size);
    if (error == -E2BIG && place_.is_remote()) {
        return std::unexpected(
            place_.no_descriptors("read a table of more than 64 KiB",
                                  "cdat " + mailbox_name_of_path(mailbox_path) + " --raw"));
    }
    if (error < 0) {
        return std::unexpected(failure(error));
    }
    const Owned<std::uint8_t> bytes(raw);
    return std::vector<std::uint8_t>(raw, raw + size);
}

Outcome<std::string> LibdoedService::table_document(const std::string& mailbox_path) {
    char* raw = nullptr;
    if (const int error = doed_cdat_json(context_.get(), mailbox_path.c_str(), 0, &raw);
        error < 0) {
        auto why = failure(error);
        return why.dbus_name() == too_large_error || why.dbus_name() == unknown_method_error
                   ? Outcome<std::string>()
                   : std::unexpected(std::move(why));
    }
    return std::string(Owned<char>(raw).get());
}

Outcome<std::string> LibdoedService::trace(const std::string& mailbox_path) {
    char* raw = nullptr;
    if (const int error = doed_trace(context_.get(), mailbox_path.c_str(), &raw); error < 0) {
        return std::unexpected(failure(error));
    }
    return std::string(Owned<char>(raw).get());
}

Outcome<void> LibdoedService::reset(const std::string& mailbox_path) {
    if (const int error = doed_reset(context_.get(), mailbox_path.c_str()); error < 0) {
        return std::unexpected(failure(error));
    }
    return {};
}

Outcome<base::UniqueFd> LibdoedService::release(const std::string& mailbox_path) {
    int lease = -1;
    if (const int error = doed_release(context_.get(), mailbox_path.c_str(), &lease); error < 0) {
        return std::unexpected(failure(error));
    }
    return base::UniqueFd(lease);
}

Outcome<CdatRecord> LibdoedService::cdat(const std::string& mailbox_path) {
    doed_cdat_status* status = nullptr;
    if (const int error = doed_cdat_status_get(context_.get(), mailbox_path.c_str(), &status);
        error < 0) {
        return std::unexpected(failure(error));
    }
    return record_of(Owned<doed_cdat_status>(status).get());
}

Outcome<void> LibdoedService::follow(const std::function<bool(const Event&)>& take,
                                     std::span<const pollfd> ends) {
    Stream stream{&take};
    doed_subscription* raw = nullptr;
    if (const int error = doed_subscribe(context_.get(), &LibdoedService::on_event, &stream, &raw);
        error < 0) {
        return std::unexpected(failure(error));
    }
    const Owned<doed_subscription> subscription(raw);
    ends_.assign(ends.begin(), ends.end());
    std::vector<pollfd> waited(ends.begin(), ends.end());
    waited.push_back({doed_get_fd(context_.get()), POLLIN, 0});
    while (!stream.over) {
        const int did = doed_process(context_.get());
        if (did < 0) {
            return std::unexpected(failure(did));
        }
        // Also while events come one after the other.
        if (::poll(waited.data(), waited.size(), did > 0 ? 0 : -1) < 0 && errno != EINTR) {
            return std::unexpected(failure_from_errno(errno, "cannot wait for events"));
        }
        for (std::size_t i = 0; i < ends.size(); ++i) {
            stream.over = stream.over || waited[i].revents != 0;
        }
    }
    ends_.clear();
    if (stream.failure) {
        return std::unexpected(*stream.failure);
    }
    return {};
}

void LibdoedService::on_event(const doed_event* event, void* stream) {
    auto& self = *static_cast<Stream*>(stream);
    if (self.over) {
        return;
    }
    self.begun = self.begun || event->type == DOED_EVENT_SUBSCRIBED;
    // The library asks again of a doed that did not answer; whoever has not seen anything yet wants to know at once.
    const bool is_last = event->last || (event->type == DOED_EVENT_REFUSED && !self.begun &&
                                         event->error != -EAGAIN);
    if (is_last) {
        self.failure = *event->name != '\0'
                           ? failure_from_error(event->name, event->text)
                           : Failure(FailureKind::no_daemon, "the connection to the bus broke",
                                     "see whether the bus still runs");
    }
    self.over = is_last || !(*self.take)(event_of(*event));
}

void LibdoedService::allow_interaction(bool allowed) {
    interactive_ = allowed;
    apply_flags();
}

void LibdoedService::on_wait(std::function<void(std::chrono::microseconds)> tell) {
    tell_ = std::move(tell);
}

void LibdoedService::apply_flags() {
    doed_set_flags(context_.get(),
                   (interactive_ ? std::uint32_t{DOED_ALLOW_INTERACTIVE_AUTHORIZATION} : 0U) |
                       (starts_doed_ ? 0U : std::uint32_t{DOED_NO_AUTOSTART}));
}

int LibdoedService::on_tick(std::uint64_t elapsed_usec, void* service) {
    auto& self = *static_cast<LibdoedService*>(service);
    if (self.tell_) {
        self.tell_(std::chrono::microseconds(elapsed_usec));
    }
    return any_ready(self.ends_) ? 1 : 0;
}

Failure LibdoedService::failure(int error) const {
    const std::string name = doed_last_error_name(context_.get());
    std::string message = doed_last_error_message(context_.get());
    if (!name.empty()) {
        return place_.advise(failure_from_error(name, std::move(message)));
    }
    if (error == -EPROTO) {
        return Failure(FailureKind::general, std::move(message), versions_differ);
    }
    const auto plain = failure_from_errno(error, "the call failed");
    return message.empty() ? plain : Failure(plain.kind(), std::move(message), plain.advice());
}

}  // namespace doed::client
