// SPDX-License-Identifier: Apache-2.0
#include "client/failure.hpp"

#include <cerrno>
#include <utility>

#include <gtest/gtest.h>

namespace doed::client {
namespace {

TEST(ABusError, IsSortedIntoAnExitCodeByItsName) {
    const struct {
        const char* name;
        int code;
    } rows[] = {
        {"org.doed1.Error.NotSupported", 5},
        {"org.doed1.Error.NotAllowed", 5},
        {"org.doed1.Error.KernelOwned", 5},
        {"org.doed1.Error.Released", 5},
        {"org.doed1.Error.Lockdown", 5},
        {"org.doed1.Error.Busy", 1},
        {"org.doed1.Error.Timeout", 6},
        {"org.doed1.Error.DeadlineExceeded", 6},
        {"org.doed1.Error.Aborted", 1},
        {"org.doed1.Error.DeviceError", 1},
        {"org.doed1.Error.Malformed", 1},
        {"org.doed1.Error.Dead", 1},
        {"org.doed1.Error.DeviceGone", 3},
        {"org.doed1.Error.LimitsExceeded", 1},
        {"org.doed1.Error.Cancelled", 1},
        {"org.doed1.Error.TooLarge", 1},
        {"org.freedesktop.DBus.Error.IOError", 1},
        {"org.freedesktop.DBus.Error.AccessDenied", 4},
        {"org.freedesktop.DBus.Error.InteractiveAuthorizationRequired", 4},
        {"org.freedesktop.DBus.Error.UnknownObject", 3},
        {"org.freedesktop.DBus.Error.InvalidArgs", 1},
        {"org.freedesktop.DBus.Error.UnknownMethod", 1},
        {"org.freedesktop.DBus.Error.ServiceUnknown", 7},
        {"org.freedesktop.DBus.Error.NameHasNoOwner", 7},
        {"org.freedesktop.DBus.Error.NoReply", 7},
        {"org.freedesktop.DBus.Error.Spawn.ChildExited", 7},
        {"org.freedesktop.DBus.Error.Timeout", 6},
    };
    for (const auto& row : rows) {
        const auto failure = failure_from_error(row.name, "why");
        EXPECT_EQ(exit_code(failure.kind()), row.code) << row.name;
        EXPECT_EQ(failure.dbus_name(), row.name);
        EXPECT_EQ(failure.message(), "why");
        EXPECT_FALSE(failure.advice().empty()) << row.name;
    }
}

TEST(ABusError, WithAnUnknownNameIsAGeneralFailureThatKeepsIt) {
    const auto failure = failure_from_error("com.example.Odd", "odd");
    EXPECT_EQ(exit_code(failure.kind()), 1);
    EXPECT_EQ(failure.line(), "odd (com.example.Odd); see what doed says with: journalctl -u doed");
}

TEST(AFailure, SaysWhatFailedAndWhatToDoInOneLine) {
    const auto failure =
        failure_from_error("org.freedesktop.DBus.Error.AccessDenied", "no\nway").in("cannot look");
    EXPECT_EQ(failure.line(),
              "cannot look: no\\x0away (org.freedesktop.DBus.Error.AccessDenied); "
              "join the group doe, or use sudo");
}

TEST(AFailure, TakesOtherAdvice) {
    const auto failure = Failure(FailureKind::no_daemon, "gone", "wait").advised("look elsewhere");
    EXPECT_EQ(failure.line(), "gone; look elsewhere");
    EXPECT_EQ(failure.kind(), FailureKind::no_daemon);
}

TEST(AnErrno, IsToldInWordsWhateverItsSign) {
    EXPECT_EQ(failure_from_errno(ENOENT, "file").line(),
              "file: No such file or directory; see whether the name is right");
    EXPECT_EQ(failure_from_errno(-ENOENT, "file").line(),
              "file: No such file or directory; see whether the name is right");
}

TEST(AFailureOfAFile, HasTheSameKindWhateverWasToBeDoneWithIt) {
    using enum FailureKind;
    constexpr std::pair<int, FailureKind> kinds[] = {
        {ENOENT, not_found},    {ENOTDIR, not_found},   {EACCES, access_denied},
        {EPERM, access_denied}, {EROFS, access_denied}, {ENOSPC, general},
        {EISDIR, general},      {EIO, general},
    };
    for (const auto& [error, kind] : kinds) {
        EXPECT_EQ(failure_of_file(error, "file").kind(), kind) << error;
        EXPECT_EQ(failure_of_file(-error, "file").kind(), kind) << error;
        EXPECT_EQ(failure_of_file(error, "file").line(), failure_from_errno(error, "file").line());
        EXPECT_EQ(failure_from_errno(error, "call").kind(), general) << "what is no file has none";
    }
}

}  // namespace
}  // namespace doed::client
