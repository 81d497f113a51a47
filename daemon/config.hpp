// SPDX-License-Identifier: Apache-2.0
//
// The configuration file: JSON, every key optional, unknown keys and wrong types refused. The keys,
// with range, unit and default:
//   log_level            "error", "warning", "info", "debug"        default "info"
//   workers              1..64 threads that access config space     default 4
//                        (to begin with: more are started while devices block all of them)
//   poll_floor_us        1..1000000, shortest pause between polls   default 50
//   poll_cap_us          poll_floor_us..1000000, longest pause      default 4000; but see doed.json(5)
//   exchange_timeout_ms  1000..60000, a device's time to respond    default 1000 (PCIe r6.2 6.30.2)
//   interrupts           true, false: use them where VFIO has them  default true
//   queue_limit          1..4096 requests per mailbox               default 64
//   queue_limit_per_client  1..4096 requests of one bus connection  default 16
//   queue_limit_per_user    1..4096 requests of one user            default 32
//   queue_limit_in_all      1..65536 requests                       default 512
//   refresh_limit           1..4096 refreshes of one user at once   default 10
//   subscriber_limit_per_user  1..4096 subscriptions to events of one user  default 8
//   subscriber_limit_in_all    1..4096 subscriptions to events      default 64
//   event_queue_limit       1..65536 events that wait for one of them  default 256
//   reader_group         group whose members may read devices       default "doe"
//   default_deadline_ms  1..3600000, of a call that names none      default 20000
//   disable_protocols    ["1e98:02", ...] taken off the allow-list  default []
//   devices              {"0000:0d:00.0": {...}, ...}, each with
//     owner              "auto", "claim", "kernel", "ignore"        default "auto"
//     interrupts, poll_floor_us, poll_cap_us, exchange_timeout_ms as above, default as above
#pragma once

#include "base/result.hpp"
#include "daemon/bus/clients.hpp"
#include "daemon/bus/gatekeeper.hpp"
#include "daemon/events/event_limits.hpp"
#include "daemon/exit_code.hpp"
#include "daemon/log.hpp"
#include "daemon/ownership.hpp"
#include "doe/mailbox.hpp"
#include "doe/protocol.hpp"
#include "pci/address.hpp"

#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>

namespace doed::daemon {

inline constexpr char default_config_file[] = "/etc/doed/doed.json";

struct DeviceConfig {
    OwnerChoice owner = OwnerChoice::automatic;
    bool interrupts = true;
    doe::MailboxOptions mailbox;
};

struct Config {
    LogLevel log_level = LogLevel::info;
    unsigned workers = 4;
    bus::RequestLimits limits;
    bus::RefreshLimits refreshes;
    EventLimits events;
    std::string reader_group = "doe";
    base::Duration default_deadline = std::chrono::seconds(20);
    doe::AllowList allowed;
    DeviceConfig device_default;
    std::map<pci::Address, DeviceConfig> devices;  ///< those that the file names

    [[nodiscard]] const DeviceConfig& device(const pci::Address& address) const;

    /// Errors: those of reading the file; invalid_argument, with file, place and what was expected.
    [[nodiscard]] static base::Result<Config> load(const std::filesystem::path& file);
    /// The same from memory; `name` stands for the file in messages.
    [[nodiscard]] static base::Result<Config> parse(std::string_view text, std::string name);
};

/// What holds: the file that is named, else the default one where it exists, else the defaults. Failure: usage.
[[nodiscard]] Startup<Config> load_config(const std::optional<std::filesystem::path>& file);

}  // namespace doed::daemon
