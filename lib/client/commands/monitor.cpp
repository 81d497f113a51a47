// SPDX-License-Identifier: Apache-2.0
#include "client/commands/monitor.hpp"

#include "client/device_selector.hpp"
#include "client/end_signals.hpp"
#include "client/render_event.hpp"

#include <chrono>
#include <cstdint>
#include <optional>
#include <vector>

namespace doed::client {

namespace {

/// Since 1970, UTC.
std::uint64_t now_us() {
    const auto now = std::chrono::system_clock::now().time_since_epoch();
    return static_cast<std::uint64_t>(
        std::chrono::duration_cast<std::chrono::microseconds>(now).count());
}

class Monitor {
public:
    Monitor(std::optional<DeviceSelector> selector, Service& service, OutputLines& lines,
            std::span<const pollfd> ends, const OutputOptions& output)
        : selector_(std::move(selector)),
          service_(service),
          lines_(lines),
          ends_(ends),
          output_(output) {}

    /// False: it is over.
    [[nodiscard]] bool take(Event event) {
        if (event.time_us == 0) {
            // What becomes of the stream itself comes without a time: it is told when it is noticed.
            event.time_us = now_us();
        }
        if (event.lost != 0 && !(write(lost_before(event)) && show_present())) {
            return false;
        }
        switch (event.kind) {
            case EventKind::subscribed: return show_present();
            case EventKind::daemon_restarted: return write(event) && show_present();
            default: return !is_asked_for(event) || write(event);
        }
    }

    [[nodiscard]] const Outcome<void>& outcome() const noexcept {
        return outcome_ ? lines_.outcome() : outcome_;
    }

private:
    [[nodiscard]] bool is_asked_for(const Event& event) const {
        return !selector_ || event.address.empty() ||
               (event.address == selector_->address &&
                (!selector_->offset || event.offset == 0 || event.offset == *selector_->offset));
    }

    [[nodiscard]] bool write(const Event& event) {
        return lines_.write(output_.json ? json_of_event(event)
                                         : render_event(event, output_.palette));
    }

    /// What a list shows: when the stream begins, and when some of it was missed.
    [[nodiscard]] bool show_present() {
        const auto devices = list_devices(service_);
        if (!devices) {
            if (any_ready(ends_)) {
                return false;
            }
            // A doed that has just gone away tells so by an event.
            if (devices.error().kind() != FailureKind::no_daemon) {
                outcome_ = std::unexpected(devices.error());
            }
            return outcome_.has_value();
        }
        for (const auto& device : *devices) {
            for (const auto& mailbox : device.mailboxes) {
                Event present{.kind = EventKind::present,
                              .name = "present",
                              .time_us = now_us(),
                              .address = device.address,
                              .offset = mailbox.offset,
                              .to = mailbox.state,
                              .owner = mailbox.owner,
                              .text = mailbox.owner_reason};
                if (is_asked_for(present) && !write(present)) {
                    return false;
                }
            }
        }
        return true;
    }

    std::optional<DeviceSelector> selector_;
    Service& service_;
    OutputLines& lines_;
    std::span<const pollfd> ends_;
    const OutputOptions& output_;
    Outcome<void> outcome_;
};

}  // namespace

Outcome<CommandOutput> run(const MonitorOptions& options, Service& service, OutputLines& lines,
                           std::span<const pollfd> ends, const OutputOptions& output) {
    std::optional<DeviceSelector> selector;
    if (!options.device.empty()) {
        auto parsed = DeviceSelector::parse(options.device);
        if (!parsed) {
            return std::unexpected(std::move(parsed).error());
        }
        selector = std::move(*parsed);
    }
    std::vector<pollfd> all_ends(ends.begin(), ends.end());
    all_ends.push_back(lines.reader_gone());
    Monitor monitor(std::move(selector), service, lines, all_ends, output);
    if (output.legend && !output.json && !lines.write(render_event_titles(output.palette))) {
        return lines.outcome() ? Outcome<CommandOutput>(CommandOutput{})
                               : std::unexpected(lines.outcome().error());
    }
    const auto followed =
        service.follow([&](const Event& event) { return monitor.take(event); }, all_ends);
    if (!monitor.outcome()) {
        return std::unexpected(monitor.outcome().error());
    }
    if (!followed) {
        return std::unexpected(followed.error().in("cannot follow what happens"));
    }
    return CommandOutput{};
}

}  // namespace doed::client
