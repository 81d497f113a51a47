// SPDX-License-Identifier: Apache-2.0
#include "daemon/config.hpp"

#include "base/json_reader.hpp"

#include <array>
#include <cstdint>
#include <system_error>
#include <utility>

#include <fmt/format.h>

namespace doed::daemon {

namespace {

using base::JsonChoice;
using base::JsonDocument;
using base::JsonObject;
using base::JsonValue;

constexpr std::array<JsonChoice<LogLevel>, 4> log_levels{{{"info", LogLevel::info},
                                                          {"error", LogLevel::error},
                                                          {"warning", LogLevel::warning},
                                                          {"debug", LogLevel::debug}}};

constexpr std::array<JsonChoice<OwnerChoice>, 4> owner_choices{{{"auto", OwnerChoice::automatic},
                                                                {"claim", OwnerChoice::claim},
                                                                {"kernel", OwnerChoice::kernel},
                                                                {"ignore", OwnerChoice::ignore}}};

constexpr std::uint32_t poll_us_max = 1'000'000;
constexpr std::uint32_t exchange_timeout_ms_min = 1'000;
constexpr std::uint32_t exchange_timeout_ms_max = 60'000;
constexpr std::uint32_t queue_limit_max = 4'096;
constexpr std::uint32_t queue_limit_in_all_max = 65'536;
constexpr std::uint32_t refresh_limit_max = 4'096;
constexpr std::uint32_t subscriber_limit_max = 4'096;
constexpr std::uint32_t event_queue_limit_max = 65'536;
constexpr std::uint32_t deadline_ms_max = 3'600'000;
constexpr std::uint32_t workers_max = 64;

/// Keys that stand at the top for all devices, and below a device for that one.
void read_driving(const JsonObject& object, DeviceConfig& device) {
    if (const auto value = object.find("interrupts")) {
        device.interrupts = value->boolean();
    }
    doe::MailboxOptions& options = device.mailbox;
    if (const auto value = object.find("poll_floor_us")) {
        options.poll.floor =
            std::chrono::microseconds(value->integer<std::uint32_t>(1, poll_us_max));
    }
    if (const auto value = object.find("poll_cap_us")) {
        options.poll.cap = std::chrono::microseconds(value->integer<std::uint32_t>(1, poll_us_max));
    }
    if (options.poll.cap < options.poll.floor) {
        object.find("poll_cap_us")
            .value_or(object.value())
            .refuse_because(fmt::format(
                "poll_cap_us is below poll_floor_us: {} and {} here, the defaults included",
                options.poll.cap / std::chrono::microseconds(1),
                options.poll.floor / std::chrono::microseconds(1)));
    }
    if (const auto value = object.find("exchange_timeout_ms")) {
        options.exchange_timeout = std::chrono::milliseconds(
            value->integer<std::uint32_t>(exchange_timeout_ms_min, exchange_timeout_ms_max));
    }
}

void read_limits(const JsonObject& object, Config& config) {
    if (const auto value = object.find("queue_limit")) {
        config.device_default.mailbox.queue_limit =
            value->integer<std::uint32_t>(1, queue_limit_max);
    }
    if (const auto value = object.find("queue_limit_per_client")) {
        config.limits.per_client = value->integer<std::uint32_t>(1, queue_limit_max);
    }
    if (const auto value = object.find("queue_limit_per_user")) {
        config.limits.per_user = value->integer<std::uint32_t>(1, queue_limit_max);
    }
    if (const auto value = object.find("queue_limit_in_all")) {
        config.limits.in_all = value->integer<std::uint32_t>(1, queue_limit_in_all_max);
    }
    if (const auto value = object.find("refresh_limit")) {
        config.refreshes.at_once = value->integer<std::uint32_t>(1, refresh_limit_max);
    }
    if (const auto value = object.find("subscriber_limit_per_user")) {
        config.events.subscribers_per_user = value->integer<std::uint32_t>(1, subscriber_limit_max);
    }
    if (const auto value = object.find("subscriber_limit_in_all")) {
        config.events.subscribers_in_all = value->integer<std::uint32_t>(1, subscriber_limit_max);
    }
    if (const auto value = object.find("event_queue_limit")) {
        config.events.queue = value->integer<std::uint32_t>(1, event_queue_limit_max);
    }
}

void read_disabled(const JsonValue& list, doe::AllowList& allowed) {
    for (const auto& entry : list.array()) {
        const auto protocol = doe::Protocol::parse(entry.string());
        if (!protocol || !allowed.remove(*protocol)) {
            entry.refuse("a protocol that can be taken away, such as \"1e98:02\"");
        }
    }
}

void read_devices(const JsonValue& devices, Config& config) {
    for (const auto& [key, value] : devices.members()) {
        const auto address = pci::Address::parse(key);
        if (!address) {
            // The place says which.
            value.refuse_because("the key is not a PCI address such as \"0000:0d:00.0\"");
            continue;
        }
        const auto object = value.object(
            {"owner", "interrupts", "poll_floor_us", "poll_cap_us", "exchange_timeout_ms"});
        DeviceConfig device = config.device_default;
        if (const auto owner = object.find("owner")) {
            device.owner = owner->choice(std::span<const JsonChoice<OwnerChoice>>(owner_choices));
        }
        read_driving(object, device);
        if (!config.devices.emplace(*address, device).second) {
            value.refuse_because("this device is named twice");
        }
    }
}

base::Result<Config> read(const JsonDocument& document) {
    Config config;
    const auto root = document.root().object(
        {"log_level", "workers", "interrupts", "poll_floor_us", "poll_cap_us",
         "exchange_timeout_ms", "queue_limit", "queue_limit_per_client", "queue_limit_per_user",
         "queue_limit_in_all", "refresh_limit", "subscriber_limit_per_user",
         "subscriber_limit_in_all", "event_queue_limit", "default_deadline_ms", "disable_protocols",
         "reader_group", "devices"});
    if (const auto value = root.find("log_level")) {
        config.log_level = value->choice(std::span<const JsonChoice<LogLevel>>(log_levels));
    }
    if (const auto value = root.find("workers")) {
        config.workers = value->integer<std::uint32_t>(1, workers_max);
    }
    read_limits(root, config);
    if (const auto value = root.find("reader_group")) {
        config.reader_group = value->string();
        if (config.reader_group.empty()) {
            value->refuse("the name of a group");
        }
    }
    if (const auto value = root.find("default_deadline_ms")) {
        config.default_deadline =
            std::chrono::milliseconds(value->integer<std::uint32_t>(1, deadline_ms_max));
    }
    read_driving(root, config.device_default);
    if (const auto value = root.find("disable_protocols")) {
        read_disabled(*value, config.allowed);
    }
    if (const auto value = root.find("devices")) {
        read_devices(*value, config);
    }
    if (auto good = document.check(); !good) {
        return std::unexpected(good.error());
    }
    return config;
}

}  // namespace

const DeviceConfig& Config::device(const pci::Address& address) const {
    const auto found = devices.find(address);
    return found == devices.end() ? device_default : found->second;
}

base::Result<Config> Config::load(const std::filesystem::path& file) {
    const auto document = JsonDocument::load(file);
    return document ? read(*document) : std::unexpected(document.error());
}

base::Result<Config> Config::parse(std::string_view text, std::string name) {
    const auto document = JsonDocument::parse(text, std::move(name));
    return document ? read(*document) : std::unexpected(document.error());
}

Startup<Config> load_config(const std::optional<std::filesystem::path>& file) {
    auto read = Config::load(file.value_or(default_config_file));
    if (!read) {
        // Only what is not there may be done without; what may not be read could say anything.
        if (!file && read.error().code() == base::Errc::not_found) {
            return Config{};
        }
        return file_failure(read.error());
    }
    return std::move(*read);
}

}  // namespace doed::daemon
