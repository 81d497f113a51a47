// SPDX-License-Identifier: Apache-2.0
//
// The six structures of a CDAT (CDAT 1.04 sections 3.1 to 3.6), field by field, and a whole table as
// a sequence of them. Any bytes decode; what is decoded encodes to the same bytes. What the fields
// mean together is said in summary.hpp, what is wrong with them in check.hpp.
#pragma once

#include "cdat/table.hpp"

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <variant>
#include <vector>

namespace doed::cdat {

/// Device Scoped Memory Affinity: a range of device physical addresses (DPA) with one handle.
struct Dsmas {
    static constexpr std::uint8_t non_volatile = 1U << 2;
    static constexpr std::uint8_t shareable = 1U << 3;
    static constexpr std::uint8_t hardware_managed_coherency = 1U << 4;
    static constexpr std::uint8_t dynamic_capacity = 1U << 5;
    static constexpr std::uint8_t read_only = 1U << 6;
    static constexpr std::uint8_t known_flags =
        non_volatile | shareable | hardware_managed_coherency | dynamic_capacity | read_only;

    std::uint8_t handle = 0;  ///< DSMADHandle
    std::uint8_t flags = 0;
    std::uint16_t reserved = 0;
    std::uint64_t dpa_base_bytes = 0;
    std::uint64_t dpa_length_bytes = 0;

    friend bool operator==(const Dsmas&, const Dsmas&) = default;
};

/// What the entries of a DSLBIS or SSLBIS are: latency in picoseconds or bandwidth in MB/s, each
/// Entry Base Unit x entry.
enum class DataType : std::uint8_t {
    access_latency = 0,
    read_latency = 1,
    write_latency = 2,
    access_bandwidth = 3,
    read_bandwidth = 4,
    write_bandwidth = 5,
};
inline constexpr std::uint8_t data_type_count = 6;

[[nodiscard]] constexpr bool is_latency(DataType type) noexcept {
    return type <= DataType::write_latency;
}

/// No value is given; and: there is no way from initiator to target.
inline constexpr std::uint16_t entry_not_provided = 0;
inline constexpr std::uint16_t entry_unreachable = 0xFFFF;

/// Device Scoped Latency and Bandwidth Information, of the DSMAS or DSIS with the same handle.
struct Dslbis {
    /// Bits 3:0 of the flags: 0 is the memory, 1 to 3 a level of its memory-side cache.
    static constexpr std::uint8_t hierarchy_mask = 0x0F;
    static constexpr std::uint8_t hierarchy_max = 3;
    static constexpr std::uint8_t minimum_transfer_size = 1U << 4;
    static constexpr std::uint8_t non_sequential = 1U << 5;
    static constexpr std::uint8_t known_flags =
        hierarchy_mask | minimum_transfer_size | non_sequential;

    std::uint8_t handle = 0;
    std::uint8_t flags = 0;
    std::uint8_t data_type = 0;
    std::uint8_t reserved = 0;
    std::uint64_t base_unit = 0;             ///< picoseconds or MB/s
    std::array<std::uint16_t, 3> entries{};  ///< of a DSMAS, only the first
    std::uint16_t reserved_end = 0;

    friend bool operator==(const Dslbis&, const Dslbis&) = default;
};

/// Device Scoped Memory Side Cache Information.
struct Dsmscis {
    std::uint8_t handle = 0;  ///< DSMADHandle
    std::array<std::uint8_t, 3> reserved{};
    std::uint64_t cache_size_bytes = 0;
    std::uint32_t attributes = 0;

    [[nodiscard]] constexpr unsigned total_levels() const noexcept { return attributes & 0xFU; }
    [[nodiscard]] constexpr unsigned level() const noexcept { return (attributes >> 4) & 0xFU; }
    /// 0 none, 1 direct mapped, 2 complex.
    [[nodiscard]] constexpr unsigned associativity() const noexcept {
        return (attributes >> 8) & 0xFU;
    }
    /// 0 none, 1 write back, 2 write through.
    [[nodiscard]] constexpr unsigned write_policy() const noexcept {
        return (attributes >> 12) & 0xFU;
    }
    [[nodiscard]] constexpr unsigned line_size_bytes() const noexcept { return attributes >> 16; }

