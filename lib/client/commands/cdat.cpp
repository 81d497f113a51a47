// SPDX-License-Identifier: Apache-2.0
#include "client/commands/cdat.hpp"

#include "client/cdat_reading.hpp"
#include "client/device_selector.hpp"
#include "client/render_table.hpp"
#include "client/text.hpp"

#include <algorithm>

namespace doed::client {

namespace {

bool offers_cdat(const MailboxRecord& mailbox) {
    return mailbox.cdat.has_value();
}

/// Why a mailbox may offer less than its device could.
std::string circumstances(const MailboxRecord& mailbox) {
    if (mailbox.owner != "daemon" && mailbox.owner != "vfio") {
        return " (owner " + mailbox.owner + ": " + mailbox.owner_reason + ")";
    }
    if (mailbox.state == "idle" || mailbox.state == "busy") {
        return "";
    }
    return " (it is " + mailbox.state +
           (mailbox.last_error.empty() ? "" : ": " + mailbox.last_error) + ")";
}

Outcome<MailboxSelection> select(const std::vector<DeviceRecord>& devices,
                                 DeviceSelector selector) {
    const auto device = select_device(devices, selector);
    if (device && (*device)->mailboxes.size() == 1 && !selector.offset) {
        // What it does not offer is then said of the mailbox, with the reason.
        selector.offset = (*device)->mailboxes.front().offset;
    }
    auto selection = select_mailbox(devices, selector, "with a CDAT", offers_cdat);
    if (selection && !offers_cdat(*selection->mailbox)) {
        return failed(FailureKind::refused,
                      selection->name() + " offers no CDAT" + circumstances(*selection->mailbox),
                      "see what it offers with: doectl show " + selection->name());
    }
    return selection;
}

Outcome<CdatReading> read(Service& service, const MailboxSelection& selection, bool refresh) {
    const auto& path = selection.mailbox->path;
    auto bytes = service.table(path, refresh);
    if (!bytes) {
        return std::unexpected(bytes.error().in("cannot read the CDAT of " + selection.name()));
    }
    // Only now do the properties speak of this table.
    const auto record = service.cdat(path);
    if (!record) {
        return std::unexpected(
            record.error().in("cannot read where the CDAT of " + selection.name() + " came from"));
    }
    return make_cdat_reading(selection.name(), *record, std::move(*bytes));
}

std::string as_text(std::span<const std::uint8_t> bytes) {
    std::string text(bytes.size(), '\0');
    std::ranges::transform(bytes, text.begin(),
                           [](std::uint8_t byte) { return static_cast<char>(byte); });
    return text;
}

/// For views that show the bytes alone.
std::vector<std::string> warnings_of(const CdatReading& reading) {
    if (reading.problems.empty()) {
        return {};
    }
    return {"the CDAT of " + reading.mailbox + " has " +
            counted(reading.problems.size(), "problem", "problems") + ", first: " +
            reading.problems.front() + "; see all with: doectl cdat " + reading.mailbox};
}

}  // namespace

Outcome<CommandOutput> run(const CdatOptions& options, Service& service,
                           const OutputOptions& output) {
    const auto selector = DeviceSelector::parse(options.device);
    if (!selector) {
        return std::unexpected(selector.error());
    }
    const auto devices = list_devices(service);
    if (!devices) {
        return std::unexpected(devices.error());
    }
    const auto selection = select(*devices, *selector);
    if (!selection) {
        return std::unexpected(selection.error());
    }
    const auto reading = read(service, *selection, options.refresh);
    if (!reading) {
        return std::unexpected(reading.error());
    }
    if (options.raw_file) {
        return CommandOutput{as_text(reading->table.bytes()), options.raw_file,
                             warnings_of(*reading)};
    }
    if (options.hex) {
        return CommandOutput{hex_dump(reading->table.bytes()), std::nullopt, warnings_of(*reading)};
    }
    return printed(output.json ? json_of_cdat(*reading, *output.json)
                               : render_cdat(*reading, output.legend));
}

}  // namespace doed::client
