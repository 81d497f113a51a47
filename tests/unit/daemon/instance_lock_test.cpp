// SPDX-License-Identifier: Apache-2.0
#include "daemon/instance_lock.hpp"

#include "fake_tree.hpp"

#include <cstdlib>

#include <gtest/gtest.h>

namespace doed::daemon {
namespace {

TEST(TheInstanceLock, IsHeldOnce) {
    const FakeTree tree;
    const auto directory = tree.root() / "run/doed";
    {
        const auto first = InstanceLock::take(directory);
        ASSERT_TRUE(first) << first.error().message;
        const auto second = InstanceLock::take(directory);
        ASSERT_FALSE(second);
        EXPECT_EQ(second.error().code, ExitCode::second_instance);
        EXPECT_NE(second.error().message.find("another doed"), std::string::npos);
    }
    EXPECT_TRUE(InstanceLock::take(directory)) << "it is free once its holder has gone";
}

TEST(TheInstanceLock, FailsWhereItsFolderCannotBe) {
    const FakeTree tree;
    tree.file("run", "a file, not a folder");
    const auto lock = InstanceLock::take(tree.root() / "run/doed");
    ASSERT_FALSE(lock);
    EXPECT_EQ(lock.error().code, ExitCode::failure);
}

TEST(TheRuntimeDirectory, IsTheOneSystemdMade) {
    ::unsetenv("RUNTIME_DIRECTORY");
    EXPECT_EQ(InstanceLock::runtime_directory(), "/run/doed");
    ::setenv("RUNTIME_DIRECTORY", "/run/a:/run/b", 1);
    EXPECT_EQ(InstanceLock::runtime_directory(), "/run/a");
    ::unsetenv("RUNTIME_DIRECTORY");
}

}  // namespace
}  // namespace doed::daemon
