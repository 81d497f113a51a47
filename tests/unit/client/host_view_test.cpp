// SPDX-License-Identifier: Apache-2.0
//
// What the kernel made of a table: out of doed's document, and as doectl shows it.
#include "cdat/json.hpp"
#include "cdat/table_builder.hpp"
#include "client/host_view_document.hpp"
#include "client/render_host_view.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace doed::client {
namespace {

using testing::HasSubstr;
using testing::Not;

const cdat::HostView host{"mem0",
                          {{"region0", 1, 1, {320, 420, 15000, 14000}},
                           {"region1", std::nullopt, 2, {{}, {}, 32000, {}}}}};

cdat::Summary default_summary() {
    return cdat::summarize(
        cdat::decode(cdat::Table::parse(cdat::default_endpoint_table(256U << 20))));
}

TEST(AHostView, ComesOutOfADocumentAsItWentIn) {
    const auto table = cdat::Table::parse(cdat::default_endpoint_table(256U << 20));
    for (const auto& view : {host, cdat::HostView{"mem1", {}}, cdat::HostView{}}) {
        const auto read = host_view_of(cdat::to_json(
            table, {.mailbox = "", .source = "", .host = view}, cdat::JsonStyle::compact));
        ASSERT_TRUE(read) << read.error().line();
        EXPECT_EQ(*read, view);
    }
}

TEST(AHostView, PassesOverWhatItDoesNotKnow) {
    const auto read = host_view_of(R"({"new": 1, "host": {"memory_device": "mem0", "new": [],
        "regions": [{"name": "region0", "new": null, "numa_node": null, "read_latency_ns": "7"}]}})");
    ASSERT_TRUE(read) << read.error().line();
    EXPECT_EQ(*read, (cdat::HostView{"mem0", {{"region0", {}, 0, {7, {}, {}, {}}}}}));
}

TEST(AHostView, OfSomethingElseIsRefused) {
    for (const auto* const text : {"", "[]", "{\"host\": 3}", "{\"host\": {\"regions\": 1}}",
                                   "{\"host\": {\"regions\": [{\"read_latency_ns\": \"x\"}]}}"}) {
        EXPECT_FALSE(host_view_of(text)) << text;
    }
}

TEST(AHostView, IsShownBesideTheTable) {
    const auto text = render_host_view(host, default_summary());
    EXPECT_THAT(text, HasSubstr("The kernel's region0, NUMA node 1\n"));
    EXPECT_THAT(text, HasSubstr("  Read latency     320 ns (the table: 150 ns)\n"));
    EXPECT_THAT(text, HasSubstr("The kernel's region1\n"));
    EXPECT_THAT(text, HasSubstr("  Read bandwidth   32000 MB/s\n"))
        << "two devices may have more than one of them";
    EXPECT_THAT(text, Not(HasSubstr("!")));
}

TEST(AHostView, IsMarkedWhereItCannotBe) {
    const cdat::HostView better{"mem0", {{"region0", 1, 1, {149, 250, 16000, 16001}}}};
    const auto text = render_host_view(better, default_summary());
    EXPECT_THAT(text,
                HasSubstr("! Read latency     149 ns, better than the 150 ns of the table\n"));
    EXPECT_THAT(text, HasSubstr("  Write latency    250 ns\n"));
    EXPECT_THAT(text, HasSubstr("  Read bandwidth   16000 MB/s\n"));
    EXPECT_THAT(
        text,
        HasSubstr("! Write bandwidth  16001 MB/s, better than the 16000 MB/s of the table\n"));
}

TEST(AHostView, IsComparedWithTheBestOfSeveralRanges) {
    auto summary = default_summary();
    summary.ranges.push_back(summary.ranges.front());
    summary.ranges.back().performance.read_latency->value.amount = 300'000;
    const cdat::HostView seen{"mem0", {{"region0", 1, 1, {320, 249, {}, {}}}}};
    const auto text = render_host_view(seen, summary);
    EXPECT_THAT(text, HasSubstr("  Read latency     320 ns (best of the table: 150 ns)\n"));
    EXPECT_THAT(
        text, HasSubstr("! Write latency    249 ns, better than the best of the table, 250 ns\n"));
}

TEST(AHostView, OfARegionFitsIntoALine) {
    const auto cells = cells_of_region(host.regions[0], default_summary());
    EXPECT_EQ(cells.name, "region0");
    EXPECT_EQ(cells.numa_node, "1");
    EXPECT_EQ(cells.read_latency, "320 ns");
    EXPECT_EQ(cells.read_bandwidth, "15000 MB/s");
    EXPECT_FALSE(cells.impossible);
    const auto of_two = cells_of_region(host.regions[1], default_summary());
    EXPECT_EQ(of_two.name, "region1 of 2 devices");
    EXPECT_EQ(of_two.numa_node, "-");
    EXPECT_EQ(of_two.read_latency, "-");
    EXPECT_EQ(of_two.read_bandwidth, "32000 MB/s");
    EXPECT_FALSE(of_two.impossible);
    const auto wrong = cells_of_region({"region2", 1, 1, {320, 1, 17000, {}}}, default_summary());
    EXPECT_EQ(wrong.read_bandwidth, "17000 MB/s (!)");
    EXPECT_TRUE(wrong.impossible);
}

TEST(AHostView, WithoutRegionsSaysSo) {
    EXPECT_EQ(render_host_view({"mem0", {}}, {}), "\nThe kernel has made no memory of mem0 yet.\n");
    EXPECT_EQ(render_host_view({}, {}), "");
}

}  // namespace
}  // namespace doed::client
