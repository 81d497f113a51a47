// SPDX-License-Identifier: Apache-2.0
//
// The document that GetTrace returns, as docs/dbus-api.md describes it.
#include "daemon/trace_json.hpp"

#include <boost/asio/io_context.hpp>
#include <nlohmann/json.hpp>

#include <set>
#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace doed::daemon {
namespace {

using namespace std::chrono_literals;
using nlohmann::json;

class ATraceDocument : public testing::Test {
protected:
    ATraceDocument() {
        mailbox->assign(Ownership{Owner::daemon, "no kernel driver is bound", base::Errc::io},
                        "emulator", {});
    }
    [[nodiscard]] json document(const std::vector<doe::TraceRecord>& records) const {
        return json::parse(trace_json(*mailbox, records, now));
    }
    /// The only record.
    [[nodiscard]] json rendered(const doe::TraceRecord& record) const {
        return document({record}).at("records").at(0);
    }

    boost::asio::io_context loop;
    std::shared_ptr<ServedMailbox> mailbox =
        std::make_shared<ServedMailbox>(loop.get_executor(), pci::Address{.bus = 0x0D},
                                        pci::DoeCapability{.offset = 0x190, .version = 1});
    // 2026-11-21T07:04:29.500Z, five seconds after the monotonic clock's beginning.
    ClockPair now{.steady = base::TimePoint(5s),
                  .wall = std::chrono::system_clock::time_point(1795244669500ms)};
};

TEST_F(ATraceDocument, SaysWhoseItIs) {
    const json root = document({});
    EXPECT_EQ(root, (json{{"version", 1},
                          {"device", "0000:0d:00.0"},
                          {"offset", "0x190"},
                          {"owner", "daemon"},
                          {"owner_reason", "no kernel driver is bound"},
                          {"state", "starting"},
                          {"records", json::array()}}));
}

TEST_F(ATraceDocument, SaysWhoHasAMailboxThatIsNotDriven) {
    mailbox->assign(Ownership{Owner::kernel, "a CXL port", base::Errc::kernel_owned}, "", {});
    EXPECT_EQ(document({}).at("owner"), "kernel");
    EXPECT_EQ(document({}).at("state"), "kernel");
}

TEST_F(ATraceDocument, TellsEverythingOfAnExchange) {
    const doe::TraceRecord record{.sequence = 7,
                                  .begin = base::TimePoint(3s + 250us),
                                  .duration = 1500us,
                                  .ended = true,
                                  .purpose = doe::Purpose::request,
                                  .protocol = doe::protocol_table_access,
                                  .request_length_dw = 3,
                                  .response_length_dw = 9,
                                  .response_time = 1200us + 999ns,
                                  .status = {.after_go = 0, .last = 0x80000002},
                                  .reads = 13,
                                  .writes = 12,
                                  .polls = 2,
                                  .noticed = doe::Noticed::interrupt};
    EXPECT_EQ(rendered(record), (json{{"sequence", 7},
                                      {"begin", "2026-11-21T07:04:27.500Z"},
                                      {"duration_us", 1500},
                                      {"purpose", "request"},
                                      {"protocol", "1e98:02"},
                                      {"request_dw", 3},
                                      {"response_dw", 9},
                                      {"response_us", 1200},
                                      {"status_after_go", "0x00000000"},
                                      {"status_before_abort", nullptr},
                                      {"status_last", "0x80000002"},
                                      {"reads", 13},
                                      {"writes", 12},
                                      {"polls", 2},
                                      {"completion", "interrupt"},
                                      {"abort", nullptr},
                                      {"outcome", "ok"},
                                      {"error", nullptr}}));
}

TEST_F(ATraceDocument, TellsWhatWentWrong) {
    doe::TraceRecord record{.ended = true,
                            .purpose = doe::Purpose::revival,
                            .abort = doe::AbortResult::failed,
                            .error = base::Errc::dead};
    record.cause = decltype(record.cause)("abort did not clear the mailbox");
    const json told = rendered(record);
    EXPECT_EQ(told.at("purpose"), "revival");
    EXPECT_EQ(told.at("protocol"), nullptr);
    EXPECT_EQ(told.at("response_us"), nullptr);
    EXPECT_EQ(told.at("completion"), nullptr);
    EXPECT_EQ(told.at("abort"), "failed");
    EXPECT_EQ(told.at("outcome"), "org.doed1.Error.Dead");
    EXPECT_EQ(told.at("error"), "abort did not clear the mailbox");
}

TEST_F(ATraceDocument, TellsWhatIsUnderWay) {
    EXPECT_EQ(rendered({.ended = false}).at("outcome"), "running");
    const json aborting = rendered(
        {.ended = false, .abort = doe::AbortResult::under_way, .error = base::Errc::timeout});
    EXPECT_EQ(aborting.at("outcome"), "org.doed1.Error.Timeout");
    EXPECT_EQ(aborting.at("abort"), "running");
}

TEST_F(ATraceDocument, NamesEveryPurposeAndEveryWayToNotice) {
    std::set<std::string> purposes;
    for (const auto purpose :
         {doe::Purpose::claim, doe::Purpose::reset, doe::Purpose::revival, doe::Purpose::request}) {
        purposes.insert(rendered({.purpose = purpose}).at("purpose").get<std::string>());
    }
    EXPECT_EQ(purposes, (std::set<std::string>{"claim", "request", "reset", "revival"}));
    EXPECT_EQ(rendered({.noticed = doe::Noticed::poll}).at("completion"), "poll");
    EXPECT_EQ(rendered({.abort = doe::AbortResult::done}).at("abort"), "done");
}

TEST_F(ATraceDocument, CountsTimesBackwardsAcrossASecond) {
    now.wall = std::chrono::system_clock::time_point(1795244669000ms);
    EXPECT_EQ(rendered({.begin = base::TimePoint(5s - 1ms)}).at("begin"),
              "2026-11-21T07:04:28.999Z");
    EXPECT_EQ(rendered({.begin = base::TimePoint(5s)}).at("begin"), "2026-11-21T07:04:29.000Z");
}

TEST_F(ATraceDocument, KeepsItsOrderAndIsOneLineOfAscii) {
    mailbox->assign(Ownership{Owner::none, "\xc3\xbc\n", base::Errc::io}, "", {});
    const std::string text =
        trace_json(*mailbox, std::vector<doe::TraceRecord>{{.sequence = 3}, {.sequence = 4}}, now);
    EXPECT_TRUE(text.starts_with(R"({"version":1,"device":"0000:0d:00.0",)")) << text;
    EXPECT_LT(text.find("\"sequence\":3"), text.find("\"sequence\":4"));
    EXPECT_EQ(text.find('\n'), std::string::npos);
    EXPECT_TRUE(std::ranges::all_of(text, [](char c) { return c >= 0x20 && c < 0x7F; })) << text;
}

}  // namespace
}  // namespace doed::daemon
