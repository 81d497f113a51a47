// SPDX-License-Identifier: Apache-2.0
//
// Packets over a SOCK_SEQPACKET connection, each with at most one descriptor. Both ends of doed's connection to its opener.
#pragma once

#include "base/result.hpp"
#include "base/unique_fd.hpp"

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace doed::daemon::opener {

struct Packet {
    std::vector<std::uint8_t> bytes;
    base::UniqueFd file;     ///< the first descriptor that came with it
    std::size_t files = 0;   ///< how many came; those behind the first are closed
    bool truncated = false;  ///< there was more than was asked for
};

/// Errors: io (the other end is gone).
[[nodiscard]] base::Result<void> send_packet(const base::UniqueFd& socket,
                                             std::span<const std::uint8_t> bytes,
                                             const base::UniqueFd& file = base::UniqueFd());

/// Waits for the next packet; empty bytes mean that the other end has closed, or sent nothing. Error: io.
[[nodiscard]] base::Result<Packet> receive_packet(const base::UniqueFd& socket,
                                                  std::size_t size_max_bytes);

}  // namespace doed::daemon::opener
