// SPDX-License-Identifier: Apache-2.0
#include "client/device_selector.hpp"

#include <algorithm>
#include <charconv>
#include <vector>

#include <fmt/format.h>

namespace doed::client {

namespace {

constexpr std::uint32_t last_config_offset = 0xFFF;
constexpr std::string_view see_list = "see what is there with: doectl list";

/// One to `max_digits` hexadecimal digits and nothing else.
std::optional<std::uint32_t> parse_hex(std::string_view digits, std::size_t max_digits) {
    std::uint32_t value = 0;
    if (digits.empty() || digits.size() > max_digits) {
        return std::nullopt;
    }
    const auto [end, error] =
        std::from_chars(digits.data(), digits.data() + digits.size(), value, 16);
    return error == std::errc{} && end == digits.data() + digits.size() ? std::optional(value)
                                                                        : std::nullopt;
}

std::optional<std::string> parse_address(std::string_view text) {
    const auto dot = text.rfind('.');
    const auto colon = text.substr(0, dot).rfind(':');
    if (dot == std::string_view::npos || colon == std::string_view::npos) {
        return std::nullopt;
    }
    auto bus_part = text.substr(0, colon);
    std::optional<std::uint32_t> domain = 0;
    if (const auto first = bus_part.find(':'); first != std::string_view::npos) {
        domain = parse_hex(bus_part.substr(0, first), 8);
        bus_part.remove_prefix(first + 1);
    }
    const auto bus = parse_hex(bus_part, 2);
    const auto device = parse_hex(text.substr(colon + 1, dot - colon - 1), 2);
    const auto function = parse_hex(text.substr(dot + 1), 1);
    if (!domain || !bus || !device || !function || *device > 0x1F || *function > 7) {
        return std::nullopt;
    }
    return fmt::format("{:04x}:{:02x}:{:02x}.{:x}", *domain, *bus, *device, *function);
}

std::optional<std::uint16_t> parse_offset(std::string_view text) {
    if (text.starts_with("0x") || text.starts_with("0X")) {
        text.remove_prefix(2);
    }
    const auto value = parse_hex(text, 4);
    return value && *value <= last_config_offset ? std::optional(static_cast<std::uint16_t>(*value))
                                                 : std::nullopt;
}

/// "0000:0d:00.0/190, 0000:0d:00.0/1a0"
std::string names_of(const DeviceRecord& device, std::span<const MailboxRecord* const> mailboxes) {
    std::vector<std::string> names;
    for (const MailboxRecord* mailbox : mailboxes) {
        names.push_back(mailbox_name(device, *mailbox));
    }
    return fmt::format("{}", fmt::join(names, ", "));
}

std::vector<const MailboxRecord*> mailboxes_of(
    const DeviceRecord& device, const std::function<bool(const MailboxRecord&)>& suitable) {
    std::vector<const MailboxRecord*> all;
    for (const auto& mailbox : device.mailboxes) {
        if (suitable(mailbox)) {
            all.push_back(&mailbox);
        }
    }
    return all;
}

}  // namespace

Outcome<DeviceSelector> DeviceSelector::parse(std::string_view text) {
    const auto slash = text.find('/');
    const auto address = parse_address(text.substr(0, slash));
    if (!address) {
        return failed(
            FailureKind::usage, fmt::format("'{}' names no device", text),
            "write [DOMAIN:]BUS:DEVICE.FUNCTION[/OFFSET], such as 0d:00.0 or 0000:0d:00.0/190");
    }
    DeviceSelector selector{*address, std::nullopt};
    if (slash != std::string_view::npos) {
        selector.offset = parse_offset(text.substr(slash + 1));
        if (!selector.offset) {
            return failed(FailureKind::usage, fmt::format("'{}' names no mailbox", text),
                          "after the slash comes the hexadecimal offset of its capability, 0 to "
                          "fff, such as " +
                              *address + "/190");
        }
    }
    return selector;
}

Outcome<const DeviceRecord*> select_device(std::span<const DeviceRecord> devices,
                                           const DeviceSelector& selector) {
    const auto found = std::ranges::find(devices, selector.address, &DeviceRecord::address);
    if (found != devices.end()) {
        return &*found;
    }
    const auto without_domain = [](const std::string& address) {
        return std::string_view(address).substr(address.find(':') + 1);
    };
    const auto elsewhere = std::ranges::find_if(devices, [&](const DeviceRecord& device) {
        return without_domain(device.address) == without_domain(selector.address);
    });
    return failed(
        FailureKind::not_found, "doed knows no device " + selector.address,
        elsewhere != devices.end() ? "there is " + elsewhere->address : std::string(see_list));
}

Outcome<MailboxSelection> select_at_offset(const DeviceRecord& device, std::uint16_t offset) {
    const auto found = std::ranges::find(device.mailboxes, offset, &MailboxRecord::offset);
    if (found != device.mailboxes.end()) {
        return MailboxSelection{&device, &*found};
    }
    const auto all = mailboxes_of(device, [](const MailboxRecord&) { return true; });
    return failed(FailureKind::not_found,
                  fmt::format("{} has no mailbox at {:x}", device.address, offset),
                  all.empty() ? std::string(see_list) : "there is " + names_of(device, all));
}

Outcome<MailboxSelection> select_mailbox(
    std::span<const DeviceRecord> devices, const DeviceSelector& selector, std::string_view purpose,
    const std::function<bool(const MailboxRecord&)>& suitable) {
    const auto device = select_device(devices, selector);
    if (!device) {
        return std::unexpected(device.error());
    }
    if (selector.offset) {
        return select_at_offset(**device, *selector.offset);
    }
    const auto candidates = mailboxes_of(**device, suitable);
    if (candidates.size() == 1) {
        return MailboxSelection{*device, candidates.front()};
    }
    if (candidates.empty()) {
        return failed(FailureKind::refused,
                      fmt::format("{} has no mailbox {}", (*device)->address, purpose),
                      "see what it has with: doectl show " + (*device)->address);
    }
    return failed(
        FailureKind::usage,
        fmt::format("{} has {} mailboxes {}", (*device)->address, candidates.size(), purpose),
        "name one of " + names_of(**device, candidates));
}

}  // namespace doed::client
