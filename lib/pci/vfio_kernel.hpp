// SPDX-License-Identifier: Apache-2.0
//
// The system calls that VFIO consists of, as a seam: the real ones, or a fake kernel in tests. Results are those of the
// calls, with -errno for -1.
#pragma once

#include "base/unique_fd.hpp"

#include <cstddef>
#include <cstdint>
#include <string>

namespace doed::pci {

class VfioKernel {
public:
    VfioKernel() = default;
    VfioKernel(const VfioKernel&) = delete;
    VfioKernel& operator=(const VfioKernel&) = delete;
    virtual ~VfioKernel() = default;

    /// Opens for reading and writing, close-on-exec.
    [[nodiscard]] virtual int open(const std::string& path) = 0;
    /// `argument` is a pointer to what the request takes, or a small number.
    [[nodiscard]] virtual int ioctl(int fd, unsigned long request, void* argument) = 0;
    [[nodiscard]] virtual std::int64_t pread(int fd, void* buffer, std::size_t size,
                                             std::uint64_t offset) = 0;
    [[nodiscard]] virtual std::int64_t pwrite(int fd, const void* buffer, std::size_t size,
                                              std::uint64_t offset) = 0;

    /// The running kernel.
    [[nodiscard]] static VfioKernel& system();
};

}  // namespace doed::pci
