// SPDX-License-Identifier: Apache-2.0
//
// What a simulated device really answered, noted where it makes its answers, so that what comes out at the other end can
// be compared. Its table access responder also echoes, so that every request can be told from every other.
#pragma once

#include "emulator/faults/fault_injector.hpp"
#include "emulator/protocols/discovery_responder.hpp"
#include "emulator/protocols/responder.hpp"

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

namespace doed::sim {

/// In the low byte of the first payload dword of a table access request: the echo, which no device defines.
inline constexpr std::uint32_t echo_code = 0xEC;

/// The answer to an echo request: every dword inverted but the first, and then who answered.
[[nodiscard]] std::vector<std::uint32_t> echo_of(std::span<const std::uint32_t> request,
                                                 std::uint32_t device_tag);

class Truth {
public:
    using Payload = std::vector<std::uint32_t>;
    using Table = std::vector<std::uint8_t>;

    Truth(std::uint8_t capability_version, std::uint32_t device_tag, Table table);

    /// A table whose bytes depend on `tag`, of `structures` structures.
    [[nodiscard]] static Table make_table(std::uint32_t tag, unsigned structures);

    /// The responder for table access. Without `faults` it is sound.
    [[nodiscard]] std::unique_ptr<emulator::Responder> make_responder(
        std::shared_ptr<emulator::FaultInjector> faults);

    /// Answers to table access requests so far; each has the next number.
    [[nodiscard]] std::uint64_t answers() const noexcept { return answers_; }
    /// The last one.
    [[nodiscard]] const Payload& answer() const noexcept { return answer_; }
    /// What discovery must answer.
    [[nodiscard]] std::optional<Payload> discovery(std::span<const std::uint32_t> request) {
        return discovery_.respond(request);
    }
    [[nodiscard]] std::uint32_t device_tag() const noexcept { return device_tag_; }
    /// Whether the device ever served exactly this table.
    [[nodiscard]] bool was_served(const Table& table) const noexcept;

private:
    class Recorder;

    std::uint32_t device_tag_;
    emulator::DiscoveryResponder discovery_;
    std::vector<Table> tables_;  ///< in the order they were served
    std::uint64_t answers_ = 0;
    Payload answer_;
};

}  // namespace doed::sim
