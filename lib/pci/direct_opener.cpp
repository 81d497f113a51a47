// SPDX-License-Identifier: Apache-2.0
#include "pci/direct_opener.hpp"

#include "base/assert.hpp"
#include "pci/capability_walk.hpp"
#include "pci/cxl_port.hpp"
#include "pci/os_error.hpp"
#include "pci/retry_interrupted.hpp"
#include "pci/sysfs_attribute.hpp"
#include "pci/sysfs_config_space.hpp"
#include "pci/vfio_nodes.hpp"

#include <cerrno>
#include <utility>

#include <fcntl.h>
#include <linux/pci_regs.h>
#include <sys/stat.h>
#include <unistd.h>

namespace doed::pci {

namespace {

/// How far a `config` file can be read.
enum class Extent : std::uint8_t {
    unreadable,
    header,  ///< 64 bytes (128 of a CardBus bridge): what the kernel shows without CAP_SYS_ADMIN
    conventional,  ///< 256 bytes: the function has no extended space
    extended,
};

Extent extent_of(ConfigSpace& config) {
    if (config.read32(PCI_CFG_SPACE_SIZE)) {
        return Extent::extended;
    }
    if (config.read32(PCI_CFG_SPACE_SIZE - 4)) {
        return Extent::conventional;
    }
    return config.read32(PCI_VENDOR_ID) ? Extent::header : Extent::unreadable;
}

base::Result<base::UniqueFd> open_below(int folder, const std::string& folder_path,
                                        const char* name, int flags) {
    base::UniqueFd file(retry_interrupted(
        [&] { return ::openat(folder, name, flags | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY); }));
    if (!file) {
        return std::unexpected(os_error(FileAccess::open, errno, folder_path + "/" + name));
    }
    return file;
}

/// Looks for the function's DOE capabilities; it has none where it has no extended space.
base::Result<FoundMailboxes> walk(base::UniqueFd file, const std::string& path) {
    SysfsConfigSpace config(std::move(file), path, false);
    const auto chain = walk_extended_capabilities(config);
    if (chain) {
        return FoundMailboxes{.mailboxes = doe_capabilities(*chain),
                              .defect = chain->defect,
                              .lasting = chain->defect.empty() && !chain->unanswered};
    }
    if (chain.error().code() == base::Errc::io) {
        // A file that ends early is how the kernel tells both of these.
        const Extent extent = extent_of(config);
        if (extent == Extent::conventional) {
            return FoundMailboxes{};
        }
        if (extent == Extent::header) {
            return base::fail(base::Errc::access_denied, path);
        }
    }
    return std::unexpected(chain.error());
}

}  // namespace

DirectOpener::DirectOpener(VfioPaths paths, VfioKernel& kernel)
    : paths_(std::move(paths)), kernel_(kernel) {}

base::Result<FoundMailboxes> DirectOpener::find(const Address& address) {
    const auto function = enter(address);
    return function ? find(address, *function) : std::unexpected(function.error());
}

base::Result<base::UniqueFd> DirectOpener::open(const Address& address, RootFile file) {
    const auto function = enter(address);
    if (!function) {
        return std::unexpected(function.error());
    }
    const auto found = find(address, *function);
    if (!found) {
        return std::unexpected(found.error());
    }
    if (found->mailboxes.empty()) {
        return base::fail(base::Errc::not_supported, "no DOE capability");
    }
    const int folder = function->folder.get();
    switch (file) {
        case RootFile::config: return open_below(folder, function->path, "config", O_RDWR);
        case RootFile::power_control:
            return open_below(folder, function->path, "power/control", O_RDWR);
        case RootFile::kernel_table: return open_kernel_table(address);
        case RootFile::vfio_container:
        case RootFile::vfio_group:
        case RootFile::iommufd:
        case RootFile::vfio_device: return open_vfio(*function, file);
    }
    return base::fail(base::Errc::invalid_argument, "no such file");
}

base::Result<DirectOpener::Function> DirectOpener::enter(const Address& address) const {
    Function function;
    function.path = paths_.sysfs_root + "/bus/pci/devices/" + address.to_string();
    function.folder.reset(retry_interrupted(
        [&] { return ::open(function.path.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC); }));
    struct stat status{};
    if (!function.folder || ::fstat(function.folder.get(), &status) != 0) {
        return std::unexpected(os_error(FileAccess::open, errno, function.path));
    }
    function.identity = status.st_ino;
    return function;
}

base::Result<FoundMailboxes> DirectOpener::find(const Address& address, const Function& function) {
    {
        const std::scoped_lock lock(mutex_);
        const auto known = known_.find(address);
        if (known != known_.end() && known->second.identity == function.identity) {
            return known->second.found;
        }
        // A function that hangs holds one thread, however often it is asked for.
        if (!searched_.insert(address).second) {
            return base::fail(base::Errc::busy, function.path + "/config: still being read");
        }
    }
    auto found = search(function);
    const std::scoped_lock lock(mutex_);
    searched_.erase(address);
    if (found && found->lasting) {
        known_.insert_or_assign(address, Known{function.identity, *found});
    }
    return found;
}

/// Not under the lock: a function may take its time.
base::Result<FoundMailboxes> DirectOpener::search(const Function& function) {
    auto file = open_below(function.folder.get(), function.path, "config", O_RDONLY);
    if (!file) {
        return std::unexpected(file.error());
    }
    auto found = walk(std::move(*file), function.path + "/config");
    if (!found) {
        return found;
    }
    found->config_writable = ::faccessat(function.folder.get(), "config", W_OK, 0) == 0;
    return found;
}

base::Result<base::UniqueFd> DirectOpener::open_kernel_table(const Address& address) const {
    const auto port = find_port(paths_.sysfs_root, address);
    if (!port) {
        return base::fail(base::Errc::not_found, "the kernel has no CXL port for the device");
    }
    const base::UniqueFd folder(::open(port->c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
    return open_below(folder.get(), port->string(), "CDAT", O_RDONLY | O_NONBLOCK);
}

base::Result<base::UniqueFd> DirectOpener::open_vfio(const Function& function, RootFile file) {
    // By way of the folder that is held: its path may be another function's by now.
    const std::string folder = "/proc/self/fd/" + std::to_string(function.folder.get());
    std::string path;
    std::string_view when_missing = vfio_bind_it;
    switch (file) {
        case RootFile::vfio_container: path = paths_.dev_root + "/vfio/vfio"; break;
        case RootFile::iommufd:
            path = paths_.dev_root + "/iommu";
            when_missing = " (load iommufd)";
            break;
        case RootFile::vfio_group: {
            const auto group = read_link_name(folder + "/iommu_group");
            if (!group || !parse_number<std::uint32_t>(*group)) {
                return base::fail(base::Errc::not_found, "the device has no IOMMU group");
            }
            path = paths_.dev_root + "/vfio/" + *group;
            break;
        }
        default: path = vfio_node(folder, paths_.dev_root); break;
    }
    if (path.empty()) {
        return base::fail(base::Errc::not_found, "VFIO has no character device for it");
    }
    const int fd = kernel_.open(path);
    if (fd < 0) {
        return vfio_open_failure(path, fd, when_missing);
    }
    return base::UniqueFd(fd);
}

}  // namespace doed::pci
