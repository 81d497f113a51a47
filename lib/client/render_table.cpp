// SPDX-License-Identifier: Apache-2.0
#include "client/render_table.hpp"

#include "client/text.hpp"

#include <algorithm>
#include <cstdint>
#include <iterator>
#include <string_view>
#include <vector>

#include <fmt/format.h>

namespace doed::client {

namespace {

constexpr std::string_view absent = "-";
// DOE Discovery, PCIe r6.x 6.30.
constexpr std::uint16_t discovery_vendor_id = 0x0001;
constexpr std::uint8_t discovery_type = 0x00;

std::string or_absent(const std::string& text) {
    return text.empty() ? std::string(absent) : text;
}
std::string or_absent(std::int32_t number) {
    return number < 0 ? std::string(absent) : std::to_string(number);
}

std::string feature_name(const Feature& feature) {
    return feature.name.empty() ? protocol_number(feature) : feature.name;
}

bool is_discovery(const Feature& feature) {
    return feature.vendor_id == discovery_vendor_id && feature.object_type == discovery_type;
}

/// What a mailbox is there for: discovery, which every mailbox has to offer, only where it is all.
std::string feature_names(std::span<const Feature> features) {
    std::string names;
    for (const auto& feature : features) {
        if (features.size() == 1 || !is_discovery(feature)) {
            names += (names.empty() ? "" : ", ") + feature_name(feature);
        }
    }
    return names;
}

std::string checksum_text(bool valid) {
    return valid ? "ok" : "BAD";
}

/// "  Label            value" lines under one heading.
class Fields {
public:
    Fields(const Palette& palette, std::string_view heading)
        : palette_(palette), text_(palette.paint(Tone::title, printable(heading)) + "\n") {}

    Fields& add(std::string_view label, std::string_view value, Tone tone = Tone::plain) {
        fmt::format_to(std::back_inserter(text_), "  {:<16}  {}\n", label,
                       palette_.paint(tone, printable(value)));
        return *this;
    }

