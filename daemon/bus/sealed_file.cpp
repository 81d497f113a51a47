// SPDX-License-Identifier: Apache-2.0
#include "daemon/bus/sealed_file.hpp"

#include <cerrno>
#include <cstring>
#include <string>

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

namespace doed::bus {

namespace {

std::unexpected<base::Error> failed(const char* what) {
    return base::fail(base::Errc::io, std::string(what) + ": " + std::strerror(errno));
}

}  // namespace

base::Result<base::UniqueFd> make_sealed_file(std::span<const std::uint8_t> bytes) {
    base::UniqueFd file(::memfd_create("doed-table", MFD_CLOEXEC | MFD_ALLOW_SEALING));
    if (!file) {
        return failed("memfd_create");
    }
    while (!bytes.empty()) {
        const auto written = ::write(file.get(), bytes.data(), bytes.size());
        if (written < 0) {
            if (errno == EINTR) {
                continue;
            }
            return failed("write to a memory file");
        }
        bytes = bytes.subspan(static_cast<std::size_t>(written));
    }
    if (::fcntl(file.get(), F_ADD_SEALS,
                F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL) != 0) {
        return failed("sealing a memory file");
    }
    return file;
}

base::Result<base::UniqueFd> reopen_sealed_file(const base::UniqueFd& file) {
    const std::string path = "/proc/self/fd/" + std::to_string(file.get());
    base::UniqueFd reader(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    if (!reader) {
        return failed("opening a memory file");
    }
    return reader;
}

}  // namespace doed::bus
