// SPDX-License-Identifier: Apache-2.0
#include "sim/truth.hpp"

#include "cdat/table_builder.hpp"
#include "emulator/protocols/faulty_table_responder.hpp"
#include "emulator/protocols/table_access_responder.hpp"

#include <algorithm>
#include <utility>

namespace doed::sim {

namespace {

constexpr std::uint8_t type_dslbis = 1;
constexpr std::uint8_t dslbis_size_bytes = 24;

std::vector<std::uint8_t> dslbis(std::uint32_t tag, unsigned number) {
    std::vector<std::uint8_t> structure(dslbis_size_bytes);
    structure[0] = type_dslbis;
    structure[2] = dslbis_size_bytes;
    structure[4] = static_cast<std::uint8_t>(number);
    for (unsigned i = 0; i < 4; ++i) {
        structure[16 + i] = static_cast<std::uint8_t>(tag >> (8 * i));
    }
    structure[20] = static_cast<std::uint8_t>(number + 1);
    return structure;
}

}  // namespace

std::vector<std::uint32_t> echo_of(std::span<const std::uint32_t> request,
                                   std::uint32_t device_tag) {
    std::vector<std::uint32_t> answer(request.begin(), request.end());
    for (std::uint32_t& dword : std::span(answer).subspan(1)) {
        dword = ~dword;
    }
    answer.push_back(device_tag);
    return answer;
}

/// Table access with an echo; notes what it answers.
class Truth::Recorder final : public emulator::Responder {
public:
    Recorder(Truth& truth, std::shared_ptr<emulator::FaultInjector> faults)
        : truth_(truth), sound_(truth.tables_.back()) {
        if (faults) {
            faulty_ = std::make_unique<emulator::FaultyTableResponder>(truth.tables_.back(),
                                                                       std::move(faults));
        }
    }

    [[nodiscard]] doe::Protocol protocol() const noexcept override {
        return doe::protocol_table_access;
    }
    [[nodiscard]] std::optional<std::vector<std::uint32_t>> respond(
        std::span<const std::uint32_t> request) override {
        auto answer = find_answer(request);
        if (answer) {
            ++truth_.answers_;
            truth_.answer_ = *answer;
        }
        return answer;
    }

private:
    std::optional<std::vector<std::uint32_t>> find_answer(std::span<const std::uint32_t> request) {
        if (!request.empty() && (request[0] & 0xFF) == echo_code) {
            return echo_of(request, truth_.device_tag_);
        }
        if (!faulty_) {
            return sound_.respond(request);
        }
        auto answer = faulty_->respond(request);
        const auto table = faulty_->table();
        if (!std::ranges::equal(table, truth_.tables_.back())) {
            truth_.tables_.emplace_back(table.begin(), table.end());
        }
        return answer;
    }

    Truth& truth_;
    emulator::TableAccessResponder sound_;
    std::unique_ptr<emulator::FaultyTableResponder> faulty_;
};

Truth::Truth(std::uint8_t capability_version, std::uint32_t device_tag, Table table)
    : device_tag_(device_tag),
      discovery_(capability_version, {doe::protocol_table_access}),
      tables_{std::move(table)} {}

Truth::Table Truth::make_table(std::uint32_t tag, unsigned structures) {
    std::vector<std::vector<std::uint8_t>> parts;
    for (unsigned i = 0; i < structures; ++i) {
        parts.push_back(dslbis(tag, i));
    }
    return cdat::build_table(1, tag, parts);
}

std::unique_ptr<emulator::Responder> Truth::make_responder(
    std::shared_ptr<emulator::FaultInjector> faults) {
    return std::make_unique<Recorder>(*this, std::move(faults));
}

bool Truth::was_served(const Table& table) const noexcept {
    return std::ranges::find(tables_, table) != tables_.end();
}

}  // namespace doed::sim
