// SPDX-License-Identifier: Apache-2.0
//
// What doed and its opener say to each other, all of it. The opener is a process that may open what only root may; doed
// asks it, over one SOCK_SEQPACKET connection, one packet a request and one a reply. Numbers are little-endian.
//
// Request, 16 bytes:
//   0  u32  id           doed's choice; comes back in the reply
//   4  u8   command      1 find, 2 open
//   5  u8   file         pci::RootFile; 0 for find
//   6  u16  zero
//   8  u32  domain       of the function's address
//   12 u8   bus
//   13 u8   device       0..31
//   14 u8   function     0..7
//   15 u8   zero
// Reply, 8 bytes and what follows:
//   0  u32  id
//   4  u16  status       0 done, else base::Errc + 1
//   6  u16  text size    at most 1024, bytes
//   8       text         of an error: its context; of find: the defect of the capability chain
//      find, done:  u8 flags (bit 0: lasting, bit 1: config space is writable), u8 count, count times
//                   {u16 offset, u8 capability version}
//      open, done:  nothing more, and exactly one descriptor (SCM_RIGHTS)
// Requests may overlap; replies come in any order. A path is in neither. Whoever says anything else is cut off.
#pragma once

#include "base/result.hpp"
#include "pci/address.hpp"
#include "pci/opener.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace doed::daemon::opener {

inline constexpr std::size_t request_size_bytes = 16;
inline constexpr std::size_t reply_size_max_bytes = 2048;
inline constexpr std::size_t text_size_max_bytes = 1024;

enum class Command : std::uint8_t { find = 1, open = 2 };

struct Request {
    std::uint32_t id = 0;
    Command command = Command::find;
    pci::RootFile file{};  ///< of open
    pci::Address address;

    friend bool operator==(const Request&, const Request&) = default;
};

/// What came back, but for a descriptor. Empty mailboxes for open.
struct Reply {
    std::uint32_t id = 0;
    std::optional<base::Error> error;  ///< nothing: done
    pci::FoundMailboxes found;
};

[[nodiscard]] std::vector<std::uint8_t> encode(const Request& request);
/// Error: malformed, for anything but the 16 bytes above.
[[nodiscard]] base::Result<Request> parse_request(std::span<const std::uint8_t> packet);

/// `command` is the request's. Texts that are too long are cut, and so is a list of more than 255 mailboxes.
[[nodiscard]] std::vector<std::uint8_t> encode(const Reply& reply, Command command);
/// Error: malformed.
[[nodiscard]] base::Result<Reply> parse_reply(std::span<const std::uint8_t> packet,
                                              Command command);
/// The id alone, to find the request that the reply belongs to. Error: malformed.
[[nodiscard]] base::Result<std::uint32_t> parse_reply_id(std::span<const std::uint8_t> packet);

}  // namespace doed::daemon::opener
