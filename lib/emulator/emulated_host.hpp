// SPDX-License-Identifier: Apache-2.0
//
// A host whose PCI functions are emulated: the backend behind `--backend emulator:FILE`, and every test's host. What is
// known of a device beyond its config space (driver, NUMA node, IOMMU group) comes from the topology; its identity and
// its mailboxes are found in config space, as on a real host. Any thread may call it, and use the handles it gives out.
#pragma once

#include "emulator/device.hpp"
#include "emulator/environment.hpp"
#include "emulator/topology.hpp"
#include "pci/host.hpp"

#include <filesystem>
#include <map>
#include <memory>

namespace doed::emulator {

class EmulatedHost final : public pci::Host {
public:
    explicit EmulatedHost(Topology topology, const Environment& environment = Environment::real());

    /// A host from a topology file, in real time. Errors: those of Topology::load.
    [[nodiscard]] static base::Result<std::unique_ptr<EmulatedHost>> load(
        const std::filesystem::path& path);

    [[nodiscard]] std::string_view backend() const override { return "emulator"; }
    [[nodiscard]] base::Result<std::vector<pci::DeviceInfo>> scan(
        std::vector<base::Error>& problems) override;
    [[nodiscard]] base::Result<std::unique_ptr<pci::ConfigSpace>> open(
        const pci::Address& address) override;

    /// The device at an address; null when there is none.
    [[nodiscard]] std::shared_ptr<Device> device(const pci::Address& address) const;
    /// How often each kind of fault has struck, in all devices together.
    [[nodiscard]] FaultCounts fault_counts() const;

private:
    struct Slot {
        DeviceTopology topology;
        std::shared_ptr<Device> device;
    };

    std::map<pci::Address, Slot> slots_;
};

}  // namespace doed::emulator
