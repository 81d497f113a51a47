// SPDX-License-Identifier: Apache-2.0
#include "pci/os_error.hpp"

#include <cerrno>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace doed::pci {
namespace {

using base::Errc;
using testing::EndsWith;
using testing::HasSubstr;
using testing::StartsWith;

TEST(AnErrno, MeansWhatItMeansForTheAccessThatFailed) {
    struct Case {
        FileAccess access;
        int error_number;
        Errc code;
    };
    const std::vector<Case> cases{
        {FileAccess::open, ENOENT, Errc::not_found},
        {FileAccess::open, ENOTDIR, Errc::not_found},
        {FileAccess::open, EACCES, Errc::access_denied},
        {FileAccess::open, EPERM, Errc::access_denied},
        {FileAccess::open, EROFS, Errc::access_denied},
        {FileAccess::open, ENODEV, Errc::device_gone},
        {FileAccess::open, EMFILE, Errc::io},
        {FileAccess::read, ENODEV, Errc::device_gone},
        {FileAccess::read, ENXIO, Errc::device_gone},
        {FileAccess::read, EPERM, Errc::access_denied},
        {FileAccess::read, EIO, Errc::io},
        {FileAccess::write, EPERM, Errc::lockdown},
        {FileAccess::write, ENODEV, Errc::device_gone},
        {FileAccess::write, ENXIO, Errc::device_gone},
        {FileAccess::write, EACCES, Errc::access_denied},
        {FileAccess::write, EIO, Errc::io},
    };
    for (const auto& [access, error_number, code] : cases) {
        SCOPED_TRACE(error_number);
        EXPECT_EQ(os_error(access, error_number, "config").code(), code);
    }
}

TEST(ADeniedAccess, SaysWhatWouldHelp) {
    EXPECT_THAT(os_error(FileAccess::open, EACCES, "config").context(), EndsWith("(run as root)"));
    EXPECT_THAT(os_error(FileAccess::open, EROFS, "config").context(),
                EndsWith("(sysfs must be mounted writable)"));
}

TEST(AnOsError, NamesTheFileTheReasonAndItsCaller) {
    const base::Error error = os_error(FileAccess::read, EIO, "/sys/x/config at 0x190");
    EXPECT_THAT(error.context(), StartsWith("/sys/x/config at 0x190: "));
    EXPECT_THAT(error.context(), HasSubstr("Input/output error"));
    EXPECT_THAT(error.where().file_name(), EndsWith("os_error_test.cpp"));
}

}  // namespace
}  // namespace doed::pci
