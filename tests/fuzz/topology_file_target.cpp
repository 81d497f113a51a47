// SPDX-License-Identifier: Apache-2.0
//
// Any text as a topology: refused on one line that names the file, or taken, and then it can be built and looked at.
#include "emulator/emulated_host.hpp"
#include "emulator/topology.hpp"
#include "fuzz/target.hpp"

#include <utility>

namespace {

// More of them only take longer.
constexpr std::size_t devices_built_max = 4;

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size_bytes) {
    auto topology = doed::emulator::Topology::parse(doed::fuzz::Input(data, size_bytes).all_text(),
                                                    "topology.json", "/nonexistent");
    if (!topology) {
        DOED_ASSERT(topology.error().code() == doed::base::Errc::invalid_argument);
        DOED_ASSERT(topology.error().context().starts_with("topology.json: "));
        DOED_ASSERT(!topology.error().context().contains('\n'));
        return 0;
    }
    if (topology->devices.size() <= devices_built_max) {
        std::size_t mailboxes = 0;
        for (const auto& device : topology->devices) {
            mailboxes += device.mailboxes.size();
        }
        doed::emulator::EmulatedHost host(*std::move(topology));
        std::vector<doed::base::Error> problems;
        const auto found = host.scan(problems);
        DOED_ASSERT(found);
        for (const auto& device : *found) {
            mailboxes -= device.mailboxes.size();
        }
        // A scan reads registers, and a faulty device may refuse that: only then something is missing.
        DOED_ASSERT(mailboxes == 0 || !problems.empty() || host.fault_counts().total() > 0);
    }
    return 0;
}
