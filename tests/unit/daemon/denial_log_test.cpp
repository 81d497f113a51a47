// SPDX-License-Identifier: Apache-2.0
#include "daemon/denial_log.hpp"

#include <algorithm>
#include <chrono>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace doed::daemon {
namespace {

using namespace std::chrono_literals;
using testing::AllOf;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

class ADenialLog : public testing::Test {
protected:
    /// What is written when so many calls of the user are denied at that time.
    std::string denied(std::uint32_t uid, base::Duration at, int calls = 1) {
        testing::internal::CaptureStderr();
        for (int i = 0; i < calls; ++i) {
            denials_.note({.client = ":1.7",
                           .uid = uid,
                           .method = "org.doed1.Mailbox.Reset",
                           .subject = "0000:0d:00.0 mailbox 0x190",
                           .reason = "polkit does not allow it"},
                          base::TimePoint(1h + at));
        }
        return testing::internal::GetCapturedStderr();
    }

    Log log_{LogLevel::warning, Log::Prefix::none};
    DenialLog denials_{log_};
};

TEST_F(ADenialLog, TellsWhoWasDeniedWhatAndWhy) {
    const auto line = denied(1000, 0s);
    EXPECT_THAT(line, AllOf(HasSubstr("0000:0d:00.0 mailbox 0x190"), HasSubstr("Mailbox.Reset"),
                            HasSubstr("user 1000"), HasSubstr(":1.7"),
                            HasSubstr("polkit does not allow it")));
    EXPECT_EQ(std::ranges::count(line, '\n'), 1);
}

TEST_F(ADenialLog, CountsWhatAUserIsDeniedForAMinuteAfterALine) {
    EXPECT_EQ(std::ranges::count(denied(1000, 0s, 1000), '\n'), 1);
    EXPECT_THAT(denied(1000, 59s), IsEmpty());
    EXPECT_THAT(denied(1000, 60s), HasSubstr("so were 1000 calls of this user before"));
    EXPECT_THAT(denied(1000, 119s), IsEmpty());
}

TEST_F(ADenialLog, KeepsUsersApart) {
    EXPECT_THAT(denied(1000, 0s), HasSubstr("user 1000"));
    EXPECT_THAT(denied(1001, 1s), HasSubstr("user 1001"));
}

TEST_F(ADenialLog, SaysNothingOfCallsBeforeWhereThereWereNone) {
    EXPECT_THAT(denied(1000, 0s), Not(HasSubstr("so were")));
    EXPECT_THAT(denied(1000, 60s), Not(HasSubstr("so were")));
}

}  // namespace
}  // namespace doed::daemon
