// SPDX-License-Identifier: Apache-2.0
#include "pci/sysfs_host.hpp"

#include "pci/os_error.hpp"
#include "pci/sysfs_attribute.hpp"
#include "pci/sysfs_config_space.hpp"

#include <algorithm>
#include <cstddef>
#include <expected>
#include <filesystem>
#include <system_error>
#include <utility>

#include <sys/stat.h>

namespace doed::pci {

namespace {

/// A function that was listed a moment ago and has no files now has left the host.
base::Error seen_in_scan(const base::Error& error, const Address& address) {
    const auto code =
        error.code() == base::Errc::not_found ? base::Errc::device_gone : error.code();
    return base::Error(code, error.context(), error.where()).in(address.to_string());
}

base::Error root_needed(std::size_t functions) {
    return base::Error(
        base::Errc::access_denied,
        "PCI functions that could not be searched for DOE: " + std::to_string(functions) +
            " (run as root: only CAP_SYS_ADMIN lets a process read extended config space)");
}

/// Reads a function's attributes one after the other. What cannot be read yields an empty value, and the first such
/// failure is kept: the caller looks at outcome() once, at the end.
class AttributeReader {
public:
    explicit AttributeReader(std::string directory) : directory_(std::move(directory)) {}

    [[nodiscard]] const base::Result<void>& outcome() const noexcept { return outcome_; }

    template <typename T>
    T number(const std::string& name) {
        return take(read_number<T>(directory_ + "/" + name));
    }

    /// For an attribute that not every function has.
    template <typename T>
    T number_or(const std::string& name, T otherwise) {
        auto value = read_number<T>(directory_ + "/" + name);
        return is_missing(value) ? otherwise : take(std::move(value));
    }

    /// The name of a link's target; empty without the link.
    std::string link_name(const std::string& name) {
        auto value = read_link_name(directory_ + "/" + name);
        return is_missing(value) ? std::string() : take(std::move(value));
    }

    /// The number that the name of a link's target is; nothing without the link.
    std::optional<std::uint32_t> link_number(const std::string& name) {
        const std::string text = link_name(name);
        if (text.empty()) {
            return std::nullopt;
        }
        return take(parse_number<std::uint32_t>(text));
    }

private:
    template <typename T>
    static bool is_missing(const base::Result<T>& value) {
        return !value && value.error().code() == base::Errc::not_found;
    }

    template <typename T>
    T take(base::Result<T> value) {
        if (value) {
            return std::move(*value);
        }
        if (outcome_) {
            outcome_ = std::unexpected(value.error());
        }
        return T{};
    }

    std::string directory_;
    base::Result<void> outcome_;
};

}  // namespace

SysfsHost::SysfsHost(const std::string& sysfs_root, Opener& opener)
    : devices_path_(sysfs_root + "/bus/pci/devices"), opener_(opener) {}

base::Result<std::vector<DeviceInfo>> SysfsHost::scan(std::vector<base::Error>& problems) {
    const auto addresses = list(problems);
    if (!addresses) {
        return std::unexpected(addresses.error());
    }
    std::erase_if(walked_, [&](const auto& entry) {
        return !std::ranges::binary_search(*addresses, entry.first);
    });
    std::vector<DeviceInfo> devices;
    std::size_t denied = 0;
    for (const Address& address : *addresses) {
        // Taken first: should another function come to the place meanwhile, what is read of it is kept under an identity
        // that no later scan meets.
        const std::uint64_t identity = identity_of(address);
        auto found = mailboxes_of(address, identity, problems);
        if (!found) {
            if (found.error().code() == base::Errc::access_denied) {
                ++denied;
            } else {
                problems.push_back(seen_in_scan(found.error(), address));
            }
            continue;
        }
        if (found->mailboxes.empty()) {
            continue;
        }
        auto device = describe(address);
        if (!device) {
            problems.push_back(seen_in_scan(device.error(), address));
            continue;
        }
        device->identity = identity;
        device->mailboxes = std::move(found->mailboxes);
        device->config_writable = found->config_writable;
        devices.push_back(std::move(*device));
    }
    if (denied != 0) {
        problems.push_back(root_needed(denied));
    }
    return devices;
}

base::Result<std::unique_ptr<ConfigSpace>> SysfsHost::open(const Address& address) {
    auto file = opener_.open(address, RootFile::config);
    if (!file) {
        return std::unexpected(file.error().in(address.to_string()));
    }
    return std::make_unique<SysfsConfigSpace>(std::move(*file), device_path(address) + "/config",
                                              true);
}

std::string SysfsHost::device_path(const Address& address) const {
    return devices_path_ + "/" + address.to_string();
}

/// The addresses of all functions of the host, ascending.
base::Result<std::vector<Address>> SysfsHost::list(std::vector<base::Error>& problems) const {
    std::vector<Address> addresses;
    std::error_code error;
    for (std::filesystem::directory_iterator entry(devices_path_, error), end;
         !error && entry != end; entry.increment(error)) {
        const std::string name = entry->path().filename().string();
        const auto address = Address::parse(name);
        // Only the name that sysfs itself would choose: no second one may lead to the same function.
        if (address && address->to_string() == name) {
            addresses.push_back(*address);
        } else {
            problems.emplace_back(base::Errc::invalid_argument,
                                  devices_path_ + "/" + name + ": not a PCI address");
        }
    }
    if (error) {
        return std::unexpected(os_error(FileAccess::open, error.value(), devices_path_));
    }
    std::ranges::sort(addresses);
    return addresses;
}

/// The inode of the function's directory, which the kernel gives to no other registration; 0 when there is none.
std::uint64_t SysfsHost::identity_of(const Address& address) const {
    struct stat status{};
    return ::stat(device_path(address).c_str(), &status) == 0 ? status.st_ino : 0;
}

/// The function's DOE capabilities, as an earlier scan has found them if one has.
base::Result<FoundMailboxes> SysfsHost::mailboxes_of(const Address& address, std::uint64_t identity,
                                                     std::vector<base::Error>& problems) {
    const auto known = walked_.find(address);
    if (known != walked_.end() && known->second.identity == identity) {
        return known->second.found;
    }
    auto found = opener_.find(address);
    if (!found) {
        return found;
    }
    if (!found->defect.empty()) {
        problems.emplace_back(base::Errc::malformed,
                              address.to_string() + ": extended capability at " + found->defect);
    }
    if (found->lasting && identity != 0) {
        walked_.insert_or_assign(address, Walked{identity, *found});
    }
    return found;
}

/// What the function's attributes say about it; its mailboxes are left to the caller.
base::Result<DeviceInfo> SysfsHost::describe(const Address& address) const {
    AttributeReader attributes(device_path(address));
    DeviceInfo device;
    device.address = address;
    device.driver = attributes.link_name("driver");
    device.iommu_group = attributes.link_number("iommu_group");
    device.numa_node = attributes.number_or<std::int32_t>("numa_node", -1);
    device.subsystem_vendor_id = attributes.number_or<std::uint16_t>("subsystem_vendor", 0);
    device.subsystem_id = attributes.number_or<std::uint16_t>("subsystem_device", 0);
    device.class_code = attributes.number<std::uint32_t>("class");
    device.device_id = attributes.number<std::uint16_t>("device");
    // Read last: every function has it, so what was missing above was not missing because the function is gone.
    device.vendor_id = attributes.number<std::uint16_t>("vendor");
    if (!attributes.outcome()) {
        return std::unexpected(attributes.outcome().error());
    }
    return device;
}

}  // namespace doed::pci
