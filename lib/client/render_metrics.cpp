// SPDX-License-Identifier: Apache-2.0
#include "client/render_metrics.hpp"

#include <cstdint>
#include <iterator>
#include <optional>
#include <string_view>

#include <fmt/format.h>

namespace doed::client {

namespace {

constexpr std::uint64_t dword_size_bytes = 4;

/// Texts that came over the bus are UTF-8, as the format wants them.
std::string label_value(std::string_view text) {
    std::string out;
    for (const char c : text) {
        switch (c) {
            case '\\': out += R"(\\)"; break;
            case '"': out += R"(\")"; break;
            case '\n': out += R"(\n)"; break;
            default: out += c;
        }
    }
    return out;
}

struct Family {
    std::string_view name;
    std::string_view type;
    std::string_view help;
    /// Nothing: this mailbox has no sample.
    std::optional<std::uint64_t> (*value)(const MailboxRecord& mailbox);
};

// clang-format off
constexpr Family families[] = {
    {"doed_mailbox_exchanges_total", "counter", "Exchanges that were answered.",
     [](const MailboxRecord& m) { return std::optional(m.exchanges); }},
    {"doed_mailbox_errors_total", "counter", "Exchanges that ended without a response, timeouts included.",
     [](const MailboxRecord& m) { return std::optional(m.errors); }},
    {"doed_mailbox_timeouts_total", "counter", "Exchanges that the device did not answer in time.",
     [](const MailboxRecord& m) { return std::optional(m.timeouts); }},
    {"doed_mailbox_aborts_total", "counter", "Aborts written to the mailbox.",
     [](const MailboxRecord& m) { return std::optional(m.aborts); }},
    {"doed_mailbox_interrupt_completions_total", "counter", "Responses that an interrupt told of.",
     [](const MailboxRecord& m) { return std::optional(m.interrupt_completions); }},
    {"doed_mailbox_poll_completions_total", "counter", "Responses that a look at the device found.",
     [](const MailboxRecord& m) { return std::optional(m.poll_completions); }},
    {"doed_mailbox_config_read_bytes_total", "counter", "Bytes read from config space for the mailbox.",
     [](const MailboxRecord& m) { return std::optional(m.config_reads * dword_size_bytes); }},
    {"doed_mailbox_config_written_bytes_total", "counter", "Bytes written to config space for the mailbox.",
     [](const MailboxRecord& m) { return std::optional(m.config_writes * dword_size_bytes); }},
    {"doed_mailbox_queue_length", "gauge", "Requests that wait for the mailbox.",
     [](const MailboxRecord& m) { return std::optional<std::uint64_t>(m.queue_length); }},
    {"doed_cdat_length_bytes", "gauge", "Length of the CDAT that doed has a copy of, 0 before it is read.",
     [](const MailboxRecord& m) { return m.cdat ? std::optional<std::uint64_t>(m.cdat->length_bytes) : std::nullopt; }},
    {"doed_cdat_problems", "gauge", "Problems of that CDAT, notices included.",
     [](const MailboxRecord& m) { return m.cdat ? std::optional<std::uint64_t>(m.cdat->problems.size()) : std::nullopt; }},
};
// clang-format on

constexpr std::string_view info_name = "doed_mailbox_info";
constexpr std::string_view info_help =
    "Always 1: state, owner, backend, completion and driver are in the labels.";

void add_head(std::string& out, std::string_view name, std::string_view help,
              std::string_view type) {
    fmt::format_to(std::back_inserter(out), "# HELP {0} {1}\n# TYPE {0} {2}\n", name, help, type);
}

/// The labels that every sample has, without the closing brace.
std::string labels(const DeviceRecord& device, const MailboxRecord& mailbox) {
    return fmt::format(R"({{device="{}",mailbox="{:x}",vendor_id="{:04x}",device_id="{:04x}")",
                       label_value(device.address), mailbox.offset, device.vendor_id,
                       device.device_id);
}

template <typename Add>
void for_each_mailbox(std::span<const DeviceRecord> devices, const Add& add) {
    for (const auto& device : devices) {
        for (const auto& mailbox : device.mailboxes) {
            add(device, mailbox);
        }
    }
}

std::string render_family(const Family& family, std::span<const DeviceRecord> devices) {
    std::string samples;
    for_each_mailbox(devices, [&](const DeviceRecord& device, const MailboxRecord& mailbox) {
        if (const auto value = family.value(mailbox)) {
            fmt::format_to(std::back_inserter(samples), "{}{}}} {}\n", family.name,
                           labels(device, mailbox), *value);
        }
    });
    if (samples.empty()) {
        return samples;
    }
    std::string out;
    add_head(out, family.name, family.help, family.type);
    return out + samples;
}

std::string render_info(std::span<const DeviceRecord> devices) {
    std::string out;
    for_each_mailbox(devices, [&](const DeviceRecord& device, const MailboxRecord& mailbox) {
        if (out.empty()) {
            add_head(out, info_name, info_help, "gauge");
        }
        fmt::format_to(std::back_inserter(out),
                       R"({}{},state="{}",owner="{}",backend="{}",completion="{}",driver="{}"}} 1)"
                       "\n",
                       info_name, labels(device, mailbox), label_value(mailbox.state),
                       label_value(mailbox.owner), label_value(mailbox.backend),
                       label_value(mailbox.completion), label_value(device.driver));
    });
    return out;
}

}  // namespace

std::string render_metrics(std::span<const DeviceRecord> devices) {
    std::string out = render_info(devices);
    for (const auto& family : families) {
        out += render_family(family, devices);
    }
    return out;
}

}  // namespace doed::client
