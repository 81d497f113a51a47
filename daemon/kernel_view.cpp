// SPDX-License-Identifier: Apache-2.0
#include "daemon/kernel_view.hpp"

#include "base/read_file.hpp"
#include "cdat/table.hpp"
#include "pci/cxl_port.hpp"
#include "pci/sysfs_attribute.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>
#include <string_view>
#include <system_error>

#include <sys/stat.h>

namespace doed::daemon {

namespace fs = std::filesystem;

namespace {

/// "none [integrity] confidentiality": the mode in brackets holds.
LockdownMode parse_lockdown(std::string_view text) {
    for (const auto mode :
         {LockdownMode::none, LockdownMode::integrity, LockdownMode::confidentiality}) {
        if (text.contains("[" + std::string(to_string(mode)) + "]")) {
            return mode;
        }
    }
    return LockdownMode::unknown;
}

template <typename Visit>
void for_each_entry(const fs::path& folder, Visit visit) {
    std::error_code error;
    for (fs::directory_iterator entry(folder, error), end; !error && entry != end;
         entry.increment(error)) {
        visit(entry->path());
    }
}

}  // namespace

KernelView KernelView::read(const fs::path& sysfs_root) {
    KernelView view(sysfs_root);
    if (const auto text = pci::read_attribute(sysfs_root / "kernel/security/lockdown")) {
        view.lockdown_ = parse_lockdown(*text);
    }
    view.find_ports();
    return view;
}

void KernelView::find_ports() {
    for_each_entry(sysfs_root_ / "bus/cxl/devices", [this](const fs::path& port) {
        if (!pci::is_port_name(port.filename().string())) {
            return;
        }
        if (const auto function = pci::port_function(port)) {
            ports_.emplace(*function, port);
        }
    });
}

KernelFacts KernelView::of(const pci::Address& address) const {
    const fs::path device = sysfs_root_ / "bus/pci/devices" / address.to_string();
    KernelFacts facts;
    facts.driver = pci::read_link_name(device / "driver").value_or("");
    if (struct stat link{}; ::lstat((device / "driver").c_str(), &link) == 0) {
        facts.driver_identity = link.st_ino;
    }
    facts.tsm_connected = !pci::read_attribute(device / "tsm/connect").value_or("").empty();
    if (const auto port = ports_.find(address); port != ports_.end()) {
        facts.cxl_port = true;
        struct stat status{};
        if (const auto cdat = port->second / "CDAT"; ::stat(cdat.c_str(), &status) == 0) {
            facts.cdat_file = cdat;
            facts.cdat_identity = status.st_ino;
        }
    }
    for_each_entry(device / "doe_features", [&facts](const fs::path& feature) {
        // doe_discovery stands for 0001:00; every other file is named after its feature.
        const std::string name = feature.filename().string();
        if (const auto protocol = name == "doe_discovery" ? std::optional(doe::protocol_discovery)
                                                          : doe::Protocol::parse(name)) {
            facts.doe_features.push_back(*protocol);
        }
    });
    std::ranges::sort(facts.doe_features);
    return facts;
}

OwnershipFacts ownership_facts(const KernelFacts& kernel, bool config_writable,
                               LockdownMode lockdown, OwnerChoice choice) {
    return {.driver = kernel.driver,
            .cxl_port = kernel.cxl_port,
            .tsm_connected = kernel.tsm_connected,
            .config_writable = config_writable,
            .lockdown = lockdown,
            .choice = choice};
}

bool config_writes_taint(std::string_view release) noexcept {
    return std::ranges::any_of(std::array{"6.2", "6.3"}, [release](std::string_view version) {
        return release.starts_with(version) &&
               (release.size() == version.size() || release[version.size()] == '.' ||
                release[version.size()] == '-');
    });
}

MailboxUse mailbox_use(std::string_view release) noexcept {
    unsigned major = 0;
    unsigned minor = 0;
    const char* const end = release.data() + release.size();
    const auto [dot, bad_major] = std::from_chars(release.data(), end, major);
    const bool has_minor = bad_major == std::errc() && dot != end && *dot == '.' &&
                           std::from_chars(dot + 1, end, minor).ec == std::errc();
    const bool late = has_minor && (major > 6 || (major == 6 && minor >= 4));
    return late ? MailboxUse::through_port : MailboxUse::at_once;
}

base::Result<std::vector<std::uint8_t>> read_kernel_cdat(const base::UniqueFd& cdat_file) {
    auto bytes = base::read_file(cdat_file, "the kernel's table", cdat::max_table_size_bytes);
    if (bytes && bytes->empty()) {
        return base::fail(base::Errc::not_supported,
                          "the kernel could not read the device's table");
    }
    return bytes;
}

}  // namespace doed::daemon
