// SPDX-License-Identifier: Apache-2.0
#include "emulator/protocols/faulty_table_responder.hpp"

#include "base/assert.hpp"
#include "emulator/protocols/changing_table.hpp"

#include <utility>

namespace doed::emulator {

namespace {

constexpr std::uint32_t handle_mask = 0xFFFF0000;
constexpr std::uint32_t first_structure = 1U << 16;
constexpr std::uint32_t nowhere = 0xFFFEU << 16;

// Of the response to handle 0: the dword with Revision and Checksum.
constexpr std::size_t checksum_dword = 2;
constexpr std::uint32_t one_in_checksum = 1U << 8;
constexpr std::uint32_t checksum_mask = 0xFFU << 8;

void set_handle(std::uint32_t& dword, std::uint32_t handle) {
    dword = (dword & ~handle_mask) | handle;
}

}  // namespace

FaultyTableResponder::FaultyTableResponder(std::vector<std::uint8_t> table,
                                           std::shared_ptr<FaultInjector> faults)
    : table_(std::move(table)), sound_(table_), faults_(std::move(faults)) {
    DOED_ASSERT(faults_ != nullptr);
}

std::optional<std::vector<std::uint32_t>> FaultyTableResponder::respond(
    std::span<const std::uint32_t> request) {
    change_table();
    auto response = sound_.respond(request);
    if (!response) {
        return response;
    }
    const bool is_header = (request[0] & handle_mask) == 0;
    if (is_header && response->size() > checksum_dword &&
        faults_->strike(FaultKind::table_checksum_wrong)) {
        std::uint32_t& dword = (*response)[checksum_dword];
        dword = (dword & ~checksum_mask) | ((dword + one_in_checksum) & checksum_mask);
    }
    if (!is_header && faults_->strike(FaultKind::table_handle_loops)) {
        set_handle(response->front(), first_structure);
    } else if (faults_->strike(FaultKind::table_handle_nowhere)) {
        set_handle(response->front(), nowhere);
    }
    return response;
}

void FaultyTableResponder::change_table() {
    if (faults_->strike(FaultKind::table_changes)) {
        table_ = with_next_content(table_);
    } else if (faults_->strike(FaultKind::table_sequence_changes)) {
        table_ = with_next_sequence(table_);
    } else {
        return;
    }
    sound_.serve(table_);
}

}  // namespace doed::emulator
