// SPDX-License-Identifier: Apache-2.0
//
// A discovery whose answers are any dwords: it comes to an end, asks for each index once, and lists each protocol once.
#include "doe/discovery.hpp"
#include "fuzz/target.hpp"

#include <algorithm>
#include <bitset>
#include <utility>

namespace {

using doed::doe::DiscoveryOperation;
using Step = doed::doe::Operation::Step;

// Mostly one dword, so that the bytes go into what it says.
std::vector<std::uint32_t> payload(doed::fuzz::Input& input) {
    const std::uint8_t code = input.byte();
    std::vector<std::uint32_t> dwords(code < 4 ? code : 1 + code % 2);
    for (std::uint32_t& dword : dwords) {
        dword = input.dword();
    }
    return dwords;
}

void check_request(const DiscoveryOperation& operation, std::uint8_t version,
                   std::bitset<256>& asked) {
    DOED_ASSERT(operation.request().size() == 1);
    const std::uint32_t request = operation.request()[0];
    DOED_ASSERT(request >> 8 == (version >= 2 ? 2U : 0U));
    DOED_ASSERT(!asked.test(request & 0xFFU));
    asked.set(request & 0xFFU);
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size_bytes) {
    doed::fuzz::Input input(data, size_bytes);
    const std::uint8_t version = input.byte() & 0x0FU;
    DiscoveryOperation operation(version);
    std::bitset<256> asked;
    auto step = operation.start();
    while (step && *step == Step::send) {
        check_request(operation, version, asked);
        step = operation.consume(payload(input));
    }
    auto protocols = operation.protocols();
    DOED_ASSERT(protocols.size() <= 256);
    std::ranges::sort(protocols, {}, [](const auto& protocol) {
        return std::pair(protocol.vendor_id, protocol.object_type);
    });
    DOED_ASSERT(std::ranges::adjacent_find(protocols) == protocols.end());
    return 0;
}
