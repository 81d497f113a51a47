// SPDX-License-Identifier: Apache-2.0
#include "base/error.hpp"

#include "base/result.hpp"

#include <set>
#include <utility>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace doed::base {
namespace {

using testing::EndsWith;

constexpr Errc last_code = Errc::io;

Result<int> halve(int number) {
    if (number % 2 != 0) {
        return fail(Errc::invalid_argument, std::to_string(number));
    }
    return number / 2;
}

TEST(AnErrorCode, HasASentenceOfItsOwn) {
    std::set<std::string_view> sentences;
    for (int code = 0; code <= std::to_underlying(last_code); ++code) {
        SCOPED_TRACE(code);
        const std::string_view sentence = describe(static_cast<Errc>(code));
        EXPECT_FALSE(sentence.empty());
        EXPECT_NE(sentence, "unknown error");
        EXPECT_FALSE(sentence.ends_with('.'));
        EXPECT_TRUE(sentences.insert(sentence).second) << sentence;
    }
}

TEST(AnErrorCode, BeyondTheLastIsUnknown) {
    EXPECT_EQ(describe(static_cast<Errc>(std::to_underlying(last_code) + 1)), "unknown error");
}

TEST(AnError, WithoutContextSaysTheSentenceAlone) {
    EXPECT_EQ(Error(Errc::timeout).message(), "the device did not respond in time");
}

TEST(AnError, WithContextPutsItBeforeTheSentence) {
    EXPECT_EQ(Error(Errc::device_gone, "0000:0d:00.0").message(),
              "0000:0d:00.0: the device is gone");
}

TEST(AnError, SeenFromFurtherOutKeepsItsCodeContextAndPlace) {
    const Error inner(Errc::busy, "mailbox 0x190");
    const Error outer = inner.in("0000:0d:00.0");
    EXPECT_EQ(outer.code(), Errc::busy);
    EXPECT_EQ(outer.context(), "0000:0d:00.0: mailbox 0x190");
    EXPECT_EQ(outer.where().line(), inner.where().line());
    EXPECT_STREQ(outer.where().file_name(), inner.where().file_name());
}

TEST(AnError, SeenFromFurtherOutNeedsNoContextOfItsOwn) {
    EXPECT_EQ(Error(Errc::io).in("config").context(), "config");
}

TEST(AFailedResult, CarriesTheCodeTheContextAndThePlaceWhereItFailed) {
    const auto result = halve(3);
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().code(), Errc::invalid_argument);
    EXPECT_EQ(result.error().context(), "3");
    EXPECT_THAT(result.error().where().file_name(), EndsWith("error_test.cpp"));
    EXPECT_THAT(result.error().where().function_name(), testing::HasSubstr("halve"));
}

TEST(AGoodResult, CarriesTheValue) {
    EXPECT_EQ(halve(4), 2);
}

}  // namespace
}  // namespace doed::base
