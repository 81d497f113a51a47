// SPDX-License-Identifier: Apache-2.0
//
// What every command of doectl has in common: it asks the Service, and returns all of its output or a failure. Nothing
// is written before the command is done, so that no output is ever cut short by an error.
#pragma once

#include "client/failure.hpp"
#include "client/palette.hpp"
#include "client/render_json.hpp"
#include "client/service.hpp"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace doed::client {

struct OutputOptions {
    std::optional<JsonStyle> json;  ///< for people when absent
    bool legend = true;             ///< column titles and sums
    Palette palette;                ///< of text for people
};

struct CommandOutput {
    std::string text;                   ///< or bytes
    std::optional<std::string> file;    ///< where to; standard output when absent or "-"
    std::vector<std::string> warnings;  ///< for standard error, a line each
    int exit_status = 0;                ///< of doectl, when nothing else goes wrong
};

/// The text as output that goes to standard output.
[[nodiscard]] Outcome<CommandOutput> printed(Outcome<std::string> text);

/// Service::devices(), its failures saying what they prevented.
[[nodiscard]] Outcome<std::vector<DeviceRecord>> list_devices(Service& service);

/// The device that a user names, with all of its mailboxes or with the one that is named.
[[nodiscard]] Outcome<DeviceRecord> find_device(Service& service, std::string_view device);

/// The path and name of the mailbox that a user names; `purpose` as for select_mailbox().
struct NamedMailbox {
    std::string path;
    std::string name;  ///< "0000:0d:00.0/190"
};
[[nodiscard]] Outcome<NamedMailbox> find_mailbox(Service& service, std::string_view device,
                                                 std::string_view purpose);

}  // namespace doed::client
