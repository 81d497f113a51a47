// SPDX-License-Identifier: Apache-2.0
//
// The devices of an emulated host, as a JSON file describes them (docs/topology.md). Loading checks everything: what a
// Topology says can be built.
#pragma once

#include "base/result.hpp"
#include "doe/protocol.hpp"
#include "emulator/faults/fault_script.hpp"
#include "emulator/response_time.hpp"
#include "pci/address.hpp"

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace doed::emulator {

enum class DeviceKind : std::uint8_t {
    cxl_endpoint,         ///< CXL memory device
    cxl_switch_upstream,  ///< upstream port of a CXL switch
    custom,               ///< anything else
};

struct MailboxTopology {
    std::uint16_t offset = 0;             ///< of the DOE capability; a multiple of 4, 0x100..0xFE8
    std::uint8_t capability_version = 1;  ///< 1..15
    std::vector<doe::Protocol>
        protocols{};                     ///< besides discovery, in the order discovery lists them
    bool busy_while_processing = false;  ///< Busy is set from GO until Ready
    std::vector<FaultRule> faults{};     ///< none: the mailbox is sound
};

struct DeviceTopology {
    pci::Address address;
    DeviceKind kind = DeviceKind::custom;
    std::uint16_t vendor_id = 0;
    std::uint16_t device_id = 0;
    std::uint16_t subsystem_vendor_id = 0;  ///< 0 for bridges
    std::uint16_t subsystem_id = 0;         ///< 0 for bridges
    std::uint32_t class_code = 0;           ///< 24 bits; 0x0604xx makes the device a bridge
    std::string driver;
    std::int32_t numa_node = -1;
    std::optional<std::uint32_t> iommu_group;
    ResponseTimeRange response_time{std::chrono::milliseconds(1), std::chrono::milliseconds(1)};
    base::Duration abort_time{};
    base::Duration access_delay{};
    std::uint64_t seed = 1;
    std::uint64_t memory_size_bytes = 256ULL << 20;  ///< of CXL memory devices
    std::vector<std::uint8_t> cdat;          ///< the table that mailboxes with table access serve
    std::vector<MailboxTopology> mailboxes;  ///< none overlaps another

    [[nodiscard]] bool is_bridge() const noexcept { return class_code >> 8 == 0x0604; }
};

struct Topology {
    std::vector<DeviceTopology> devices;  ///< each at an address of its own

    /// Reads a topology file and the tables it names. Errors, each one line that names the file: not_found, access_denied,
    /// too_large, io for the topology file itself; invalid_argument for everything in it, with line and column of bad
    /// syntax, else with the JSON pointer and what was expected there.
    [[nodiscard]] static base::Result<Topology> load(const std::filesystem::path& path);
    /// The same from memory. `name` stands for the file in messages; tables are sought from `directory`.
    [[nodiscard]] static base::Result<Topology> parse(std::string_view text,
                                                      const std::string& name,
                                                      const std::filesystem::path& directory);
};

}  // namespace doed::emulator
