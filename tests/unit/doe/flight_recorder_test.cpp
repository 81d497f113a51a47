// SPDX-License-Identifier: Apache-2.0
//
// The ring of the last records.
#include "doe/flight_recorder.hpp"

#include <string>

#include <gtest/gtest.h>

namespace doed::doe {
namespace {

void record(FlightRecorder& recorder, std::uint32_t request_length_dw) {
    recorder.begin({.request_length_dw = request_length_dw});
    recorder.end();
}

TEST(AFlightRecorder, HasNothingBeforeTheFirstRecordHasEnded) {
    FlightRecorder recorder;
    EXPECT_TRUE(recorder.records().empty());
    recorder.begin({});
    EXPECT_TRUE(recorder.records().empty());
    EXPECT_EQ(recorder.current().sequence, 1U);
    EXPECT_FALSE(recorder.current().ended);
    recorder.end();
    ASSERT_EQ(recorder.records().size(), 1U);
    EXPECT_TRUE(recorder.records().front().ended);
}

TEST(AFlightRecorder, KeepsWhatIsWrittenIntoTheRecordUnderWay) {
    FlightRecorder recorder;
    recorder.begin({.purpose = Purpose::revival});
    recorder.current().polls = 7;
    recorder.current().error = base::Errc::timeout;
    recorder.end();
    const TraceRecord kept = recorder.records().front();
    EXPECT_EQ(kept.purpose, Purpose::revival);
    EXPECT_EQ(kept.polls, 7U);
    EXPECT_EQ(kept.error, base::Errc::timeout);
}

TEST(AFlightRecorder, KeepsTheLast64InTheirOrder) {
    FlightRecorder recorder;
    for (std::uint32_t i = 1; i <= 200; ++i) {
        record(recorder, i);
        const auto records = recorder.records();
        ASSERT_EQ(records.size(), std::min<std::size_t>(i, 64));
        for (std::size_t k = 0; k < records.size(); ++k) {
            ASSERT_EQ(records[k].sequence, i - records.size() + 1 + k);
            ASSERT_EQ(records[k].request_length_dw, records[k].sequence);
        }
    }
}

TEST(ABoundedText, IsCutToWhatFits) {
    EXPECT_EQ(BoundedText<4>().view(), "");
    EXPECT_EQ(BoundedText<4>("abcd").view(), "abcd");
    EXPECT_EQ(BoundedText<4>("abcdefgh").view(), "abcd");
    const BoundedText<8> copied = BoundedText<8>(std::string("abc"));
    EXPECT_EQ(copied.view(), "abc");
}

}  // namespace
}  // namespace doed::doe
