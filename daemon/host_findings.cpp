// SPDX-License-Identifier: Apache-2.0
#include "daemon/host_findings.hpp"

#include <utility>

namespace doed::daemon {

base::Result<HostFindings> HostFindings::look(
    pci::Host& host, const std::optional<std::filesystem::path>& sysfs_root) {
    HostFindings findings;
    auto devices = host.scan(findings.problems);
    if (!devices) {
        return std::unexpected(devices.error());
    }
    std::optional<KernelView> kernel;
    if (sysfs_root) {
        kernel = KernelView::read(*sysfs_root);
        findings.lockdown = kernel->lockdown();
    }
    for (auto& info : *devices) {
        DeviceFinding finding;
        if (kernel) {
            finding.kernel = kernel->of(info.address);
        } else {
            finding.kernel.driver = info.driver;
        }
        finding.lockdown = findings.lockdown;
        finding.info = std::move(info);
        findings.devices.push_back(std::move(finding));
    }
    return findings;
}

}  // namespace doed::daemon
