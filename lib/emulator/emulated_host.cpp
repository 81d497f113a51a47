// SPDX-License-Identifier: Apache-2.0
#include "emulator/emulated_host.hpp"

#include "emulator/device_builder.hpp"
#include "emulator/emulated_config_space.hpp"
#include "pci/capability_walk.hpp"

#include <utility>

#include <linux/pci_regs.h>

namespace doed::emulator {

namespace {

// The part of DeviceInfo that config space tells.
base::Result<void> read_identity(pci::ConfigSpace& config, pci::DeviceInfo& info) {
    const auto ids = config.read32(PCI_VENDOR_ID);
    const auto class_revision = config.read32(PCI_CLASS_REVISION);
    const auto header = config.read32(PCI_CACHE_LINE_SIZE);
    const auto subsystem = config.read32(PCI_SUBSYSTEM_VENDOR_ID);
    for (const auto* value : {&ids, &class_revision, &header, &subsystem}) {
        if (!*value) {
            return std::unexpected(value->error());
        }
    }
    info.vendor_id = static_cast<std::uint16_t>(*ids);
    info.device_id = static_cast<std::uint16_t>(*ids >> 16);
    info.class_code = *class_revision >> 8;
    if ((*header >> 16 & PCI_HEADER_TYPE_MASK) == PCI_HEADER_TYPE_NORMAL) {
        info.subsystem_vendor_id = static_cast<std::uint16_t>(*subsystem);
        info.subsystem_id = static_cast<std::uint16_t>(*subsystem >> 16);
    }
    return {};
}

base::Result<pci::DeviceInfo> look_at(const pci::Address& address, pci::ConfigSpace& config) {
    pci::DeviceInfo info;
    info.address = address;
    const auto chain = pci::walk_extended_capabilities(config);
    if (!chain) {
        return std::unexpected(chain.error());
    }
    info.mailboxes = pci::doe_capabilities(*chain);
    if (const auto identity = read_identity(config, info); !identity) {
        return std::unexpected(identity.error());
    }
    return info;
}

}  // namespace

EmulatedHost::EmulatedHost(Topology topology, const Environment& environment) {
    for (auto& device : topology.devices) {
        auto built = build_device(device, environment);
        const pci::Address address = device.address;
        slots_.emplace(address, Slot{std::move(device), std::move(built)});
    }
}

base::Result<std::unique_ptr<EmulatedHost>> EmulatedHost::load(const std::filesystem::path& path) {
    auto topology = Topology::load(path);
    if (!topology) {
        return std::unexpected(topology.error());
    }
    return std::make_unique<EmulatedHost>(*std::move(topology));
}

base::Result<std::vector<pci::DeviceInfo>> EmulatedHost::scan(std::vector<base::Error>& problems) {
    std::vector<pci::DeviceInfo> found;
    for (const auto& [address, slot] : slots_) {
        EmulatedConfigSpace config(slot.device);
        auto info = look_at(address, config);
        if (!info) {
            problems.push_back(info.error().in(address.to_string()));
            continue;
        }
        if (info->mailboxes.empty()) {
            continue;
        }
        info->driver = slot.topology.driver;
        info->numa_node = slot.topology.numa_node;
        info->iommu_group = slot.topology.iommu_group;
        found.push_back(*std::move(info));
    }
    return found;
}

base::Result<std::unique_ptr<pci::ConfigSpace>> EmulatedHost::open(const pci::Address& address) {
    const auto slot = slots_.find(address);
    if (slot == slots_.end()) {
        return base::fail(base::Errc::not_found, address.to_string());
    }
    return std::make_unique<EmulatedConfigSpace>(slot->second.device);
}

std::shared_ptr<Device> EmulatedHost::device(const pci::Address& address) const {
    const auto slot = slots_.find(address);
    return slot == slots_.end() ? nullptr : slot->second.device;
}

FaultCounts EmulatedHost::fault_counts() const {
    FaultCounts counts;
    for (const auto& [address, slot] : slots_) {
        counts += slot.device->fault_counts();
    }
    return counts;
}

}  // namespace doed::emulator
