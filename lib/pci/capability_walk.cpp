// SPDX-License-Identifier: Apache-2.0
#include "pci/capability_walk.hpp"

#include "pci/hex.hpp"

#include <algorithm>
#include <bitset>
#include <expected>
#include <utility>

#include <linux/pci_regs.h>

namespace doed::pci {

namespace {

// As a bit of the dword that Command and Status share.
constexpr std::uint32_t status_capability_list = std::uint32_t{PCI_STATUS_CAP_LIST} << 16;

constexpr std::uint16_t first_standard_offset = PCI_STD_HEADER_SIZEOF;
constexpr std::uint16_t first_extended_offset = PCI_CFG_SPACE_SIZE;
// The DOE registers end with the Read Data Mailbox (PCIe r6.2 7.9.24).
constexpr std::uint16_t doe_size_bytes = PCI_DOE_READ + 4;

// The two low bits of a pointer are reserved and to be masked (PCIe r6.2 7.5.1.1.11, 7.6.3).
constexpr std::uint8_t pointer_bits = 0xFC;

/// Which dwords of config space a walk has been to. Each can be visited once, so every walk ends.
using Visited = std::bitset<config_space_size_bytes / 4>;

/// Why a chain must not be followed to `next`; empty when it may.
std::string defect_of(std::uint16_t at, std::uint16_t next, std::uint16_t lowest,
                      const Visited& visited) {
    const std::string link = hex(at) + " points to " + hex(next);
    if (next < lowest) {
        return link + ", which is below " + hex(lowest);
    }
    if (visited.test(next / 4U)) {
        return link + " again: the chain is a loop";
    }
    return {};
}

/// The Command and Status registers. They have bits that always read 0, so all ones means that nobody answered. (The
/// Vendor ID does not tell: it reads FFFFh in a virtual function that is well, PCIe r6.2 9.3.4.1.1.)
base::Result<std::uint32_t> read_command_and_status(ConfigSpace& config) {
    const auto value = config.read32(PCI_COMMAND);
    if (value && *value == all_ones) {
        return base::fail(base::Errc::device_gone, "config space reads all ones");
    }
    return value;
}

/// Splits the header dword at `offset` into the capability and the offset of the next one.
using Decode = std::pair<Capability, std::uint16_t> (*)(std::uint16_t offset, std::uint32_t header);

std::pair<Capability, std::uint16_t> decode_standard(std::uint16_t offset, std::uint32_t header) {
    return {{static_cast<std::uint8_t>(header), 0, offset},
            static_cast<std::uint8_t>((header >> 8) & pointer_bits)};
}

std::pair<Capability, std::uint16_t> decode_extended(std::uint16_t offset, std::uint32_t header) {
    return {{static_cast<std::uint16_t>(PCI_EXT_CAP_ID(header)),
             static_cast<std::uint8_t>(PCI_EXT_CAP_VER(header)), offset},
            static_cast<std::uint16_t>(PCI_EXT_CAP_NEXT(header))};
}

/// Follows a chain from its first header, which was read at `offset`, to its end or first defect.
base::Result<CapabilityChain> follow(ConfigSpace& config, std::uint16_t offset,
                                     std::uint32_t header, Decode decode) {
    const std::uint16_t lowest =
        offset < first_extended_offset ? first_standard_offset : first_extended_offset;
    CapabilityChain chain;
    Visited visited;
    while (true) {
        if (header == all_ones) {
            if (const auto alive = read_command_and_status(config); !alive) {
                return std::unexpected(alive.error());
            }
            chain.defect = hex(offset) + " reads all ones";
            return chain;
        }
        visited.set(offset / 4U);
        const auto [capability, next] = decode(offset, header);
        chain.capabilities.push_back(capability);
        if (next == 0) {
            return chain;
        }
        chain.defect = defect_of(offset, next, lowest, visited);
        if (!chain.defect.empty()) {
            return chain;
        }
        const auto next_header = config.read32(next);
        if (!next_header) {
            return std::unexpected(next_header.error());
        }
        offset = next;
        header = *next_header;
    }
}

}  // namespace

base::Result<CapabilityChain> walk_capabilities(ConfigSpace& config) {
    const auto status = read_command_and_status(config);
    if (!status) {
        return std::unexpected(status.error());
    }
    if ((*status & status_capability_list) == 0) {
        return CapabilityChain{};
    }
    const auto pointer = config.read32(PCI_CAPABILITY_LIST);
    if (!pointer) {
        return std::unexpected(pointer.error());
    }
    const std::uint16_t first = static_cast<std::uint8_t>(*pointer & pointer_bits);
    if (first == 0) {
        return CapabilityChain{};
    }
    if (std::string defect =
            defect_of(PCI_CAPABILITY_LIST, first, first_standard_offset, Visited{});
        !defect.empty()) {
        return CapabilityChain{{}, std::move(defect)};
    }
    const auto header = config.read32(first);
    if (!header) {
        return std::unexpected(header.error());
    }
    return follow(config, first, *header, decode_standard);
}

base::Result<CapabilityChain> walk_extended_capabilities(ConfigSpace& config) {
    const auto header = config.read32(first_extended_offset);
    if (!header) {
        return std::unexpected(header.error());
    }
    // An all-zero first header is how extended space without capabilities says so (PCIe r6.2 7.6.2).
    if (*header == 0) {
        return CapabilityChain{};
    }
    if (*header == all_ones) {
        // Nobody answers above 0x100: without extended space, or gone altogether.
        if (const auto alive = read_command_and_status(config); !alive) {
            return std::unexpected(alive.error());
        }
        return CapabilityChain{.unanswered = true};
    }
    return follow(config, first_extended_offset, *header, decode_extended);
}

std::vector<DoeCapability> doe_capabilities(const CapabilityChain& chain) {
    std::vector<DoeCapability> mailboxes;
    for (const Capability& capability : chain.capabilities) {
        if (capability.id == PCI_EXT_CAP_ID_DOE &&
            capability.offset <= config_space_size_bytes - doe_size_bytes) {
            mailboxes.push_back({capability.offset, capability.version});
        }
    }
    std::ranges::sort(mailboxes, {}, &DoeCapability::offset);
    return mailboxes;
}

}  // namespace doed::pci
