// SPDX-License-Identifier: Apache-2.0
#include "client/render_stats.hpp"

#include "client/text.hpp"

#include <cstddef>
#include <cstdint>
#include <iterator>
#include <utility>
#include <vector>

#include <fmt/format.h>

namespace doed::client {

namespace {

struct Column {
    std::uint64_t MailboxRecord::* counter;
    Tone tone = Tone::plain;  ///< unless it is 0
};

constexpr Column columns[] = {
    {&MailboxRecord::exchanges},
    {&MailboxRecord::errors, Tone::doubtful},
    {&MailboxRecord::timeouts, Tone::doubtful},
    {&MailboxRecord::aborts},
    {&MailboxRecord::interrupt_completions},
    {&MailboxRecord::poll_completions},
    {&MailboxRecord::config_reads},
    {&MailboxRecord::config_writes},
};

}  // namespace

std::string render_stats(std::span<const DeviceRecord> devices, bool legend,
                         const Palette& palette) {
    TextTable lines{"MAILBOX", "STATE",        "ANSWERED", "FAILED", "TIMED OUT",
                    "ABORTS",  "BY INTERRUPT", "BY POLL",  "READS",  "WRITES"};
    constexpr std::size_t state_column = 1;
    std::size_t mailboxes = 0;
    MailboxRecord sum;
    for (const auto& device : devices) {
        for (const auto& mailbox : device.mailboxes) {
            ++mailboxes;
            std::vector<std::string> cells{mailbox_name(device, mailbox), mailbox.state};
            for (const auto& column : columns) {
                cells.push_back(std::to_string(mailbox.*column.counter));
                sum.*column.counter += mailbox.*column.counter;
            }
            lines.add(std::move(cells));
            lines.tint(state_column, tone_of_state(mailbox.state));
            for (std::size_t i = 0; i < std::size(columns); ++i) {
                if (mailbox.*columns[i].counter != 0) {
                    lines.tint(state_column + 1 + i, columns[i].tone);
                }
            }
        }
    }
    if (!legend) {
        return lines.render(false, palette);
    }
    if (lines.empty()) {
        return "doed knows no DOE mailbox here.\n";
    }
    return fmt::format(
        "{}\n{}: {} answered, {} failed. Reads and writes are dwords of config space.\n",
        lines.render(true, palette), counted(mailboxes, "mailbox", "mailboxes"),
        counted(sum.exchanges, "exchange", "exchanges"), sum.errors);
}

}  // namespace doed::client
