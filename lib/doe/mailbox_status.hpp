// SPDX-License-Identifier: Apache-2.0
//
// What a Mailbox tells the outside about itself: a plain value that can be handed to another thread.
#pragma once

#include "base/error.hpp"
#include "base/scheduler.hpp"
#include "doe/protocol.hpp"

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace doed::doe {

enum class MailboxState : std::uint8_t {
    starting,  ///< being claimed: abort, then discovery
    idle,
    busy,      ///< an operation is running
    aborting,  ///< an exchange went wrong and is being aborted
    dead,      ///< abort or discovery failed; tried again after a pause
    kernel,    ///< the kernel has taken the device; nothing is touched any more; final
    gone,      ///< the device does not answer any more; final
    closed,    ///< given up by its owner; final
};

/// "starting", "idle", ...: the State property.
[[nodiscard]] std::string_view to_string(MailboxState state) noexcept;

/// How the end of an exchange is noticed.
enum class Completion : std::uint8_t { poll, interrupt };

/// "poll", "interrupt": the Completion property.
[[nodiscard]] std::string_view to_string(Completion completion) noexcept;

struct MailboxCounters {
    std::uint64_t exchanges = 0;  ///< that ended with a response
    std::uint64_t aborts = 0;
    std::uint64_t timeouts = 0;
    std::uint64_t errors = 0;  ///< exchanges that ended without a response, timeouts included
    std::uint64_t interrupt_completions = 0;
    std::uint64_t poll_completions = 0;
    std::uint64_t config_reads = 0;   ///< dword accesses
    std::uint64_t config_writes = 0;  ///< dword accesses

    friend bool operator==(const MailboxCounters&, const MailboxCounters&) = default;
};

/// An exchange that ended without a response.
struct ExchangeFailure {
    Protocol protocol;
    base::Errc code{};
    std::string detail;  ///< the cause, for people; without the mailbox's name
};

struct MailboxStatus {
    MailboxState state = MailboxState::starting;
    Completion completion = Completion::poll;
    base::Duration poll_floor{};     ///< shortest pause between looks, as configured or as learned
    std::vector<Protocol> features;  ///< as discovered, also those that are not served
    std::uint32_t queue_length = 0;  ///< submissions that have no answer yet
    MailboxCounters counters;
    std::string last_error;  ///< empty when nothing has gone wrong since the claim
    /// The last one, null before the first. Each has a status of its own, and another address than the one before.
    std::shared_ptr<const ExchangeFailure> failure;
};

}  // namespace doed::doe
