// SPDX-License-Identifier: Apache-2.0
//
// The flight recorder's document: read, shown, and handed on.
#include "client/trace_document.hpp"

#include "client/render_trace.hpp"
#include "samples.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace doed::client {
namespace {

using testing::HasSubstr;

std::string replaced(std::string text, const std::string& what, const std::string& by) {
    const auto at = text.find(what);
    EXPECT_NE(at, std::string::npos) << what;
    return text.replace(at, what.size(), by);
}

TEST(ATraceDocument, IsReadMemberByMember) {
    const auto document = TraceDocument::parse(samples::trace());
    ASSERT_TRUE(document) << document.error().line();
    EXPECT_EQ(document->owner, "daemon");
    EXPECT_EQ(document->owner_reason, "no kernel driver is bound");
    EXPECT_EQ(document->state, "idle");
    ASSERT_EQ(document->records.size(), 2U);
    const auto& abort = document->records[0];
    EXPECT_EQ(abort.sequence, 1U);
    EXPECT_EQ(abort.protocol, "");
    EXPECT_EQ(abort.status_after_go, "");
    EXPECT_EQ(abort.completion, "");
    EXPECT_EQ(abort.error, "");
    EXPECT_EQ(abort.abort, "done");
    const auto& record = document->records[1];
    EXPECT_EQ(record.begin, "2026-11-21T07:43:28.481Z");
    EXPECT_EQ(record.duration_us, 1000062U);
    EXPECT_EQ(record.purpose, "request");
    EXPECT_EQ(record.protocol, "1e98:02");
    EXPECT_EQ(record.request_length_dw, 3U);
    EXPECT_EQ(record.response_length_dw, 0U);
    EXPECT_EQ(record.status_after_go, "0x00000002");
    EXPECT_EQ(record.status_before_abort, "0x00000003");
    EXPECT_EQ(record.status_last, "0x00000000");
    EXPECT_EQ(record.reads, 289U);
    EXPECT_EQ(record.writes, 5U);
    EXPECT_EQ(record.polls, 286U);
    EXPECT_EQ(record.completion, "");
    EXPECT_EQ(record.abort, "done");
    EXPECT_EQ(record.outcome, "org.doed1.Error.Timeout");
    EXPECT_EQ(record.error, "no response: late");
}

TEST(ATraceDocument, MayHaveMembersThatAreNotKnown) {
    EXPECT_TRUE(TraceDocument::parse(
        replaced(samples::trace(), "\"version\": 1", "\"version\": 1, \"novelty\": {}")));
    EXPECT_TRUE(TraceDocument::parse(
        replaced(samples::trace(), "\"sequence\": 1", "\"sequence\": 1, \"novelty\": []")));
}

TEST(ATraceDocument, IsRefusedWhenItIsAnotherOne) {
    const std::string broken[] = {
        "",
        "{",
        "[]",
        "{}",
        replaced(samples::trace(), "\"version\": 1", "\"version\": 2"),
        replaced(samples::trace(), "\"version\": 1", "\"version\": \"1\""),
        replaced(samples::trace(), "\"sequence\": 1", "\"sequence\": \"1\""),
        replaced(samples::trace(), "\"reads\": 2,", ""),
        replaced(samples::trace(), "\"outcome\": \"ok\"", "\"outcome\": null"),
    };
    for (const auto& text : broken) {
        const auto document = TraceDocument::parse(text);
        ASSERT_FALSE(document) << text;
        EXPECT_EQ(document.error().kind(), FailureKind::general);
        EXPECT_THAT(document.error().line(), HasSubstr("doed's trace cannot be read"));
        EXPECT_THAT(document.error().line(), HasSubstr("different versions"));
    }
}

TEST(ATraceDocument, IsHandedOnAsItCame) {
    EXPECT_EQ(json_of_trace(R"({"version":1,"records":[],"b":2,"a":1})", JsonStyle::compact),
              "{\"version\":1,\"records\":[],\"b\":2,\"a\":1}\n");
    EXPECT_EQ(json_of_trace(R"({"version":7,"a":1})", JsonStyle::pretty),
              "{\n  \"version\": 7,\n  \"a\": 1\n}\n");
    EXPECT_FALSE(json_of_trace("{", JsonStyle::compact));
}

TEST(TheTrace, HasALinePerRecord) {
    const auto document = TraceDocument::parse(samples::trace());
    ASSERT_TRUE(document);
    EXPECT_EQ(
        render_trace(*document, true),
        "NO  BEGIN                     MS        PURPOSE  PROTOCOL  DW   RW     POLLS  STATUS  "
        "ABORT  OUTCOME\n"
        "1   2026-11-21T07:43:27.781Z  0.018     claim    -         -    2+1    0 -    - - 0   "
        "done   ok\n"
        "2   2026-11-21T07:43:28.481Z  1000.062  request  1e98:02   3+-  289+5  286 -  2 3 0   "
        "done   Timeout: no response: late\n"
        "\n"
        "2 records; owner daemon, no kernel driver is bound, state idle.\n"
        "MS: milliseconds; DW: dwords of request+response; RW: reads+writes of config space; "
        "POLLS: looks,\n"
        "and what showed the response; STATUS: words after GO, before an abort, last.\n");
    EXPECT_EQ(render_trace(*document, false).find("BEGIN"), std::string::npos);
    EXPECT_EQ(render_trace(*document, false).find("records"), std::string::npos);
}

TEST(TheTrace, SaysWhoHasTheMailboxWhenNothingIsRecorded) {
    TraceDocument document;
    document.owner = "kernel";
    document.owner_reason = "the kernel has a CXL port";
    document.state = "kernel";
    EXPECT_EQ(render_trace(document, true),
              "Nothing is recorded: owner kernel, the kernel has a CXL port, state kernel.\n");
    EXPECT_EQ(render_trace(document, false), "");
}

TEST(TheTrace, ShowsWhatTerminalsWouldObey) {
    auto document = *TraceDocument::parse(samples::trace());
    document.records[1].error = "a\x1b[31m";
    document.owner_reason = "b\nc";
    const std::string text = render_trace(document, true);
    EXPECT_THAT(text, HasSubstr("a\\x1b[31m"));
    EXPECT_THAT(text, HasSubstr("b\\x0ac"));
}

}  // namespace
}  // namespace doed::client
