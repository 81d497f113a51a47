// SPDX-License-Identifier: Apache-2.0
#include "daemon/device_session.hpp"

#include "daemon/claim_guard.hpp"

#include <array>
#include <utility>

namespace doed::daemon {

namespace asio = boost::asio;

DeviceSession::DeviceSession(pci::Host& host, const SessionRequest& request)
    : host_(host),
      address_(request.device.address),
      backend_(host.backend()),
      kernel_use_(request.kernel_use) {}

base::Result<std::shared_ptr<DeviceSession>> DeviceSession::open(
    pci::Host& host, const SessionRequest& request, const asio::any_io_executor& executor,
    DeviceSignals signals) {
    std::shared_ptr<DeviceSession> session(new DeviceSession(host, request));
    if (request.owner == Owner::vfio) {
        if (const auto taken = session->take_by_vfio(request, executor, std::move(signals));
            !taken) {
            return std::unexpected(taken.error());
        }
        return session;
    }
    if (request.kernel_first) {
        session->guarded_in_ = request.sysfs_root;
        session->driver_ = request.device.driver;
        session->driver_identity_ = request.driver_identity;
    }
    // VFIO keeps its devices awake by itself.
    if (request.opener != nullptr && !request.power_records.empty()) {
        session->power_ = std::make_shared<pci::PowerPin>(*request.opener, session->address_,
                                                          request.power_records);
    }
    if (request.interrupts) {
        session->no_interrupt_reason_ = "interrupts need VFIO";
    }
    return session;
}

base::Result<void> DeviceSession::take_by_vfio(const SessionRequest& request,
                                               const asio::any_io_executor& executor,
                                               DeviceSignals signals) {
    backend_ = "vfio";
    if (request.opener == nullptr) {
        return base::fail(base::Errc::not_supported,
                          address_.to_string() + ": an emulated host has no VFIO");
    }
    auto device = pci::VfioDevice::open(address_, *request.opener,
                                        pci::VfioPaths{.sysfs_root = request.sysfs_root.string()});
    if (!device) {
        return std::unexpected(device.error());
    }
    vfio_ = std::move(*device);
    const auto watch = [&](pci::VfioInterrupt kind, std::function<void()> handler,
                           std::unique_ptr<io::EventfdWatch>& place) -> base::Result<void> {
        if (vfio_->vector_count(kind) == 0) {
            return {};
        }
        auto watched = io::EventfdWatch::create(executor, std::move(handler));
        if (!watched) {
            return std::unexpected(watched.error());
        }
        place = std::move(*watched);
        return vfio_->arm(kind, std::array{place->eventfd()});
    };
    // A device that could not be asked back would block whoever unbinds its driver.
    if (const auto watched =
            watch(pci::VfioInterrupt::request, std::move(signals.wanted_back), wanted_back_);
        !watched) {
        return watched;
    }
    if (const auto watched = watch(pci::VfioInterrupt::error, std::move(signals.error), error_);
        !watched) {
        return watched;
    }
    if (request.interrupts) {
        arm_interrupts(request, executor);
    }
    return {};
}

/// Polling serves as well, so what keeps interrupts from being armed is only a remark.
void DeviceSession::arm_interrupts(const SessionRequest& request,
                                   const asio::any_io_executor& executor) {
    io::Doorbell::Handlers handlers;
    for (const auto& mailbox : request.device.mailboxes) {
        handlers.emplace(mailbox.offset, [listeners = listeners_, offset = mailbox.offset] {
            std::function<void()> handler;
            {
                const std::lock_guard lock(listeners->mutex);
                handler = listeners->by_offset[offset];
            }
            if (handler) {
                handler();
            }
        });
    }
    auto doorbell =
        io::Doorbell::arm(executor, vfio_, request.device.mailboxes, std::move(handlers));
    if (!doorbell) {
        no_interrupt_reason_ = doorbell.error().message();
        return;
    }
    doorbell_ = std::move(*doorbell);
}

base::Result<std::unique_ptr<pci::ConfigSpace>> DeviceSession::open_config() {
    if (vfio_) {
        return std::make_unique<pci::VfioConfigSpace>(vfio_);
    }
    auto config = host_.open(address_);
    if (config && power_) {
        config = std::make_unique<pci::PinnedConfigSpace>(std::move(*config), power_);
    }
    if (config && !guarded_in_.empty()) {
        config = std::make_unique<GuardedConfigSpace>(
            std::move(*config),
            ClaimGuard(guarded_in_, address_, driver_, driver_identity_, kernel_use_));
    }
    return config;
}

void DeviceSession::on_interrupt(std::uint16_t offset, std::function<void()> handler) {
    const std::lock_guard lock(listeners_->mutex);
    listeners_->by_offset[offset] = std::move(handler);
}

}  // namespace doed::daemon