    [[nodiscard]] const std::string& text() const noexcept { return text_; }

private:
    Palette palette_;
    std::string text_;
};

std::string cdat_summary(const CdatRecord& cdat) {
    if (cdat.length_bytes == 0 && cdat.problems.empty()) {
        return "not read yet";
    }
    auto summary =
        fmt::format("{}, revision {}, sequence {}, checksum {}, from the {}",
                    counted(cdat.length_bytes, "byte", "bytes"), cdat.revision, cdat.sequence,
                    checksum_text(cdat.checksum_valid), or_absent(cdat.source));
    if (!cdat.problems.empty()) {
        summary += ", " + counted(cdat.problems.size(), "problem", "problems");
    }
    return summary;
}

Tone tone_of_cdat(const CdatRecord& cdat) noexcept {
    return cdat.problems.empty() ? Tone::plain : Tone::doubtful;
}

std::string render_mailbox(const DeviceRecord& device, const MailboxRecord& mailbox,
                           const Palette& palette) {
    Fields fields(palette, "Mailbox " + mailbox_name(device, mailbox));
    fields.add("State", mailbox.state, tone_of_state(mailbox.state))
        .add("Owner", mailbox.owner, tone_of_owner(mailbox.owner))
        .add("Owner reason", or_absent(mailbox.owner_reason))
        .add("Backend", or_absent(mailbox.backend))
        .add("Completion", or_absent(mailbox.completion))
        .add("Version", std::to_string(mailbox.capability_version));
    std::string_view label = "Features";
    for (const auto& feature : mailbox.features) {
        fields.add(label, protocol_number(feature) + "  " + or_absent(feature.name));
        label = "";
    }
    if (mailbox.features.empty()) {
        fields.add(label, absent);
    }
    fields.add("Queue", counted(mailbox.queue_length, "request", "requests"))
        .add("Exchanges", fmt::format("{} answered, {} failed ({} timed out), {}",
                                      mailbox.exchanges, mailbox.errors, mailbox.timeouts,
                                      counted(mailbox.aborts, "abort", "aborts")))
        .add("Waits ended", fmt::format("{} by interrupt, {} by poll",
                                        mailbox.interrupt_completions, mailbox.poll_completions))
        .add("Config accesses",
             fmt::format("{} dwords read, {} written", mailbox.config_reads, mailbox.config_writes))
        .add("Last error", or_absent(mailbox.last_error),
             mailbox.last_error.empty() ? Tone::plain : Tone::doubtful);
    if (mailbox.cdat) {
        fields.add("CDAT", cdat_summary(*mailbox.cdat), tone_of_cdat(*mailbox.cdat));
    }
    return fields.text();
}

}  // namespace

std::string render_device_list(std::span<const DeviceRecord> devices, bool legend,
                               const Palette& palette) {
    TextTable lines{"DEVICE", "ID",    "DRIVER",     "MAILBOX",
                    "STATE",  "OWNER", "COMPLETION", "FEATURES"};
    constexpr std::size_t state_column = 4;
    constexpr std::size_t owner_column = 5;
    std::size_t mailboxes = 0;
    for (const auto& device : devices) {
        const auto id = fmt::format("{:04x}:{:04x}", device.vendor_id, device.device_id);
        mailboxes += device.mailboxes.size();
        for (const auto& mailbox : device.mailboxes) {
            lines.add({device.address, id, or_absent(device.driver),
                       fmt::format("{:x}", mailbox.offset), mailbox.state, mailbox.owner,
                       or_absent(mailbox.completion), or_absent(feature_names(mailbox.features))});
            lines.tint(state_column, tone_of_state(mailbox.state))
                .tint(owner_column, tone_of_owner(mailbox.owner));
        }
        if (device.mailboxes.empty()) {
            lines.add({device.address, id, or_absent(device.driver), std::string(absent)});
        }
    }
    if (!legend) {
        return lines.render(false, palette);
    }
    if (lines.empty()) {
        return "doed knows no device with a DOE mailbox.\n";
    }
    return fmt::format("{}\n{}, {}.\n", lines.render(true, palette),
                       counted(devices.size(), "device", "devices"),
                       counted(mailboxes, "mailbox", "mailboxes"));
}

std::string render_device(const DeviceRecord& device, const Palette& palette) {
    Fields fields(palette, "Device " + device.address);
    fields.add("Vendor, device", fmt::format("{:04x}:{:04x}", device.vendor_id, device.device_id));
    if (device.subsystem_vendor_id != 0 || device.subsystem_id != 0) {
        fields.add("Subsystem",
                   fmt::format("{:04x}:{:04x}", device.subsystem_vendor_id, device.subsystem_id));
    }
    fields.add("Class", fmt::format("{:06x}", device.class_code))
        .add("Driver", or_absent(device.driver))
        .add("NUMA node", or_absent(device.numa_node))
        .add("IOMMU group", or_absent(device.iommu_group));
    std::string text = fields.text();
    for (const auto& mailbox : device.mailboxes) {
        text += "\n" + render_mailbox(device, mailbox, palette);
    }
    return text;
}

std::string render_names(std::span<const DeviceRecord> devices) {
    std::string out;
    for (const auto& device : devices) {
        out += printable(device.address) + "\n";
        for (const auto& mailbox : device.mailboxes) {
            out += printable(mailbox_name(device, mailbox)) + "\n";
        }
    }
    return out;
}

std::string render_features(std::span<const Feature> features, bool legend) {
    TextTable lines{"PROTOCOL", "NAME"};
    for (const auto& feature : features) {
        lines.add({protocol_number(feature), or_absent(feature.name)});
    }
    if (!legend) {
        return lines.render(false);
    }
    return fmt::format("{}\n{}.\n", lines.render(true),
                       counted(features.size(), "protocol", "protocols"));
}

}  // namespace doed::client
