// SPDX-License-Identifier: Apache-2.0
//
// The bus that doed is asked on: the system's or the session's, one at an address, or the system bus of another host, over
// ssh. A file descriptor does not pass over ssh.
#pragma once

#include "client/failure.hpp"

#include <string>
#include <utility>

namespace doed::client {

class BusPlace {
public:
    /// `where`: "system", "session" or a D-Bus address.
    explicit BusPlace(std::string where) : where_(std::move(where)) {}

    /// The system bus of [USER@]HOST[:PORT], carried over by systemd-stdio-bridge, which ssh runs there. Failure: usage, for
    /// what would be an option of ssh.
    [[nodiscard]] static Outcome<BusPlace> on_host(const std::string& host);

    /// As given; on another host, "system".
    [[nodiscard]] const std::string& where() const noexcept { return where_; }
    /// Empty: this one.
    [[nodiscard]] const std::string& host() const noexcept { return host_; }
    [[nodiscard]] bool is_remote() const noexcept { return !host_.empty(); }

    /// For messages: "the system bus", "the session bus", "the bus at ADDRESS", "the system bus of HOST".
    [[nodiscard]] std::string text() const;

    /// A failure whose advice holds for this bus.
    [[nodiscard]] Failure advise(const Failure& failure) const;

    /// The failure of what takes a descriptor on a remote bus; `what` completes "cannot ...", `command` is doectl's that would
    /// do it over there.
    [[nodiscard]] Failure no_descriptors(const std::string& what, const std::string& command) const;

private:
    std::string where_;
    std::string host_;  ///< empty: this host
};

}  // namespace doed::client
