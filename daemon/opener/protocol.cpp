// SPDX-License-Identifier: Apache-2.0
#include "daemon/opener/protocol.hpp"

#include "base/byte_cursor.hpp"

#include <algorithm>
#include <string>
#include <string_view>

namespace doed::daemon::opener {

namespace {

constexpr std::uint8_t lasting_flag = 1;
constexpr std::uint8_t writable_flag = 2;
constexpr std::size_t mailboxes_max = 255;
constexpr auto last_errc = base::Errc::io;

std::span<const std::uint8_t> bytes_of(std::string_view text) {
    return {reinterpret_cast<const std::uint8_t*>(text.data()),
            std::min(text.size(), text_size_max_bytes)};
}

std::unexpected<base::Error> malformed(const char* what) {
    return base::fail(base::Errc::malformed, what);
}

}  // namespace

std::vector<std::uint8_t> encode(const Request& request) {
    base::ByteWriter writer;
    writer.write(request.id)
        .write(static_cast<std::uint8_t>(request.command))
        .write(static_cast<std::uint8_t>(request.file))
        .write(std::uint16_t{0})
        .write(request.address.domain)
        .write(request.address.bus)
        .write(request.address.device)
        .write(request.address.function)
        .write(std::uint8_t{0});
    return writer.take();
}

base::Result<Request> parse_request(std::span<const std::uint8_t> packet) {
    if (packet.size() != request_size_bytes) {
        return malformed("a request has 16 bytes");
    }
    base::ByteReader reader(packet);
    Request request;
    request.id = reader.read<std::uint32_t>();
    const auto command = reader.read<std::uint8_t>();
    const auto file = reader.read<std::uint8_t>();
    const auto zero = reader.read<std::uint16_t>();
    request.address.domain = reader.read<std::uint32_t>();
    request.address.bus = reader.read<std::uint8_t>();
    request.address.device = reader.read<std::uint8_t>();
    request.address.function = reader.read<std::uint8_t>();
    const auto end = reader.read<std::uint8_t>();
    if (zero != 0 || end != 0) {
        return malformed("zero is expected");
    }
    if (request.address.device > 31 || request.address.function > 7) {
        return malformed("there is no such PCI address");
    }
    if (command == static_cast<std::uint8_t>(Command::find) ? file != 0
                                                            : file >= pci::root_file_count) {
        return malformed("there is no such file");
    }
    if (command != static_cast<std::uint8_t>(Command::find) &&
        command != static_cast<std::uint8_t>(Command::open)) {
        return malformed("there is no such command");
    }
    request.command = static_cast<Command>(command);
    request.file = static_cast<pci::RootFile>(file);
    return request;
}

std::vector<std::uint8_t> encode(const Reply& reply, Command command) {
    const auto text =
        bytes_of(reply.error ? std::string_view(reply.error->context()) : reply.found.defect);
    base::ByteWriter writer;
    writer.write(reply.id)
        .write(static_cast<std::uint16_t>(
            reply.error ? static_cast<std::uint16_t>(reply.error->code()) + 1 : 0))
        .write(static_cast<std::uint16_t>(text.size()))
        .append(text);
    if (command == Command::find && !reply.error) {
        const auto count = std::min(reply.found.mailboxes.size(), mailboxes_max);
        writer
            .write(static_cast<std::uint8_t>((reply.found.lasting ? lasting_flag : 0) |
                                             (reply.found.config_writable ? writable_flag : 0)))
            .write(static_cast<std::uint8_t>(count));
        for (const auto& mailbox : std::span(reply.found.mailboxes).first(count)) {
            writer.write(mailbox.offset).write(mailbox.version);
        }
    }
    return writer.take();
}

base::Result<Reply> parse_reply(std::span<const std::uint8_t> packet, Command command) {
    base::ByteReader reader(packet);
    Reply reply;
    reply.id = reader.read<std::uint32_t>();
    const auto status = reader.read<std::uint16_t>();
    const auto text_size = reader.read<std::uint16_t>();
    const auto text_bytes = reader.take(text_size);
    std::string text(text_bytes.begin(), text_bytes.end());
    if (!reader.ok() || text_size > text_size_max_bytes ||
        status > static_cast<std::uint16_t>(last_errc) + 1) {
        return malformed("a reply is cut off");
    }
    if (status != 0) {
        reply.error.emplace(static_cast<base::Errc>(status - 1), std::move(text));
    } else if (command == Command::find) {
        reply.found.defect = std::move(text);
        const auto flags = reader.read<std::uint8_t>();
        if ((flags & ~(lasting_flag | writable_flag)) != 0) {
            return malformed("there is no such flag");
        }
        reply.found.lasting = (flags & lasting_flag) != 0;
        reply.found.config_writable = (flags & writable_flag) != 0;
        const auto count = reader.read<std::uint8_t>();
        for (unsigned i = 0; i < count; ++i) {
            const auto offset = reader.read<std::uint16_t>();
            const auto version = reader.read<std::uint8_t>();
            reply.found.mailboxes.push_back({.offset = offset, .version = version});
        }
    } else if (!text.empty()) {
        return malformed("no text belongs to a descriptor");
    }
    if (!reader.ok() || reader.remaining() != 0) {
        return malformed("a reply has another length than it says");
    }
    return reply;
}

base::Result<std::uint32_t> parse_reply_id(std::span<const std::uint8_t> packet) {
    base::ByteReader reader(packet);
    const auto id = reader.read<std::uint32_t>();
    return reader.ok() ? base::Result<std::uint32_t>(id) : malformed("a reply is cut off");
}

}  // namespace doed::daemon::opener
