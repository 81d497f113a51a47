// SPDX-License-Identifier: Apache-2.0
#include "client/bus_place.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace doed::client {
namespace {

using testing::HasSubstr;

TEST(ABusPlace, MayBeOnAnotherHost) {
    const auto place = BusPlace::on_host("me@host.example");
    ASSERT_TRUE(place);
    EXPECT_TRUE(place->is_remote());
    EXPECT_EQ(place->host(), "me@host.example");
    EXPECT_EQ(place->text(), "the system bus of me@host.example");
    EXPECT_FALSE(BusPlace("system").is_remote());
}

TEST(ABusPlace, TakesNoOptionOfSshForAHost) {
    for (const char* host : {"", "-oProxyCommand=x"}) {
        const auto place = BusPlace::on_host(host);
        ASSERT_FALSE(place) << host;
        EXPECT_EQ(place.error().kind(), FailureKind::usage);
    }
}

TEST(ABusPlace, HasAdviceThatHoldsThere) {
    const Failure no_daemon(FailureKind::no_daemon, "gone", "start it");
    EXPECT_EQ(BusPlace("system").advise(no_daemon).advice(), "start it");
    EXPECT_THAT(BusPlace("session").advise(no_daemon).advice(), HasSubstr("--bus"));
    EXPECT_THAT(BusPlace::on_host("far")->advise(no_daemon).advice(),
                HasSubstr("systemctl -H far status doed"));
    const Failure denied(FailureKind::access_denied, "no", "join");
    EXPECT_EQ(BusPlace("session").advise(denied).advice(), "join");
    EXPECT_THAT(BusPlace::on_host("far")->advise(denied).advice(), HasSubstr("--host USER@HOST"));
}

TEST(ABusPlace, SaysWhereToRunWhatCannotPassOverSsh) {
    EXPECT_EQ(BusPlace::on_host("far")->no_descriptors("read it", "cdat x").line(),
              "cannot read it over ssh: that takes a file descriptor, which stays there; "
              "run it on that host: ssh far doectl cdat x");
}

}  // namespace
}  // namespace doed::client
