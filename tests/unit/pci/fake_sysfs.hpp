// SPDX-License-Identifier: Apache-2.0
//
// A tree that looks like /sys to SysfsHost: functions are directories below devices/, and links in bus/pci/devices.
#pragma once

#include "temporary_directory.hpp"

#include <cstdint>
#include <filesystem>
#include <iterator>
#include <span>
#include <string>
#include <string_view>

namespace doed::pci {

class FakeSysfs {
public:
    FakeSysfs() {
        std::filesystem::create_directories(root() / "bus/pci/devices");
        std::filesystem::create_directories(root() / devices_);
    }

    [[nodiscard]] const std::filesystem::path& root() const { return directory_.path(); }

    /// A function with nothing but a `config` file, behind each of the names.
    void add_bare(std::span<const std::string> names, std::span<const std::uint8_t> config) const {
        std::filesystem::create_directory(root() / devices_ / names.front());
        directory_.write(file(names.front(), "config"), config);
        for (const std::string& name : names) {
            list(name, names.front());
        }
    }

    /// A function with the attributes that every one has: a CXL memory device without driver or IOMMU group.
    void add(const std::string& name, std::span<const std::uint8_t> config) const {
        add_bare({&name, 1}, config);
        set(name, "vendor", "0x8086\n");
        set(name, "device", "0x0d93\n");
        set(name, "subsystem_vendor", "0x1af4\n");
        set(name, "subsystem_device", "0x1100\n");
        set(name, "class", "0x050210\n");
        set(name, "numa_node", "-1\n");
    }

    /// An entry of bus/pci/devices; whether there is a function behind it is up to the test.
    void list(const std::string& name) const { list(name, name); }

    /// Takes an entry of bus/pci/devices away, and leaves the function where it is.
    void unlist(const std::string& name) const {
        std::filesystem::remove(root() / "bus/pci/devices" / name);
    }

    /// Takes a function out. Its directory lives on elsewhere, so that nothing that is made later is taken for it.
    void take_out(const std::string& name) const {
        unlist(name);
        std::filesystem::create_directories(root() / "gone");
        const auto count = std::distance(std::filesystem::directory_iterator(root() / "gone"), {});
        std::filesystem::rename(root() / devices_ / name, root() / "gone" / std::to_string(count));
    }

    void set(const std::string& name, const std::string& attribute, std::string_view text) const {
        directory_.write(file(name, attribute), text);
    }

    void link(const std::string& name, const std::string& attribute,
              const std::string& target) const {
        std::filesystem::create_symlink(target, root() / file(name, attribute));
    }

    void remove(const std::string& name, const std::string& attribute) const {
        std::filesystem::remove(root() / file(name, attribute));
    }

    /// An attribute's path below the root.
    [[nodiscard]] std::string file(const std::string& name, const std::string& attribute) const {
        return devices_ + name + "/" + attribute;
    }

private:
    void list(const std::string& name, const std::string& function) const {
        std::filesystem::create_symlink("../../../" + devices_ + function,
                                        root() / "bus/pci/devices" / name);
    }

    TemporaryDirectory directory_;
    std::string devices_ = "devices/pci0000:00/";
};

}  // namespace doed::pci
