// SPDX-License-Identifier: Apache-2.0
//
// A handle on the configuration space of an emulated function. Like every ConfigSpace it is used from one strand at a
// time; other handles on the same function may be used elsewhere meanwhile.
#pragma once

#include "emulator/device.hpp"
#include "pci/config_space.hpp"

#include <memory>
#include <utility>

namespace doed::emulator {

class EmulatedConfigSpace final : public pci::ConfigSpace {
public:
    explicit EmulatedConfigSpace(std::shared_ptr<Device> device) noexcept
        : device_(std::move(device)) {}

    [[nodiscard]] base::Result<std::uint32_t> read32(std::uint16_t offset) override {
        return device_->read32(offset);
    }
    [[nodiscard]] base::Result<void> write32(std::uint16_t offset, std::uint32_t value) override {
        return device_->write32(offset, value);
    }

private:
    std::shared_ptr<Device> device_;
};

}  // namespace doed::emulator
