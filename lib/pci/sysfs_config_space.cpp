// SPDX-License-Identifier: Apache-2.0
#include "pci/sysfs_config_space.hpp"

#include "base/assert.hpp"
#include "base/byte_cursor.hpp"
#include "pci/hex.hpp"
#include "pci/retry_interrupted.hpp"

#include <array>
#include <cerrno>
#include <cstddef>
#include <expected>
#include <utility>

#include <fcntl.h>
#include <unistd.h>

namespace doed::pci {

namespace {

constexpr std::size_t dword_size_bytes = 4;

bool is_dword_offset(std::uint16_t offset) {
    return offset % dword_size_bytes == 0 && offset < config_space_size_bytes;
}

}  // namespace

base::Result<std::unique_ptr<ConfigSpace>> SysfsConfigSpace::open(const std::string& config_path,
                                                                  bool writable) {
    const int flags = (writable ? O_RDWR : O_RDONLY) | O_CLOEXEC;
    base::UniqueFd file(retry_interrupted([&] { return ::open(config_path.c_str(), flags); }));
    if (!file) {
        return std::unexpected(os_error(FileAccess::open, errno, config_path));
    }
    return std::make_unique<SysfsConfigSpace>(std::move(file), config_path, writable);
}

SysfsConfigSpace::SysfsConfigSpace(base::UniqueFd file, std::string path, bool writable) noexcept
    : file_(std::move(file)), path_(std::move(path)), writable_(writable) {}

base::Result<std::uint32_t> SysfsConfigSpace::read32(std::uint16_t offset) {
    DOED_ASSERT(is_dword_offset(offset));
    std::array<std::uint8_t, dword_size_bytes> bytes{};
    const auto count = retry_interrupted(
        [&] { return ::pread(file_.get(), bytes.data(), bytes.size(), off_t{offset}); });
    if (count < 0) {
        return std::unexpected(failure(FileAccess::read, offset, errno));
    }
    if (static_cast<std::size_t>(count) != bytes.size()) {
        return base::fail(base::Errc::io,
                          subject(offset) + ": read " + std::to_string(count) + " bytes of 4");
    }
    return base::ByteReader(bytes).read<std::uint32_t>();
}

base::Result<void> SysfsConfigSpace::write32(std::uint16_t offset, std::uint32_t value) {
    DOED_ASSERT(is_dword_offset(offset));
    DOED_ASSERT(writable_);
    std::array<std::uint8_t, dword_size_bytes> bytes{};
    for (std::size_t i = 0; i < bytes.size(); ++i) {
        bytes[i] = static_cast<std::uint8_t>(value >> (8 * i));
    }
    const auto count = retry_interrupted(
        [&] { return ::pwrite(file_.get(), bytes.data(), bytes.size(), off_t{offset}); });
    if (count < 0) {
        return std::unexpected(failure(FileAccess::write, offset, errno));
    }
    if (static_cast<std::size_t>(count) != bytes.size()) {
        return base::fail(base::Errc::io,
                          subject(offset) + ": wrote " + std::to_string(count) + " bytes of 4");
    }
    return {};
}

base::Error SysfsConfigSpace::failure(FileAccess access, std::uint16_t offset,
                                      int error_number) const {
    return os_error(access, error_number, subject(offset));
}

std::string SysfsConfigSpace::subject(std::uint16_t offset) const {
    return path_ + " at " + hex(offset);
}

}  // namespace doed::pci
