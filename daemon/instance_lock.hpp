// SPDX-License-Identifier: Apache-2.0
//
// One doed per host: whoever drives real mailboxes holds this lock for its life. The kernel drops
// it with the process, so there is nothing to clean up after a crash.
#pragma once

#include "base/unique_fd.hpp"
#include "daemon/exit_code.hpp"

#include <filesystem>

namespace doed::daemon {

class InstanceLock {
public:
    /// Takes DIRECTORY/lock, making the directory if need be. Failures: second_instance,
    /// not_permitted, failure.
    [[nodiscard]] static Startup<InstanceLock> take(const std::filesystem::path& directory);

    /// The first of $RUNTIME_DIRECTORY, which systemd sets, else /run/doed.
    [[nodiscard]] static std::filesystem::path runtime_directory();

private:
    explicit InstanceLock(base::UniqueFd file) noexcept : file_(std::move(file)) {}

    base::UniqueFd file_;
};

}  // namespace doed::daemon
