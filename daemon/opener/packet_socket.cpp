// SPDX-License-Identifier: Apache-2.0
#include "daemon/opener/packet_socket.hpp"

#include "pci/retry_interrupted.hpp"

#include <array>
#include <cerrno>
#include <cstring>
#include <string>
#include <system_error>
#include <utility>

#include <sys/socket.h>

namespace doed::daemon::opener {

namespace {

constexpr std::size_t files_max = 253;  // the kernel's limit of one packet (SCM_MAX_FD)

base::Result<void> failed(const char* what, int error) {
    return base::fail(base::Errc::io,
                      std::string(what) + ": " + std::generic_category().message(error));
}

/// Takes every descriptor, so that none stays open unseen.
void take_files(msghdr& message, Packet& packet) {
    for (cmsghdr* part = CMSG_FIRSTHDR(&message); part != nullptr;
         part = CMSG_NXTHDR(&message, part)) {
        if (part->cmsg_level != SOL_SOCKET || part->cmsg_type != SCM_RIGHTS) {
            continue;
        }
        const std::size_t count = (part->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        for (std::size_t i = 0; i < count; ++i) {
            int fd = -1;
            std::memcpy(&fd, CMSG_DATA(part) + i * sizeof(int), sizeof(int));
            base::UniqueFd file(fd);
            if (packet.files++ == 0) {
                packet.file = std::move(file);
            }
        }
    }
}

}  // namespace

base::Result<void> send_packet(const base::UniqueFd& socket, std::span<const std::uint8_t> bytes,
                               const base::UniqueFd& file) {
    // sendmsg(2) does not write to what it sends.
    iovec content{const_cast<std::uint8_t*>(bytes.data()), bytes.size()};
    msghdr message{};
    message.msg_iov = &content;
    message.msg_iovlen = 1;
    alignas(cmsghdr) std::array<std::uint8_t, CMSG_SPACE(sizeof(int))> control{};
    if (file) {
        message.msg_control = control.data();
        message.msg_controllen = control.size();
        cmsghdr* const part = CMSG_FIRSTHDR(&message);
        part->cmsg_level = SOL_SOCKET;
        part->cmsg_type = SCM_RIGHTS;
        part->cmsg_len = CMSG_LEN(sizeof(int));
        const int fd = file.get();
        std::memcpy(CMSG_DATA(part), &fd, sizeof(fd));
    }
    if (pci::retry_interrupted([&] { return ::sendmsg(socket.get(), &message, MSG_NOSIGNAL); }) <
        0) {
        return failed("sending", errno);
    }
    return {};
}

base::Result<Packet> receive_packet(const base::UniqueFd& socket, std::size_t size_max_bytes) {
    Packet packet;
    packet.bytes.resize(size_max_bytes);
    iovec content{packet.bytes.data(), packet.bytes.size()};
    alignas(cmsghdr) std::array<std::uint8_t, CMSG_SPACE(sizeof(int) * files_max)> control{};
    msghdr message{};
    message.msg_iov = &content;
    message.msg_iovlen = 1;
    message.msg_control = control.data();
    message.msg_controllen = control.size();
    const auto size =
        pci::retry_interrupted([&] { return ::recvmsg(socket.get(), &message, MSG_CMSG_CLOEXEC); });
    if (size < 0) {
        return std::unexpected(failed("receiving", errno).error());
    }
    take_files(message, packet);
    packet.bytes.resize(static_cast<std::size_t>(size));
    packet.truncated = (message.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) != 0;
    return packet;
}

}  // namespace doed::daemon::opener
