// SPDX-License-Identifier: Apache-2.0
#include "daemon/inventory.hpp"

#include <boost/asio/post.hpp>

#include <algorithm>
#include <utility>
#include <vector>

#include <fmt/format.h>

namespace doed::daemon {

namespace asio = boost::asio;

namespace {
// After a look that failed as a whole.
constexpr std::chrono::seconds retry_pause{5};
}  // namespace

base::Result<void> Inventory::begin() {
    // On a worker, and waited for: a function that hangs shall not keep the others from being served.
    auto first = std::make_shared<std::promise<base::Result<HostFindings>>>();
    auto findings = first->get_future();
    asio::post(context_.workers, [first, &context = context_] {
        first->set_value(HostFindings::look(context.host, context.sysfs_root));
    });
    if (findings.wait_for(context_.first_look_patience) != std::future_status::ready) {
        context_.log.warning("looking for devices takes long: one of them does not answer");
        looking_ = true;
        begun_ = true;
        await_first(std::move(findings));
        return {};
    }
    auto found = findings.get();
    if (!found) {
        return std::unexpected(found.error());
    }
    take_over(std::move(*found));
    begun_ = true;
    return {};
}

/// What the look finds is taken over when it ends, as that of any later one.
void Inventory::await_first(std::future<base::Result<HostFindings>> findings) {
    auto shared = std::make_shared<std::future<base::Result<HostFindings>>>(std::move(findings));
    asio::post(context_.workers, [this, shared, loop = context_.loop, life = std::weak_ptr(life_)] {
        asio::post(loop, [this, life, found = shared->get()]() mutable {
            if (!life.expired()) {
                looked(std::move(found));
            }
        });
    });
}

// --- Looking -----------------------------------------------------------------------------------------------------------------

void Inventory::look() {
    if (closing_) {
        return;
    }
    if (std::exchange(looking_, true)) {
        look_again_ = true;
        return;
    }
    asio::post(context_.workers, [this, &context = context_, life = std::weak_ptr(life_)] {
        auto findings = HostFindings::look(context.host, context.sysfs_root);
        asio::post(context.loop, [this, life, findings = std::move(findings)]() mutable {
            if (!life.expired()) {
                looked(std::move(findings));
            }
        });
    });
}

void Inventory::looked(base::Result<HostFindings> findings) {
    looking_ = false;
    if (findings) {
        take_over(std::move(*findings));
    } else {
        context_.log.warning("cannot look for devices: " + findings.error().message());
        look_later();
    }
    if (std::exchange(look_again_, false)) {
        look();
    }
}

/// Whoever asked for the look that failed does not ask again.
void Inventory::look_later() {
    retry_.expires_after(retry_pause);
    retry_.async_wait([this, life = std::weak_ptr(life_)](const boost::system::error_code& error) {
        if (!error && !life.expired()) {
            look();
        }
    });
}

void Inventory::take_over(HostFindings findings) {
    if (closing_) {
        return;
    }
    log_problems(findings);
    take_over(findings.lockdown);
    std::set<pci::Address> present;
    for (const auto& finding : findings.devices) {
        present.insert(finding.info.address);
    }
    std::vector<pci::Address> missing;
    for (const auto& [address, device] : devices_) {
        if (!present.contains(address)) {
            missing.push_back(address);
        }
    }
    for (const auto& address : missing) {
        remove(address);
    }
    for (auto& finding : findings.devices) {
        const auto known = devices_.find(finding.info.address);
        if (known == devices_.end()) {
            add(std::move(finding));
        } else if (pci::same_function(known->second->info(), finding.info)) {
            known->second->update(std::move(finding));
        } else {
            // Another device in the same place.
            remove(finding.info.address);
            look_again_ = true;
        }
    }
    if (std::exchange(look_again_, false)) {
        context_.look();
    }
}

void Inventory::take_over(LockdownMode lockdown) {
    if (lockdown == lockdown_) {
        return;
    }
    lockdown_ = lockdown;
    if (manager_ != nullptr) {
        context_.log.info(fmt::format("kernel lockdown is {} now", to_string(lockdown)));
        manager_->update(lockdown);
    }
}

void Inventory::add(DeviceFinding finding) {
    const pci::Address address = finding.info.address;
    if (departing_.contains(address)) {
        return;  // looked for again when it has been given back
    }
    const auto device = std::make_shared<ServedDevice>(context_, std::move(finding));
    devices_.emplace(address, device);
    // Published with its owner.
    device->begin();
    if (connection_ != nullptr) {
        device->publish(*connection_, *pump_, *gate_);
        context_.log.info(address.to_string() + ": found");
    }
}

void Inventory::remove(const pci::Address& address) {
    const auto device = devices_.find(address);
    departing_.insert(address);
    context_.log.info(address.to_string() + ": gone");
    const DevicePtr leaving = std::move(device->second);
    devices_.erase(device);
    leaving->close(base::Errc::device_gone, [this, address, life = std::weak_ptr(life_)] {
        if (!life.expired()) {
            departing_.erase(address);
            if (departing_.empty()) {
                departures_awaited_.reset();
            }
            context_.look();
        }
    });
}

/// A device whose chain is broken is so at every look: said once.
void Inventory::log_problems(const HostFindings& findings) {
    std::set<std::string> seen;
    for (const auto& problem : findings.problems) {
        const std::string text = problem.message();
        if (!logged_problems_.contains(text)) {
            context_.log.warning("scan: " + text);
        }
        seen.insert(text);
    }
    logged_problems_ = std::move(seen);
}

// --- Publishing, counting, ending ------------------------------------------------------------------------------------------------

void Inventory::publish(sdbus::IConnection& connection, bus::Pump& pump, bus::Gatekeeper& gate,
                        ManagerObject& manager) {
    connection_ = &connection;
    pump_ = &pump;
    gate_ = &gate;
    manager_ = &manager;
    for (const auto& [address, device] : devices_) {
        device->publish(connection, pump, gate);
    }
}

bool Inventory::settled() const {
    return begun_ &&
           std::ranges::all_of(devices_, [](const auto& entry) { return entry.second->settled(); });
}

std::string Inventory::summary() const {
    std::size_t mailboxes = 0;
    std::size_t driven = 0;
    for (const auto& [address, device] : devices_) {
        mailboxes += device->mailbox_count();
        driven += device->driven_count();
    }
    return fmt::format("{} device{}, {} mailbox{} ({} driven)", devices_.size(),
                       devices_.size() == 1 ? "" : "s", mailboxes, mailboxes == 1 ? "" : "es",
                       driven);
}

void Inventory::close(std::function<void()> closed) {
    closing_ = true;
    retry_.cancel();
    // Shared by the completions of all devices; what comes next runs when the last one has dropped it.
    const auto last = std::shared_ptr<void>(
        nullptr,
        [loop = context_.loop, closed = std::move(closed)](void*) { asio::post(loop, closed); });
    if (!departing_.empty()) {
        departures_awaited_ = last;
    }
    for (const auto& [address, device] : devices_) {
        device->close(base::Errc::cancelled, [last] {});
    }
}

}  // namespace doed::daemon
