// SPDX-License-Identifier: Apache-2.0
#include "base/unique_fd.hpp"

#include <utility>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mman.h>

namespace doed::base {
namespace {

int open_descriptor() {
    return ::memfd_create("unique_fd_test", MFD_CLOEXEC);
}

bool is_open(int fd) {
    return ::fcntl(fd, F_GETFD) >= 0;
}

TEST(AnOwnedDescriptor, IsClosedWithItsOwner) {
    const int fd = open_descriptor();
    {
        const UniqueFd owner(fd);
        ASSERT_TRUE(owner);
        EXPECT_EQ(owner.get(), fd);
        EXPECT_TRUE(is_open(fd));
    }
    EXPECT_FALSE(is_open(fd));
}

TEST(AnOwnedDescriptor, StaysOpenWhenItMovesToANewOwner) {
    const int fd = open_descriptor();
    UniqueFd first(fd);
    const UniqueFd second(std::move(first));
    EXPECT_EQ(second.get(), fd);
    EXPECT_TRUE(is_open(fd));
}

TEST(AnOwnedDescriptor, IsClosedWhenAnotherTakesItsPlace) {
    const int old_fd = open_descriptor();
    const int new_fd = open_descriptor();
    UniqueFd owner(old_fd);
    owner = UniqueFd(new_fd);
    EXPECT_FALSE(is_open(old_fd));
    EXPECT_TRUE(is_open(new_fd));
    EXPECT_EQ(owner.get(), new_fd);
}

TEST(AnOwnedDescriptor, IsClosedByReset) {
    const int fd = open_descriptor();
    UniqueFd owner(fd);
    owner.reset();
    EXPECT_FALSE(owner);
    EXPECT_FALSE(is_open(fd));
}

TEST(AReleasedDescriptor, StaysOpen) {
    const int fd = open_descriptor();
    {
        UniqueFd owner(fd);
        EXPECT_EQ(owner.release(), fd);
        EXPECT_FALSE(owner);
    }
    EXPECT_TRUE(is_open(fd));
    const UniqueFd cleanup(fd);
}

}  // namespace
}  // namespace doed::base
