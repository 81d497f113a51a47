// SPDX-License-Identifier: Apache-2.0
//
// CXL Table Access (1E98:02, CXL r3.1 8.1.11.1): gives out a CDAT entry by entry. Entry 0 is the 16-byte header, each
// further entry one structure; the entry's index is its handle.
//
// The table is served as it is, also a broken one: from the first structure whose length cannot be right on, the rest
// comes in pieces of at most 65,532 bytes. Requests for other tables and for handles that do not exist are not answered.
#pragma once

#include "emulator/protocols/responder.hpp"

namespace doed::emulator {

class TableAccessResponder final : public Responder {
public:
    explicit TableAccessResponder(std::span<const std::uint8_t> table);

    [[nodiscard]] doe::Protocol protocol() const noexcept override {
        return doe::protocol_table_access;
    }
    [[nodiscard]] std::optional<std::vector<std::uint32_t>> respond(
        std::span<const std::uint32_t> request) override;

    /// From now on gives out `table`.
    void serve(std::span<const std::uint8_t> table);
    /// Entries the table was split into, the header among them.
    [[nodiscard]] std::size_t entry_count() const noexcept { return entries_.size(); }

private:
    /// Payload dwords after the first, by handle; the last dword of an entry is padded with zeros.
    std::vector<std::vector<std::uint32_t>> entries_;
};

}  // namespace doed::emulator
