// SPDX-License-Identifier: Apache-2.0
#include "pci/power_pin.hpp"

#include "base/assert.hpp"
#include "base/unique_fd.hpp"
#include "pci/retry_interrupted.hpp"
#include "pci/sysfs_attribute.hpp"

#include <string_view>
#include <system_error>

#include <fcntl.h>
#include <unistd.h>

namespace doed::pci {

namespace fs = std::filesystem;

namespace {

constexpr std::string_view always_on = "on";

/// Whether `text` is all that was written to the file, which is made when it does not exist and `flags` say so.
bool write_text(const fs::path& file, std::string_view text, int flags = 0) {
    const base::UniqueFd fd(retry_interrupted(
        [&] { return ::open(file.c_str(), flags | O_WRONLY | O_TRUNC | O_CLOEXEC, 0600); }));
    return fd && retry_interrupted([&] { return ::write(fd.get(), text.data(), text.size()); }) ==
                     static_cast<ssize_t>(text.size());
}

}  // namespace

PowerPin::PowerPin(const fs::path& sysfs_root, const Address& address,
                   const fs::path& record_folder)
    : control_(sysfs_root / "bus/pci/devices" / address.to_string() / "power/control"),
      record_(record_folder / address.to_string()) {}

PowerPin::~PowerPin() {
    if (holders_ > 0) {
        unpin();
    }
}

void PowerPin::hold() {
    const std::lock_guard lock(mutex_);
    if (holders_++ == 0) {
        pin();
    }
}

void PowerPin::drop() {
    const std::lock_guard lock(mutex_);
    DOED_ASSERT(holders_ > 0);
    if (--holders_ == 0) {
        unpin();
    }
}

void PowerPin::pin() {
    const auto now = read_attribute(control_.string());
    if (!now || *now == always_on) {
        return;
    }
    // The record comes first: a crash between the two restores what still is.
    static_cast<void>(write_text(record_, *now, O_CREAT));
    if (write_text(control_, always_on)) {
        before_ = *now;
    }
}

void PowerPin::unpin() {
    if (!before_.empty()) {
        // A function that is gone has nothing to restore.
        static_cast<void>(write_text(control_, before_));
        before_.clear();
    }
    std::error_code ignored;
    fs::remove(record_, ignored);
}

std::vector<std::string> PowerPin::restore(const fs::path& sysfs_root,
                                           const fs::path& record_folder) {
    std::vector<std::string> done;
    std::error_code error;
    for (fs::directory_iterator entry(record_folder, error), end; !error && entry != end;
         entry.increment(error)) {
        const auto address = Address::parse(entry->path().filename().string());
        const auto before = read_attribute(entry->path().string());
        std::error_code ignored;
        fs::remove(entry->path(), ignored);
        // Only what the kernel itself knows goes back into it.
        if (!address || !before || (*before != "auto" && *before != always_on)) {
            continue;
        }
        const fs::path control =
            sysfs_root / "bus/pci/devices" / address->to_string() / "power/control";
        if (write_text(control, *before)) {
            done.push_back(address->to_string() + ": power/control is \"" + *before + "\" again");
        }
    }
    return done;
}

}  // namespace doed::pci
