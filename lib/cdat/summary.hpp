// SPDX-License-Identifier: Apache-2.0
//
// What a table says, put together: how far and how fast each memory range is, and for a switch the way from port to port.
// Of figures that are told more than once the first counts that says something; check.hpp tells of the others.
#pragma once

#include "cdat/structures.hpp"
#include "cdat/value.hpp"

#include <cstdint>
#include <optional>
#include <vector>

namespace doed::cdat {

/// A latency or bandwidth, and which data type it was told as: a read latency may come from an access latency.
struct Figure {
    Value value;
    DataType from = DataType::access_latency;

    friend bool operator==(const Figure&, const Figure&) = default;
};

struct Performance {
    std::optional<Figure> read_latency;
    std::optional<Figure> write_latency;
    std::optional<Figure> read_bandwidth;
    std::optional<Figure> write_bandwidth;

    friend bool operator==(const Performance&, const Performance&) = default;
};

struct CacheLevel {
    Dsmscis cache;
    Performance performance;
};

struct MemoryRange {
    Dsmas dsmas;
    Performance performance;
    std::vector<CacheLevel> caches;
    std::vector<Dsemts> parts;        ///< by EFI memory type
    bool initiator_attached = false;  ///< a DSIS says so
};

/// An initiator without memory of its own.
struct Initiator {
    std::uint8_t handle = 0;
    Performance performance;
};

/// The way between two ports of a switch, as the table has them.
struct PortPair {
    std::uint16_t port_x = 0;
    std::uint16_t port_y = 0;
    Performance performance;
};

struct Summary {
    std::vector<MemoryRange> ranges;  ///< in the order of their DSMAS
    std::vector<Initiator> initiators;
    std::vector<PortPair> port_pairs;  ///< by port X, then port Y
};

[[nodiscard]] Summary summarize(const Document& document);

}  // namespace doed::cdat
