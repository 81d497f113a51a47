// SPDX-License-Identifier: Apache-2.0
#include "client/commands/cdat.hpp"

#include "client/device_selector.hpp"
#include "client/host_view_document.hpp"
#include "client/input_file.hpp"

#include <algorithm>
#include <cctype>
#include <optional>
#include <span>
#include <utility>
#include <vector>

namespace doed::client {

namespace {

bool offers_cdat(const MailboxRecord& mailbox) {
    return mailbox.cdat.has_value();
}

/// What a mailbox offers that has not been claimed before is told when its claim has ended.
bool may_offer_cdat(const MailboxRecord& mailbox) {
    return !offers_cdat(mailbox) && mailbox.state == "starting";
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

/// A dump may be longer than the longest table, in whole blocks say. What is beyond is told, not shown.
constexpr std::size_t max_table_file_size_bytes = 4U << 20;

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

/// Until the mailbox has been claimed: a request waits for that, as long as a call may last.
Outcome<void> await_claim(Service& service, const MailboxRecord& mailbox) {
    const auto asked = service.discover(mailbox.path);
    if (!asked) {
        return std::unexpected(asked.error().in(
            "cannot tell whether " + mailbox_name_of_path(mailbox.path) + " offers a CDAT"));
    }
    return {};
}

/// Those of the device that may be meant.
std::vector<MailboxRecord> mailboxes_meant(const std::vector<DeviceRecord>& devices,
                                           const DeviceSelector& selector) {
    const auto device = select_device(devices, selector);
    auto mailboxes = device ? (*device)->mailboxes : std::vector<MailboxRecord>();
    std::erase_if(mailboxes, [&](const MailboxRecord& mailbox) {
        return mailbox.offset != selector.offset.value_or(mailbox.offset);
    });
    return mailboxes;
}

/// Every device, when a mailbox that may be meant offers a CDAT or all of them have told that they do not.
Outcome<std::vector<DeviceRecord>> list_claimed(Service& service, const DeviceSelector& selector) {
    auto devices = list_devices(service);
    if (!devices) {
        return devices;
    }
    const auto meant = mailboxes_meant(*devices, selector);
    if (std::ranges::any_of(meant, offers_cdat) || std::ranges::none_of(meant, may_offer_cdat)) {
        return devices;
    }
    Outcome<void> claimed;
    for (const auto& mailbox : meant) {
        if (!may_offer_cdat(mailbox)) {
            continue;
        }
        if (auto one = await_claim(service, mailbox); !one && claimed) {
            claimed = std::move(one);
        }
    }
    devices = list_devices(service);
    if (devices && !claimed &&
        std::ranges::none_of(mailboxes_meant(*devices, selector), offers_cdat)) {
        return std::unexpected(std::move(claimed).error());
    }
    return devices;
}

/// Every device, when all mailboxes have told what they offer; `failures` gets those that did not.
Outcome<std::vector<DeviceRecord>> list_claimed(Service& service, std::vector<Failure>& failures) {
    auto devices = list_devices(service);
    bool waited = false;
    for (const auto& device : devices ? *devices : std::vector<DeviceRecord>()) {
        for (const auto& mailbox : device.mailboxes) {
            if (!may_offer_cdat(mailbox)) {
                continue;
            }
            waited = true;
            if (auto claimed = await_claim(service, mailbox); !claimed) {
                failures.push_back(std::move(claimed).error());
            }
        }
    }
    return waited ? list_devices(service) : devices;
}

/// What a view needs of doed's document of a table.
enum class DocumentUse : std::uint8_t {
    none,
    host,   ///< what the kernel made of the table
    whole,  ///< it is printed
};

DocumentUse use_of_document(const CdatView& view, const OutputOptions& output) {
    if (output.json) {
        return DocumentUse::whole;
    }
    return view.summary ? DocumentUse::host : DocumentUse::none;
}

Outcome<void> add_document(CdatReading& reading, std::string document, DocumentUse use) {
    if (document.empty()) {
        reading.host_withheld = true;
        return {};
    }
    if (use == DocumentUse::host) {
        auto host = host_view_of(document);
        if (!host) {
            return std::unexpected(std::move(host).error());
        }
        reading.host = std::move(*host);
        return {};
    }
    // The table may have been read anew after its bytes came here: what is printed decides the exit status.
    auto problems = problems_of_document(document);
    if (!problems) {
        return std::unexpected(std::move(problems).error());
    }
    if (*problems) {
        reading.problems = std::move(**problems);
    }
    reading.document = std::move(document);
    return {};
}

/// The properties speak of the table once it is read; so does the document.
Outcome<CdatReading> read(Service& service, const std::string& name, const std::string& path,
                          bool refresh, DocumentUse use) {
    auto bytes = service.table(path, refresh);
    if (!bytes) {
        return std::unexpected(bytes.error().in("cannot read the CDAT of " + name));
    }
    const auto record = service.cdat(path);
    if (!record) {
        return std::unexpected(
            record.error().in("cannot read where the CDAT of " + name + " came from"));
    }
    auto reading = make_cdat_reading(name, *record, std::move(*bytes));
    if (use == DocumentUse::none) {
        return reading;
    }
    auto document = service.table_document(path);
    if (!document) {
        return std::unexpected(document.error().in("cannot read the CDAT of " + name));
    }
    if (const auto added = add_document(reading, std::move(*document), use); !added) {
        return std::unexpected(added.error().in("cannot read the CDAT of " + name));
    }
    return reading;
}

/// No table is one: its first four letters would be a Length above 1 MiB.
bool is_hexadecimal_text(std::span<const std::uint8_t> bytes) {
    constexpr std::size_t length_size_bytes = 4;
    const auto is_digit = [](std::uint8_t byte) { return std::isxdigit(byte) != 0; };
    return bytes.size() >= length_size_bytes &&
           std::ranges::all_of(bytes.first(length_size_bytes), is_digit) &&
           std::ranges::all_of(
               bytes, [&](std::uint8_t byte) { return is_digit(byte) || std::isspace(byte) != 0; });
}

}  // namespace

Outcome<CommandOutput> run(const CdatOptions& options, Service& service,
                           const OutputOptions& output) {
    const auto selector = DeviceSelector::parse(options.device);
    if (!selector) {
        return std::unexpected(selector.error());
    }
    const auto devices = list_claimed(service, *selector);
    if (!devices) {
        return std::unexpected(devices.error());
    }
    const auto selection = select(*devices, *selector);
    if (!selection) {
        return std::unexpected(selection.error());
    }
    const auto reading = read(service, selection->name(), selection->mailbox->path, options.refresh,
                              use_of_document(options.view, output));
    return reading ? output_of(*reading, options.view, output) : std::unexpected(reading.error());
}

Outcome<CommandOutput> run(const CdatAllOptions& options, Service& service,
                           const OutputOptions& output) {
    std::vector<Failure> failures;
    const auto devices = list_claimed(service, failures);
    if (!devices) {
        return std::unexpected(devices.error());
    }
    // The lines of a summary are for all devices of the host, whether their tables can be read or not.
    const bool with_unread = options.view.summary && !output.json;
    std::vector<CdatReading> readings;
    bool any_read = false;
    for (const auto& device : *devices) {
        for (const auto& mailbox : device.mailboxes) {
            if (!offers_cdat(mailbox)) {
                continue;
            }
            auto reading = read(service, mailbox_name(device, mailbox), mailbox.path,
                                options.refresh, use_of_document(options.view, output));
            if (reading) {
                readings.push_back(std::move(*reading));
                any_read = true;
                continue;
            }
            failures.push_back(std::move(reading).error());
            if (with_unread) {
                auto& unread = readings.emplace_back();
                unread.name = mailbox_name(device, mailbox);
                unread.unread = true;
            }
        }
    }
    if (!any_read && !failures.empty()) {
        return std::unexpected(failures.front());
    }
    auto made = output_of_all(readings, options.view, output);
    if (made && !failures.empty()) {
        made->exit_status = exit_code(failures.front().kind());
        for (const auto& failure : failures) {
            made->warnings.push_back(failure.line());
        }
    }
    return made;
}

Outcome<CommandOutput> run(const CdatFileOptions& options, const OutputOptions& output) {
    if (options.file.empty()) {
        return failed(FailureKind::usage, "the file name of --file is empty", "see: doectl --help");
    }
    auto bytes = read_input(options.file, max_table_file_size_bytes);
    if (!bytes) {
        return std::unexpected(bytes.error());
    }
    if (bytes->empty()) {
        return failed(FailureKind::general, options.file + " is empty",
                      "the kernel leaves its CDAT file empty when it could not read the table; its "
                      "log says why");
    }
    if (is_hexadecimal_text(*bytes)) {
        return failed(FailureKind::general, options.file + " is a table as hexadecimal text",
                      "xxd -r -p " + options.file + " | doectl cdat --file - makes bytes of it");
    }
    CdatRecord record;
    record.source = "file";
    return output_of(
        make_cdat_reading(options.file == "-" ? std::string(standard_input_name) : options.file,
                          record, std::move(*bytes)),
        options.view, output);
}

}  // namespace doed::client
