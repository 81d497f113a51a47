// SPDX-License-Identifier: Apache-2.0
//
// What doed does for a client, as far as doectl asks for it. LibdoedService does it; tests put a table in its place.
// Objects are named by the paths in their records. Calls block until answered or timed out.
#pragma once

#include "base/unique_fd.hpp"
#include "client/events.hpp"
#include "client/failure.hpp"
#include "client/records.hpp"

#include <chrono>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include <poll.h>

namespace doed::client {

class Service {
public:
    Service() = default;
    Service(const Service&) = delete;
    Service& operator=(const Service&) = delete;
    virtual ~Service() = default;

    /// Every device, in the order of addresses, with its mailboxes.
    [[nodiscard]] virtual Outcome<std::vector<DeviceRecord>> devices() = 0;
    /// Asks the device for its protocols.
    [[nodiscard]] virtual Outcome<std::vector<Feature>> discover(
        const std::string& mailbox_path) = 0;
    /// The raw table, of any size; with `refresh` it is read from the device now.
    [[nodiscard]] virtual Outcome<std::vector<std::uint8_t>> table(const std::string& mailbox_path,
                                                                   bool refresh) = 0;
    /// The JSON document of doed's copy of the table, as doed made it; empty when it is too long for a message, or doed is
    /// older than this method.
    [[nodiscard]] virtual Outcome<std::string> table_document(const std::string& mailbox_path) = 0;
    /// The flight recorder's JSON document, as doed made it.
    [[nodiscard]] virtual Outcome<std::string> trace(const std::string& mailbox_path) = 0;
    /// Aborts what the mailbox is doing; done when it is claimed anew.
    [[nodiscard]] virtual Outcome<void> reset(const std::string& mailbox_path) = 0;
    /// Borrows the mailbox until the descriptor is closed.
    [[nodiscard]] virtual Outcome<base::UniqueFd> release(const std::string& mailbox_path) = 0;
    /// The properties of doed's copy of the table.
    [[nodiscard]] virtual Outcome<CdatRecord> cdat(const std::string& mailbox_path) = 0;

    /// Hands every event to `take`, until that returns false or one of `ends` has something to say: the poll(2) events asked
    /// for, or an error. `take` may make calls, which fail soon after that. A doed that goes away is waited for.
    [[nodiscard]] virtual Outcome<void> follow(const std::function<bool(const Event&)>& take,
                                               std::span<const pollfd> ends) = 0;

    /// Whether polkit may ask a person in the calls that follow; not before the first time.
    virtual void allow_interaction(bool allowed) = 0;
    /// What to call several times a second while a call is waited for, with how long that has been; empty: nothing.
    virtual void on_wait(std::function<void(std::chrono::microseconds)> tell) = 0;
};

}  // namespace doed::client
