// SPDX-License-Identifier: Apache-2.0
//
// Config space through a function's sysfs `config` file. The kernel turns an aligned read or write of exactly four
// bytes into one dword access, and serialises the accesses of one open file, so every mailbox opens its own. It does
// not tell of accesses that fail on the bus: a read yields all ones then, and a write is lost, without an error.
#pragma once

#include "base/unique_fd.hpp"
#include "pci/config_space.hpp"
#include "pci/os_error.hpp"

#include <cstdint>
#include <memory>
#include <string>

namespace doed::pci {

class SysfsConfigSpace final : public ConfigSpace {
public:
    /// Opens the file at `config_path`. How far it can be read is decided here: with CAP_SYS_ADMIN all of it, else the
    /// first 64 bytes. Errors: not_found, access_denied (its context says what would help), device_gone, io.
    [[nodiscard]] static base::Result<std::unique_ptr<ConfigSpace>> open(
        const std::string& config_path, bool writable);

    /// Takes over an open `config` file; `path` names it in errors.
    SysfsConfigSpace(base::UniqueFd file, std::string path, bool writable) noexcept;

    /// Errors: device_gone; io, also for an offset beyond what the file lets this process read.
    [[nodiscard]] base::Result<std::uint32_t> read32(std::uint16_t offset) override;

    /// Only for a space opened writable. Errors: lockdown, device_gone, io.
    [[nodiscard]] base::Result<void> write32(std::uint16_t offset, std::uint32_t value) override;

private:
    [[nodiscard]] base::Error failure(FileAccess access, std::uint16_t offset,
                                      int error_number) const;
    [[nodiscard]] std::string subject(std::uint16_t offset) const;

    base::UniqueFd file_;
    std::string path_;
    bool writable_;
};

}  // namespace doed::pci
