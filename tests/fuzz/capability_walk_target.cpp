// SPDX-License-Identifier: Apache-2.0
//
// Any 4 KiB as a function's config space: both walks end, and what they find lies inside.
#include "fuzz/target.hpp"
#include "pci/capability_walk.hpp"

#include <algorithm>
#include <array>
#include <set>

namespace {

using doed::pci::Capability;
using doed::pci::CapabilityChain;
using doed::pci::config_space_size_bytes;

constexpr std::uint16_t extended_begin = 0x100;
constexpr std::uint16_t doe_size_bytes = 24;

/// What the input does not fill is zero, and the first byte of the input says of one dword that it cannot be read.
class Image final : public doed::pci::ConfigSpace {
public:
    explicit Image(doed::fuzz::Input input) : broken_(std::uint16_t{input.byte()} * 16U) {
        std::ranges::generate(dwords_, [&] { return input.dword(); });
    }

    doed::base::Result<std::uint32_t> read32(std::uint16_t offset) override {
        DOED_ASSERT(offset % 4 == 0 && offset < config_space_size_bytes);
        // A chain of all dwords there are, its header, and no more.
        DOED_ASSERT(++reads_ <= dwords_.size() + 8);
        if (broken_ != 0 && offset == broken_) {
            return doed::base::fail(doed::base::Errc::io);
        }
        return dwords_.at(offset / 4U);
    }
    doed::base::Result<void> write32(std::uint16_t, std::uint32_t) override {
        DOED_ASSERT(false);
        return {};
    }
    void forget_reads() { reads_ = 0; }

private:
    std::uint32_t broken_;
    std::size_t reads_ = 0;
    std::array<std::uint32_t, config_space_size_bytes / 4> dwords_{};
};

void check_chain(const CapabilityChain& chain, std::uint16_t begin, std::uint16_t end) {
    std::set<std::uint16_t> seen;
    for (const Capability& capability : chain.capabilities) {
        DOED_ASSERT(capability.offset >= begin && capability.offset < end);
        DOED_ASSERT(capability.offset % 4 == 0);
        DOED_ASSERT(seen.insert(capability.offset).second);
    }
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size_bytes) {
    Image image(doed::fuzz::Input(data, size_bytes));
    if (const auto chain = doed::pci::walk_capabilities(image)) {
        check_chain(*chain, 0x40, extended_begin);
    }
    image.forget_reads();
    if (const auto chain = doed::pci::walk_extended_capabilities(image)) {
        check_chain(*chain, extended_begin, config_space_size_bytes);
        const auto mailboxes = doed::pci::doe_capabilities(*chain);
        DOED_ASSERT(std::ranges::is_sorted(mailboxes, {}, &doed::pci::DoeCapability::offset));
        for (const auto& mailbox : mailboxes) {
            DOED_ASSERT(mailbox.offset + doe_size_bytes <= config_space_size_bytes);
        }
    }
    return 0;
}
