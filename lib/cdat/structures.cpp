// SPDX-License-Identifier: Apache-2.0
#include "cdat/structures.hpp"

#include "base/byte_cursor.hpp"

#include <algorithm>
#include <numeric>
#include <utility>

namespace doed::cdat {

namespace {

using base::ByteReader;
using base::ByteWriter;

constexpr std::size_t switch_entry_size_bytes = 8;

// --- Each type once: fields(body, io) names its fields in their order -------------------------------

template <typename Body, typename Io>
    requires std::same_as<std::remove_const_t<Body>, Dsmas>
void fields(Body& body, Io& io) {
    io(body.handle, body.flags, body.reserved, body.dpa_base_bytes, body.dpa_length_bytes);
}

template <typename Body, typename Io>
    requires std::same_as<std::remove_const_t<Body>, Dslbis>
void fields(Body& body, Io& io) {
    io(body.handle, body.flags, body.data_type, body.reserved, body.base_unit, body.entries,
       body.reserved_end);
}

template <typename Body, typename Io>
    requires std::same_as<std::remove_const_t<Body>, Dsmscis>
void fields(Body& body, Io& io) {
    io(body.handle, body.reserved, body.cache_size_bytes, body.attributes);
}

template <typename Body, typename Io>
    requires std::same_as<std::remove_const_t<Body>, Dsis>
void fields(Body& body, Io& io) {
    io(body.flags, body.handle, body.reserved);
}

template <typename Body, typename Io>
    requires std::same_as<std::remove_const_t<Body>, Dsemts>
void fields(Body& body, Io& io) {
    io(body.handle, body.memory_type, body.reserved, body.dpa_offset_bytes, body.dpa_length_bytes);
}

template <typename Body, typename Io>
    requires std::same_as<std::remove_const_t<Body>, Sslbis>
void fields(Body& body, Io& io) {
    io(body.data_type, body.reserved, body.base_unit, body.entries);
}

template <typename Body, typename Io>
    requires std::same_as<std::remove_const_t<Body>, SwitchEntry>
void fields(Body& body, Io& io) {
    io(body.port_x, body.port_y, body.value, body.reserved);
}

template <typename Body, typename Io>
    requires std::same_as<std::remove_const_t<Body>, Opaque>
void fields(Body&, Io&) {}

template <typename Body, typename Io>
    requires std::same_as<std::remove_const_t<Body>, TableHeader>
void fields(Body& header, Io& io) {
    io(header.length_bytes, header.revision, header.checksum, header.reserved, header.sequence);
}

class Reading {
public:
    explicit Reading(std::span<const std::uint8_t> bytes) noexcept : reader_(bytes) {}

    template <typename... Fields>
    void operator()(Fields&... all) {
        (one(all), ...);
    }
    [[nodiscard]] std::vector<std::uint8_t> rest() {
        const auto bytes = reader_.take(reader_.remaining());
        return {bytes.begin(), bytes.end()};
    }

private:
    template <std::unsigned_integral T>
    void one(T& field) {
        field = reader_.read<T>();
    }
    template <typename T, std::size_t count>
    void one(std::array<T, count>& field) {
        for (T& element : field) {
            one(element);
        }
    }
    void one(std::vector<SwitchEntry>& entries) {
        entries.reserve(reader_.remaining() / switch_entry_size_bytes);
        while (reader_.remaining() >= switch_entry_size_bytes) {
            fields(entries.emplace_back(), *this);
        }
    }

    ByteReader reader_;
};

class Writing {
public:
    template <typename... Fields>
    void operator()(const Fields&... all) {
        (one(all), ...);
    }
    void append(std::span<const std::uint8_t> bytes) { writer_.append(bytes); }
    [[nodiscard]] std::vector<std::uint8_t> take() noexcept { return writer_.take(); }

private:
    template <std::unsigned_integral T>
    void one(T field) {
        writer_.write(field);
    }
    template <typename T, std::size_t count>
    void one(const std::array<T, count>& field) {
        for (const T& element : field) {
            one(element);
        }
    }
    void one(const std::vector<SwitchEntry>& entries) {
        for (const SwitchEntry& entry : entries) {
            fields(entry, *this);
        }
    }

