// SPDX-License-Identifier: Apache-2.0
#include "emulator/device_builder.hpp"

#include "base/assert.hpp"
#include "emulator/capabilities.hpp"
#include "emulator/protocols/echo_responder.hpp"
#include "emulator/protocols/faulty_table_responder.hpp"
#include "emulator/protocols/spdm_error_responder.hpp"
#include "emulator/protocols/table_access_responder.hpp"

#include <algorithm>
#include <utility>

#include <linux/pci_regs.h>

namespace doed::emulator {

namespace {

std::unique_ptr<Responder> make_responder(doe::Protocol protocol, const DeviceTopology& topology,
                                          const std::shared_ptr<FaultInjector>& faults) {
    if (protocol == doe::protocol_table_access) {
        if (faults) {
            return std::make_unique<FaultyTableResponder>(topology.cdat, faults);
        }
        return std::make_unique<TableAccessResponder>(topology.cdat);
    }
    if (protocol == doe::protocol_cma_spdm) {
        return std::make_unique<SpdmErrorResponder>();
    }
    DOED_ASSERT(protocol == protocol_echo);
    return std::make_unique<EchoResponder>();
}

Device::Mailbox make_mailbox(const DeviceTopology& topology, const MailboxTopology& mailbox,
                             std::uint16_t index, const Environment& environment,
                             const InterruptHook& interrupt) {
    std::shared_ptr<FaultInjector> faults;
    if (!mailbox.faults.empty()) {
        faults = std::make_shared<FaultInjector>(
            FaultScript{.rules = mailbox.faults, .seed = topology.seed + index}, environment.now);
    }
    std::vector<std::unique_ptr<Responder>> responders;
    responders.reserve(mailbox.protocols.size());
    for (const doe::Protocol protocol : mailbox.protocols) {
        responders.push_back(make_responder(protocol, topology, faults));
    }
    const DoeInstanceOptions options{
        .capability_version = mailbox.capability_version,
        .interrupt_message = index,
        .response_time = topology.response_time,
        .abort_time = topology.abort_time,
        .busy_while_processing = mailbox.busy_while_processing,
        .seed = topology.seed + index,
    };
    return {.offset = mailbox.offset,
            .instance = std::make_unique<DoeInstance>(options, std::move(responders),
                                                      environment.now, interrupt, faults),
            .faults = faults};
}

std::uint64_t serial_number(const DeviceTopology& topology) {
    const pci::Address& address = topology.address;
    return std::uint64_t{topology.vendor_id} << 48 | std::uint64_t{address.domain} << 16 |
           std::uint64_t{address.bus} << 8 | std::uint64_t{address.device} << 3 | address.function;
}

void add_standard_capabilities(ConfigImage& image, HeaderType header, std::size_t vectors) {
    const auto needed = static_cast<std::uint16_t>(std::max<std::size_t>(1, vectors));
    if (header == HeaderType::bridge) {
        add_msi(image, needed);
    } else {
        add_msix(image, needed);
    }
    add_pcie_capability(image, header);
}

void add_other_extended_capabilities(ConfigImage& image, const DeviceTopology& topology) {
    add_error_reporting(image);
    add_serial_number(image, serial_number(topology));
    switch (topology.kind) {
        case DeviceKind::cxl_endpoint:
            add_cxl_memory_device(image, topology.memory_size_bytes);
            break;
        case DeviceKind::cxl_switch_upstream: add_cxl_port(image); break;
        case DeviceKind::custom: break;
    }
}

}  // namespace

std::shared_ptr<Device> build_device(const DeviceTopology& topology, const Environment& environment,
                                     const InterruptHook& interrupt) {
    const HeaderType header = topology.is_bridge() ? HeaderType::bridge : HeaderType::endpoint;
    ConfigImage image({.vendor_id = topology.vendor_id,
                       .device_id = topology.device_id,
                       .subsystem_vendor_id = topology.subsystem_vendor_id,
                       .subsystem_id = topology.subsystem_id,
                       .class_code = topology.class_code},
                      header);
    add_standard_capabilities(image, header, topology.mailboxes.size());

    std::vector<Device::Mailbox> mailboxes;
    for (const auto& mailbox : topology.mailboxes) {
        const bool placed =
            image.add_extended_capability({PCI_EXT_CAP_ID_DOE, mailbox.capability_version,
                                           mailbox.offset, DoeInstance::size_bytes});
        DOED_ASSERT(placed);
        const auto index = static_cast<std::uint16_t>(mailboxes.size());
        mailboxes.push_back(make_mailbox(topology, mailbox, index, environment, interrupt));
    }
    add_other_extended_capabilities(image, topology);
    return std::make_shared<Device>(std::move(image), std::move(mailboxes), environment,
                                    topology.access_delay);
}

}  // namespace doed::emulator
