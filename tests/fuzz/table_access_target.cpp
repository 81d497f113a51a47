// SPDX-License-Identifier: Apache-2.0
//
// The reading of a table from a device that answers anything: it comes to an end, never asks for a handle that the device
// did not give, and what it makes of it is no longer than it may be.
#include "cdat/table_access.hpp"
#include "fuzz/target.hpp"

#include <bitset>
#include <memory>
#include <vector>

namespace {

using doed::cdat::TableAccessOperation;
using Step = doed::doe::Operation::Step;

constexpr std::uint16_t no_handle = 0xFFFF;
// Longest entry, in dwords, that a few bytes of input make.
constexpr std::size_t long_entry_dw = 0x4001;

/// A device that hands out what the input says: the first dword as it is or a sound one, then an entry.
class Device {
public:
    explicit Device(doed::fuzz::Input input) : input_(input) { given_.set(0); }

    [[nodiscard]] bool knows(std::uint32_t request) const {
        return (request & 0xFFFFU) == 0 && given_.test(request >> 16);
    }
    std::vector<std::uint32_t> answer() {
        const std::uint8_t kind = input_.byte();
        if (kind == 0) {
            return {};
        }
        std::vector<std::uint32_t> payload{kind == 1 ? input_.dword() : next_handle(kind)};
        const std::uint8_t length = input_.byte();
        payload.resize(1 + (length == 0xFF ? long_entry_dw : length & 0x3FU));
        for (std::size_t i = 1; i < payload.size() && !input_.empty(); ++i) {
            payload[i] = input_.dword();
        }
        const auto handle = static_cast<std::uint16_t>(payload[0] >> 16);
        if (handle != no_handle) {
            given_.set(handle);
        }
        return payload;
    }

private:
    std::uint32_t next_handle(std::uint8_t kind) {
        return static_cast<std::uint32_t>(kind == 2 ? no_handle : ++last_handle_) << 16;
    }

    doed::fuzz::Input input_;
    std::uint16_t last_handle_ = 0;
    std::bitset<0x10000> given_;
};

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size_bytes) {
    auto device = std::make_unique<Device>(doed::fuzz::Input(data, size_bytes));
    auto operation = std::make_unique<TableAccessOperation>();
    std::size_t requests = 0;
    auto step = operation->start();
    while (step && *step == Step::send) {
        DOED_ASSERT(operation->request().size() == 1);
        DOED_ASSERT(device->knows(operation->request()[0]));
        // Each answer that is no mistake takes two bytes of the input.
        DOED_ASSERT(++requests <= size_bytes / 2 + 1 + TableAccessOperation::max_attempts);
        step = operation->consume(device->answer());
    }
    DOED_ASSERT(operation->attempts() <= TableAccessOperation::max_attempts);
    if (step) {
        const auto& table = operation->table();
        DOED_ASSERT(table.bytes().size() <= doed::cdat::max_table_size_bytes);
        DOED_ASSERT(table.problems().size() <= doed::cdat::ProblemList::limit + 1);
    } else {
        DOED_ASSERT(step.error().code() == doed::base::Errc::malformed);
    }
    return 0;
}