    friend bool operator==(const Dsmscis&, const Dsmscis&) = default;
};

/// Device Scoped Initiator.
struct Dsis {
    static constexpr std::uint8_t memory_attached = 1U << 0;
    static constexpr std::uint8_t known_flags = memory_attached;

    std::uint8_t flags = 0;
    std::uint8_t handle = 0;  ///< of a DSMAS when memory is attached, else the initiator's own
    std::uint16_t reserved = 0;

    friend bool operator==(const Dsis&, const Dsis&) = default;
};

/// Device Scoped EFI Memory Type.
struct Dsemts {
    std::uint8_t handle = 0;  ///< DSMADHandle
    std::uint8_t memory_type = 0;
    std::uint16_t reserved = 0;
    std::uint64_t dpa_offset_bytes = 0;  ///< from the base of the DSMAS
    std::uint64_t dpa_length_bytes = 0;

    friend bool operator==(const Dsemts&, const Dsemts&) = default;
};
inline constexpr std::uint8_t efi_memory_type_count = 3;

/// One entry of an SSLBIS: from port X to port Y.
struct SwitchEntry {
    static constexpr std::uint16_t upstream_port = 0x0100;
    static constexpr std::uint16_t any_port = 0xFFFF;

    std::uint16_t port_x = 0;
    std::uint16_t port_y = 0;
    std::uint16_t value = 0;
    std::uint16_t reserved = 0;

    friend bool operator==(const SwitchEntry&, const SwitchEntry&) = default;
};

/// Switch Scoped Latency and Bandwidth Information.
struct Sslbis {
    std::uint8_t data_type = 0;
    std::array<std::uint8_t, 3> reserved{};
    std::uint64_t base_unit = 0;  ///< picoseconds or MB/s
    std::vector<SwitchEntry> entries;

    friend bool operator==(const Sslbis&, const Sslbis&) = default;
};

/// Of a reserved type, or shorter than its type's fixed part: its bytes are all in Structure::rest.
struct Opaque {
    friend bool operator==(const Opaque&, const Opaque&) = default;
};

struct Structure {
    std::uint8_t type = 0;
    std::uint8_t reserved = 0;
    std::variant<Opaque, Dsmas, Dslbis, Dsmscis, Dsis, Dsemts, Sslbis> body;
    /// What follows the known fields: of a longer structure than is known, or half an entry.
    std::vector<std::uint8_t> rest;

    /// The Length field: header, body and rest. At most 65,535 to be encoded.
    [[nodiscard]] std::size_t length_bytes() const noexcept;

    friend bool operator==(const Structure&, const Structure&) = default;
};

/// One of a table's structures, from its bytes: at least four, and as many as it says.
[[nodiscard]] Structure decode_structure(std::span<const std::uint8_t> bytes);
[[nodiscard]] std::vector<std::uint8_t> encode_structure(const Structure& structure);

/// A table as its parts.
struct Document {
    std::optional<TableHeader> header;  ///< none when there are fewer bytes than it takes
    std::vector<Structure> structures;
    std::vector<std::uint8_t>
        rest;  ///< after the last structure: padding, or what cannot be followed

    friend bool operator==(const Document&, const Document&) = default;
};

[[nodiscard]] Document decode(const Table& table);
/// With Length and Checksum as the header has them: encode(decode(table)) is table.bytes().
[[nodiscard]] std::vector<std::uint8_t> encode(const Document& document);
/// Sets Length and Checksum to what the parts make, or as they are given; nothing without a header. The Checksum is right
/// for the Length that is set, as a reader would add up.
void seal(Document& document, std::optional<std::uint32_t> length_bytes = {},
          std::optional<std::uint8_t> checksum = {});

}  // namespace doed::cdat
