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

/// Whether `text` is all that was written to the record, which is made when it does not exist.
bool write_record(const fs::path& file, std::string_view text) {
    const base::UniqueFd fd(retry_interrupted([&] {
        return ::open(file.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
    }));
    return fd && retry_interrupted([&] { return ::write(fd.get(), text.data(), text.size()); }) ==
                     static_cast<ssize_t>(text.size());
}

/// Whether the file, which is open since some time, took all of `text` as the whole of it.
bool write_control(const base::UniqueFd& control, std::string_view text) {
    static_cast<void>(::ftruncate(control.get(), 0));
    return retry_interrupted([&] {
               return ::pwrite(control.get(), text.data(), text.size(), 0);
           }) == static_cast<ssize_t>(text.size());
}

}  // namespace

PowerPin::PowerPin(Opener& opener, const Address& address, const fs::path& record_folder)
    : opener_(opener), address_(address), record_(record_folder / address.to_string()) {}

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
    if (!std::exchange(opened_, true)) {
        if (auto control = opener_.open(address_, RootFile::power_control)) {
            control_ = std::move(*control);
        }
    }
    const auto now = read_attribute(control_);
    if (!now || *now == always_on) {
        return;
    }
    // The record comes first: a crash between the two restores what still is.
    static_cast<void>(write_record(record_, *now));
    if (write_control(control_, always_on)) {
        before_ = *now;
    }
}

void PowerPin::unpin() {
    if (!before_.empty()) {
        // A function that is gone has nothing to restore.
        static_cast<void>(write_control(control_, before_));
        before_.clear();
    }
    std::error_code ignored;
    fs::remove(record_, ignored);
}

std::vector<std::string> PowerPin::restore(Opener& opener, const fs::path& record_folder) {
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
        const auto control = opener.open(*address, RootFile::power_control);
        if (control && write_control(*control, *before)) {
            done.push_back(address->to_string() + ": power/control is \"" + *before + "\" again");
        }
    }
    return done;
}

}  // namespace doed::pci
