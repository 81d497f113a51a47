// SPDX-License-Identifier: Apache-2.0
//
// What a subscriber may read from its socket: any packet. What is understood is written again, and read back the same. Texts may
// become shorter when they are written: a client's parser takes more than this daemon writes.
#include "base/event.hpp"
#include "fuzz/target.hpp"

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size_bytes) {
    namespace base = doed::base;
    const auto read = base::parse_event(std::span(data, size_bytes));
    if (!read) {
        DOED_ASSERT(read.error().code() == base::Errc::malformed);
        return 0;
    }
    auto packet = base::encode(read->event);
    base::stamp(packet, read->delivery);
    DOED_ASSERT(packet.size() <= size_bytes && packet.size() <= base::event_size_max_bytes);
    const auto again = base::parse_event(packet);
    DOED_ASSERT(again && again->delivery == read->delivery);
    auto same = base::encode(again->event);
    base::stamp(same, again->delivery);
    DOED_ASSERT(same == packet);
    return 0;
}