    ByteWriter writer_;
};

/// Fixed parts, the four bytes of the header included.
template <typename Body>
constexpr std::size_t fixed_part_bytes = [] {
    if constexpr (std::same_as<Body, Dsmas> || std::same_as<Body, Dslbis> ||
                  std::same_as<Body, Dsemts>) {
        return 24;
    } else if constexpr (std::same_as<Body, Dsmscis>) {
        return 20;
    } else if constexpr (std::same_as<Body, Dsis>) {
        return 8;
    } else if constexpr (std::same_as<Body, Sslbis>) {
        return 16;
    } else {
        return 4;
    }
}();

template <typename Body>
Structure read_body(std::span<const std::uint8_t> bytes) {
    Structure structure{.type = bytes[0], .reserved = bytes[1], .body = {}, .rest = {}};
    Reading reading(bytes.subspan(structure_header_size_bytes));
    if (bytes.size() >= fixed_part_bytes<Body>) {
        fields(structure.body.emplace<Body>(), reading);
    }
    structure.rest = reading.rest();
    return structure;
}

}  // namespace

std::size_t Structure::length_bytes() const noexcept {
    const auto body_bytes = [](const auto& known) {
        using Body = std::remove_cvref_t<decltype(known)>;
        std::size_t size = fixed_part_bytes<Body>;
        if constexpr (std::same_as<Body, Sslbis>) {
            size += known.entries.size() * switch_entry_size_bytes;
        }
        return size;
    };
    return std::visit(body_bytes, body) + rest.size();
}

Structure decode_structure(std::span<const std::uint8_t> bytes) {
    switch (static_cast<StructureType>(bytes[0])) {
        case StructureType::dsmas: return read_body<Dsmas>(bytes);
        case StructureType::dslbis: return read_body<Dslbis>(bytes);
        case StructureType::dsmscis: return read_body<Dsmscis>(bytes);
        case StructureType::dsis: return read_body<Dsis>(bytes);
        case StructureType::dsemts: return read_body<Dsemts>(bytes);
        case StructureType::sslbis: return read_body<Sslbis>(bytes);
    }
    return read_body<Opaque>(bytes);
}

std::vector<std::uint8_t> encode_structure(const Structure& structure) {
    Writing writing;
    writing(structure.type, structure.reserved,
            static_cast<std::uint16_t>(structure.length_bytes()));
    std::visit([&writing](const auto& body) { fields(body, writing); }, structure.body);
    writing.append(structure.rest);
    return writing.take();
}

Document decode(const Table& table) {
    Document document;
    const std::span<const std::uint8_t> bytes(table.bytes());
    std::size_t end = 0;
    if (bytes.size() >= table_header_size_bytes) {
        document.header = table.header();
        end = table_header_size_bytes;
    }
    document.structures.reserve(table.structures().size());
    for (const RawStructure& raw : table.structures()) {
        document.structures.push_back(decode_structure(table.bytes_of(raw)));
        end = raw.offset_bytes + raw.length_bytes;
    }
    const auto rest = bytes.subspan(end);
    document.rest.assign(rest.begin(), rest.end());
    return document;
}

std::vector<std::uint8_t> encode(const Document& document) {
    Writing writing;
    if (document.header) {
        fields(*document.header, writing);
    }
    for (const Structure& structure : document.structures) {
        writing.append(encode_structure(structure));
    }
    writing.append(document.rest);
    return writing.take();
}

void seal(Document& document, std::optional<std::uint32_t> length_bytes,
          std::optional<std::uint8_t> checksum) {
    if (!document.header) {
        return;
    }
    std::size_t size_bytes = table_header_size_bytes + document.rest.size();
    for (const Structure& structure : document.structures) {
        size_bytes += structure.length_bytes();
    }
    document.header->length_bytes = length_bytes.value_or(static_cast<std::uint32_t>(size_bytes));
    document.header->checksum = checksum.value_or(0);
    if (!checksum) {
        const auto bytes = encode(document);
        const std::size_t length = document.header->length_bytes;
        const std::size_t counted =
            length < table_header_size_bytes ? bytes.size() : std::min(length, bytes.size());
        const auto end = bytes.begin() + static_cast<std::ptrdiff_t>(counted);
        document.header->checksum =
            static_cast<std::uint8_t>(0U - std::accumulate(bytes.begin(), end, 0U));
    }
}

}  // namespace doed::cdat
