// SPDX-License-Identifier: Apache-2.0
//
// What doed and its opener may hear from each other: any packet, as a request to the policy over a host without devices and as
// a reply. What is understood is said again in the same bytes, and nothing is ever opened.
#include "daemon/opener/policy.hpp"
#include "daemon/opener/protocol.hpp"
#include "fuzz/target.hpp"
#include "pci/direct_opener.hpp"

#include <algorithm>

namespace {

namespace opener = doed::daemon::opener;

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size_bytes) {
    const std::span packet(data, size_bytes);
    if (const auto request = opener::parse_request(packet)) {
        DOED_ASSERT(std::ranges::equal(opener::encode(*request), packet));
        static const doed::daemon::Config config;
        static doed::pci::DirectOpener files(
            {.sysfs_root = "/nonexistent", .dev_root = "/nonexistent"});
        static opener::Policy policy(files, config, "/nonexistent");
        if (request->command == opener::Command::open) {
            DOED_ASSERT(!policy.open(request->address, request->file));
        } else {
            DOED_ASSERT(!policy.find(request->address));
        }
    }
    for (const auto command : {opener::Command::find, opener::Command::open}) {
        if (const auto reply = opener::parse_reply(packet, command)) {
            DOED_ASSERT(opener::parse_reply_id(packet) == reply->id);
            DOED_ASSERT(std::ranges::equal(opener::encode(*reply, command), packet));
        }
    }
    return 0;
}
