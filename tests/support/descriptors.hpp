// SPDX-License-Identifier: Apache-2.0
//
// What /proc tells of this process's descriptors.
#pragma once

namespace doed::test {

/// How many are open.
[[nodiscard]] int count_descriptors();
/// How many of them are eventfds.
[[nodiscard]] int count_eventfds();

[[nodiscard]] bool is_eventfd(int fd);
/// Whether two descriptors are the same eventfd.
[[nodiscard]] bool same_eventfd(int fd, int other);
/// Whether some epoll instance of this process looks at a descriptor.
[[nodiscard]] bool is_watched(int fd);

}  // namespace doed::test
