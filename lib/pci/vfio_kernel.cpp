// SPDX-License-Identifier: Apache-2.0
#include "pci/vfio_kernel.hpp"

#include "pci/retry_interrupted.hpp"

#include <cerrno>

#include <fcntl.h>
#include <sys/ioctl.h>
#include <unistd.h>

namespace doed::pci {

namespace {

class SystemVfioKernel final : public VfioKernel {
public:
    int open(const std::string& path) override {
        const int fd = retry_interrupted([&] { return ::open(path.c_str(), O_RDWR | O_CLOEXEC); });
        return fd < 0 ? -errno : fd;
    }
    int ioctl(int fd, unsigned long request, void* argument) override {
        const int result = retry_interrupted([&] { return ::ioctl(fd, request, argument); });
        return result < 0 ? -errno : result;
    }
    std::int64_t pread(int fd, void* buffer, std::size_t size, std::uint64_t offset) override {
        const auto count = retry_interrupted(
            [&] { return ::pread(fd, buffer, size, static_cast<off_t>(offset)); });
        return count < 0 ? -errno : count;
    }
    std::int64_t pwrite(int fd, const void* buffer, std::size_t size,
                        std::uint64_t offset) override {
        const auto count = retry_interrupted(
            [&] { return ::pwrite(fd, buffer, size, static_cast<off_t>(offset)); });
        return count < 0 ? -errno : count;
    }
};

}  // namespace

VfioKernel& VfioKernel::system() {
    static SystemVfioKernel kernel;
    return kernel;
}

}  // namespace doed::pci
