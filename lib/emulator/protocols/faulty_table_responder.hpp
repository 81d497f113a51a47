// SPDX-License-Identifier: Apache-2.0
//
// CXL Table Access of a mailbox with a fault script: the table changes between two requests, handles lead in a circle or
// nowhere, the checksum is wrong. Otherwise the same as TableAccessResponder.
#pragma once

#include "emulator/faults/fault_injector.hpp"
#include "emulator/protocols/table_access_responder.hpp"

#include <memory>

namespace doed::emulator {

class FaultyTableResponder final : public Responder {
public:
    /// `faults` is that of the mailbox the responder belongs to.
    FaultyTableResponder(std::vector<std::uint8_t> table, std::shared_ptr<FaultInjector> faults);

    [[nodiscard]] doe::Protocol protocol() const noexcept override {
        return doe::protocol_table_access;
    }
    [[nodiscard]] std::optional<std::vector<std::uint32_t>> respond(
        std::span<const std::uint32_t> request) override;

    /// As it is served now.
    [[nodiscard]] std::span<const std::uint8_t> table() const noexcept { return table_; }

private:
    void change_table();

    std::vector<std::uint8_t> table_;
    TableAccessResponder sound_;  ///< serves `table_`
    std::shared_ptr<FaultInjector> faults_;
};

}  // namespace doed::emulator
