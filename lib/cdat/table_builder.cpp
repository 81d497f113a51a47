// SPDX-License-Identifier: Apache-2.0
#include "cdat/table_builder.hpp"

#include "base/byte_cursor.hpp"
#include "cdat/table.hpp"

#include <array>
#include <cstddef>
#include <numeric>

namespace doed::cdat {

namespace {

using Bytes = std::vector<std::uint8_t>;

constexpr std::size_t checksum_offset_bytes = 5;
constexpr std::uint8_t default_revision = 2;
constexpr std::uint8_t default_dsmad_handle = 0;

// Data types of DSLBIS and SSLBIS.
constexpr std::uint8_t access_latency = 0;
constexpr std::uint8_t read_latency = 1;
constexpr std::uint8_t write_latency = 2;
constexpr std::uint8_t access_bandwidth = 3;
constexpr std::uint8_t read_bandwidth = 4;
constexpr std::uint8_t write_bandwidth = 5;

base::ByteWriter begin_structure(StructureType type, std::uint16_t length_bytes) {
    base::ByteWriter writer;
    writer.write(static_cast<std::uint8_t>(type)).write(std::uint8_t{0}).write(length_bytes);
    return writer;
}

// One volatile range from DPA 0.
Bytes volatile_dsmas(std::uint64_t size_bytes) {
    auto writer = begin_structure(StructureType::dsmas, 24);
    writer.write(default_dsmad_handle).write(std::uint8_t{0}).write(std::uint16_t{0});
    writer.write(std::uint64_t{0}).write(size_bytes);
    return writer.take();
}

// The memory itself; entries 1 and 2 are reserved for it.
Bytes memory_dslbis(std::uint8_t data_type, std::uint64_t base_unit, std::uint16_t entry) {
    auto writer = begin_structure(StructureType::dslbis, 24);
    writer.write(default_dsmad_handle)
        .write(std::uint8_t{0})
        .write(data_type)
        .write(std::uint8_t{0});
    writer.write(base_unit)
        .write(entry)
        .write(std::uint16_t{0})
        .write(std::uint16_t{0})
        .write(std::uint16_t{0});
    return writer.take();
}

// The whole range as conventional memory for specific purposes.
Bytes specific_purpose_dsemts(std::uint64_t size_bytes) {
    constexpr std::uint8_t specific_purpose = 1;
    auto writer = begin_structure(StructureType::dsemts, 24);
    writer.write(default_dsmad_handle).write(specific_purpose).write(std::uint16_t{0});
    writer.write(std::uint64_t{0}).write(size_bytes);
    return writer.take();
}

// From the upstream port to the first downstream port.
Bytes one_port_sslbis(std::uint8_t data_type, std::uint64_t base_unit, std::uint16_t entry) {
    constexpr std::uint16_t upstream_port = 0x0100;
    constexpr std::uint16_t downstream_port = 0;
    auto writer = begin_structure(StructureType::sslbis, 24);
    writer.write(data_type).write(std::uint8_t{0}).write(std::uint16_t{0}).write(base_unit);
    writer.write(upstream_port).write(downstream_port).write(entry).write(std::uint16_t{0});
    return writer.take();
}

}  // namespace

Bytes build_table(std::uint8_t revision, std::uint32_t sequence,
                  std::span<const Bytes> structures) {
    std::size_t length_bytes = table_header_size_bytes;
    for (const Bytes& structure : structures) {
        length_bytes += structure.size();
    }
    base::ByteWriter writer;
    writer.write(static_cast<std::uint32_t>(length_bytes)).write(revision).write(std::uint8_t{0});
    writer.append(std::array<std::uint8_t, 6>{}).write(sequence);
    for (const Bytes& structure : structures) {
        writer.append(structure);
    }
    Bytes table = writer.take();
    const unsigned sum = std::accumulate(table.begin(), table.end(), 0U);
    table[checksum_offset_bytes] = static_cast<std::uint8_t>(0U - sum);
    return table;
}

Bytes default_endpoint_table(std::uint64_t memory_size_bytes) {
    // Picoseconds and MB/s.
    const std::array structures{
        volatile_dsmas(memory_size_bytes),        memory_dslbis(read_latency, 10000, 15),
        memory_dslbis(write_latency, 10000, 25),  memory_dslbis(read_bandwidth, 1000, 16),
        memory_dslbis(write_bandwidth, 1000, 16), specific_purpose_dsemts(memory_size_bytes),
    };
    return build_table(default_revision, 0, structures);
}

Bytes default_switch_table() {
    const std::array structures{
        one_port_sslbis(access_latency, 10000, 15),
        one_port_sslbis(access_bandwidth, 1024, 16),
    };
    return build_table(default_revision, 0, structures);
}

}  // namespace doed::cdat
