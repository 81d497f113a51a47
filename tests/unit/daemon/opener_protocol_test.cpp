// SPDX-License-Identifier: Apache-2.0
#include "daemon/opener/protocol.hpp"

#include <array>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace doed::daemon::opener {
namespace {

using testing::ElementsAre;
using testing::SizeIs;

const Request open_request{
    .id = 0x01020304,
    .command = Command::open,
    .file = pci::RootFile::vfio_device,
    .address = {.domain = 0x10000, .bus = 0xFE, .device = 31, .function = 7}};

TEST(AnOpenersRequest, IsSixteenBytesAsDocumented) {
    EXPECT_THAT(encode(open_request),
                ElementsAre(4, 3, 2, 1, 2, 6, 0, 0, 0, 0, 1, 0, 0xFE, 31, 7, 0));
}

TEST(AnOpenersRequest, ComesBackAsItWas) {
    EXPECT_EQ(parse_request(encode(open_request)), open_request);
    const Request find{.id = 7, .command = Command::find, .address = {.bus = 1}};
    EXPECT_EQ(parse_request(encode(find)), find);
}

TEST(AnOpenersRequest, HasNoOtherLength) {
    auto packet = encode(open_request);
    packet.push_back(0);
    EXPECT_FALSE(parse_request(packet));
    for (std::size_t size = 0; size < request_size_bytes; ++size) {
        EXPECT_FALSE(parse_request(std::span(packet).first(size))) << size;
    }
}

TEST(AnOpenersRequest, IsRefusedWithAnyValueThatMeansNothing) {
    struct Row {
        std::size_t at;
        std::uint8_t value;
    };
    for (const auto& [at, value] : {Row{4, 0}, Row{4, 3}, Row{4, 1}, Row{5, 7}, Row{5, 255},
                                    Row{6, 1}, Row{7, 1}, Row{13, 32}, Row{14, 8}, Row{15, 1}}) {
        auto packet = encode(open_request);
        packet.at(at) = value;
        EXPECT_FALSE(parse_request(packet)) << at << " " << int{value};
    }
}

TEST(AnOpenersReply, TellsWhatWasFound) {
    const Reply reply{.id = 9,
                      .error = {},
                      .found = {.mailboxes = {{0x190, 2}, {0x200, 1}},
                                .defect = "0x200: a loop",
                                .lasting = false,
                                .config_writable = true}};
    const auto back = parse_reply(encode(reply, Command::find), Command::find);
    ASSERT_TRUE(back);
    EXPECT_EQ(back->id, 9U);
    EXPECT_FALSE(back->error);
    EXPECT_EQ(back->found.mailboxes, reply.found.mailboxes);
    EXPECT_EQ(back->found.defect, "0x200: a loop");
    EXPECT_FALSE(back->found.lasting);
    EXPECT_TRUE(back->found.config_writable);
}

TEST(AnOpenersReply, TellsErrors) {
    for (const auto code :
         {base::Errc::invalid_argument, base::Errc::kernel_owned, base::Errc::io}) {
        const Reply reply{.id = 1, .error = base::Error(code, "why"), .found = {}};
        for (const auto command : {Command::find, Command::open}) {
            const auto back = parse_reply(encode(reply, command), command);
            ASSERT_TRUE(back);
            ASSERT_TRUE(back->error);
            EXPECT_EQ(back->error->code(), code);
            EXPECT_EQ(back->error->context(), "why");
        }
    }
}

TEST(AnOpenersReply, IsNeverLongerThanItsReaderTakes) {
    Reply reply{
        .id = 1, .error = {}, .found = {.mailboxes = {}, .defect = std::string(100'000, 'x')}};
    reply.found.mailboxes.resize(4096);
    const auto packet = encode(reply, Command::find);
    EXPECT_LE(packet.size(), reply_size_max_bytes);
    const auto back = parse_reply(packet, Command::find);
    ASSERT_TRUE(back);
    EXPECT_THAT(back->found.defect, SizeIs(text_size_max_bytes));
    EXPECT_THAT(back->found.mailboxes, SizeIs(255));
}

TEST(AnOpenersReply, IsRefusedWhenItHasAnotherLengthThanItSays) {
    const Reply reply{.id = 1, .error = {}, .found = {.mailboxes = {{0x190, 2}}, .defect = "abc"}};
    auto packet = encode(reply, Command::find);
    for (std::size_t size = 0; size < packet.size(); ++size) {
        EXPECT_FALSE(parse_reply(std::span(packet).first(size), Command::find)) << size;
    }
    packet.push_back(0);
    EXPECT_FALSE(parse_reply(packet, Command::find));
    EXPECT_FALSE(parse_reply(packet, Command::open));
}

TEST(AnOpenersReply, IsRefusedWithAStatusThatIsNoError) {
    std::array<std::uint8_t, 8> packet{1, 0, 0, 0, 21, 0, 0, 0};
    EXPECT_FALSE(parse_reply(packet, Command::open));
    packet[4] = 20;
    EXPECT_TRUE(parse_reply(packet, Command::open));
}

TEST(AnOpenersReply, IsRefusedWithATextBesideADescriptor) {
    std::vector<std::uint8_t> packet{1, 0, 0, 0, 0, 0, 0, 0};
    EXPECT_TRUE(parse_reply(packet, Command::open));
    packet[6] = 1;
    packet.push_back('?');
    EXPECT_FALSE(parse_reply(packet, Command::open));
}

TEST(AnOpenersReply, IsRefusedWithAFlagThatNobodyKnows) {
    std::vector<std::uint8_t> packet{1, 0, 0, 0, 0, 0, 0, 0, 3, 0};
    EXPECT_TRUE(parse_reply(packet, Command::find));
    packet[8] = 4;
    EXPECT_FALSE(parse_reply(packet, Command::find));
}

}  // namespace
}  // namespace doed::daemon::opener
