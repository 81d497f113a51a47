// SPDX-License-Identifier: Apache-2.0
#include "base/event.hpp"

#include <functional>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace doed::base {
namespace {

using testing::ElementsAre;
using testing::ElementsAreArray;
using testing::HasSubstr;
using Bytes = std::vector<std::uint8_t>;

constexpr EventAddress some_address{.domain = 0x10000, .bus = 0x0d, .device = 31, .function = 7};
constexpr std::uint16_t some_offset = 0x190;
constexpr std::size_t type_at = 0;
constexpr std::size_t size_at = 2;
constexpr std::size_t lost_at = 16;
constexpr std::size_t device_at = 37;
constexpr std::size_t function_at = 38;
constexpr std::size_t flags_at = 39;
constexpr std::size_t mailbox_at = 40;
constexpr std::size_t body_at = event_header_size_bytes;

Event about_mailbox(EventBody body) {
    return Event{.time_us = 0x0102030405060708U,
                 .address = some_address,
                 .mailbox_offset = some_offset,
                 .body = std::move(body)};
}

Event about_device(EventBody body) {
    return Event{
        .time_us = 1, .address = some_address, .mailbox_offset = 0, .body = std::move(body)};
}

Event hello() {
    return Event{.time_us = 1,
                 .address = {},
                 .mailbox_offset = 0,
                 .body = SubscribedEvent{.version = 1, .queue_limit = 256}};
}

Event one_of_state() {
    return about_mailbox(StateEvent{.from = "idle", .to = "busy"});
}

std::vector<Event> one_of_each() {
    return {
        hello(),
        about_device(
            DeviceAddedEvent{.vendor_id = 0x8086, .device_id = 0x0d93, .class_code = 0x050210}),
        about_device(DeviceRemovedEvent{}),
        about_mailbox(
            MailboxAddedEvent{.capability_version = 2, .state = "starting", .owner = "daemon"}),
        about_mailbox(MailboxRemovedEvent{}),
        one_of_state(),
        about_mailbox(
            OwnerEvent{.from = "daemon", .to = "kernel", .reason = "driver cxl_pci uses it"}),
        about_mailbox(CdatChangedEvent{.sequence = 0xDEADBEEF}),
        about_mailbox(ExchangeFailedEvent{.vendor_id = 0x1e98,
                                          .object_type = 2,
                                          .error = "org.doed1.Error.Timeout",
                                          .detail = "no response in 1 s"}),
        about_mailbox(DriverSpecificEvent{.name = "polling", .text = "interrupts do not come"}),
    };
}

/// What parse_event says against `packet`; empty when it takes it.
std::string refusal(const Bytes& packet) {
    const auto parsed = parse_event(packet);
    if (parsed) {
        return {};
    }
    EXPECT_EQ(parsed.error().code(), Errc::malformed);
    return parsed.error().context();
}

TEST(AnEvent, IsReadAsItWasWritten) {
    std::uint16_t type = 0;
    for (const auto& event : one_of_each()) {
        SCOPED_TRACE(to_string(event.type()));
        EXPECT_EQ(static_cast<std::uint16_t>(event.type()), ++type) << "types are counted from 1";
        auto packet = encode(event);
        const EventDelivery delivery{
            .sequence = 0xF122334455667788U, .lost = 0x0122334455667788U, .pending = 0xF1223344U};
        stamp(packet, delivery);
        const auto parsed = parse_event(packet);
        ASSERT_TRUE(parsed.has_value()) << parsed.error().message();
        EXPECT_EQ(parsed->delivery, delivery);
        EXPECT_EQ(parsed->event, event);
    }
    EXPECT_EQ(type, std::variant_size_v<EventBody> - 1) << "each type is tried";
}

TEST(AnEvent, HasItsBytesAtTheDocumentedPlaces) {
    auto packet = encode(about_mailbox(CdatChangedEvent{.sequence = 0xA1A2A3A4}));
    stamp(packet,
          {.sequence = 0xB1B2B3B4B5B6B7B8U, .lost = 0xC1C2C3C4C5C6C7C8U, .pending = 0xD1D2D3D4});
    EXPECT_THAT(packet, ElementsAreArray({
                            0x08, 0x00, 0x04, 0x00, 0xD4, 0xD3, 0xD2, 0xD1,  // type, size, pending
                            0xB8, 0xB7, 0xB6, 0xB5, 0xB4, 0xB3, 0xB2, 0xB1,  // sequence
                            0xC8, 0xC7, 0xC6, 0xC5, 0xC4, 0xC3, 0xC2, 0xC1,  // lost
                            0x08, 0x07, 0x06, 0x05, 0x04, 0x03, 0x02, 0x01,  // time
                            0x00, 0x00, 0x01, 0x00, 0x0D, 0x1F, 0x07, 0x01,  // 10000:0d:1f.7
                            0x90, 0x01, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,  // mailbox
                            0xA4, 0xA3, 0xA2, 0xA1,
                        }));
}

TEST(TheTextsOfAnEvent, StandAfterTheirSizes) {
    const auto packet = encode(one_of_state());
    EXPECT_THAT(std::span(packet).subspan(body_at),
                ElementsAre(4, 'i', 'd', 'l', 'e', 4, 'b', 'u', 's', 'y'));
}

TEST(TheTextsOfAnEvent, AreCutToFit) {
    const std::string flood(1000, 'x');
    for (const auto& event :
         {about_mailbox(StateEvent{.from = flood, .to = flood}),
          about_mailbox(OwnerEvent{.from = flood, .to = flood, .reason = flood}),
          about_mailbox(MailboxAddedEvent{.capability_version = 1, .state = flood, .owner = flood}),
          about_mailbox(ExchangeFailedEvent{
              .vendor_id = 1, .object_type = 1, .error = flood, .detail = flood}),
          about_mailbox(DriverSpecificEvent{.name = flood, .text = flood})}) {
        SCOPED_TRACE(to_string(event.type()));
        const auto packet = encode(event);
        EXPECT_LE(packet.size(), event_size_max_bytes);
        EXPECT_EQ(refusal(packet), "");
    }
    const auto packet =
        encode(about_mailbox(OwnerEvent{.from = "daemon", .to = "kernel", .reason = flood}));
    EXPECT_EQ(packet.size(), event_size_max_bytes) << "free text takes what is left";
}

TEST(TheTextsOfAnEvent, AreNotCutInTheMiddleOfACharacter) {
    std::string text(event_name_size_max_bytes - 2, 'x');
    const auto packet = encode(about_mailbox(StateEvent{.from = text + "€", .to = "b"}));
    EXPECT_EQ(std::get<StateEvent>(parse_event(packet)->event.body).from, text);
}

TEST(TheTextsOfAnEvent, EndAtANul) {
    const auto packet =
        encode(about_mailbox(StateEvent{.from = std::string("a\0b", 3), .to = "c"}));
    EXPECT_EQ(parse_event(packet)->event.body, EventBody(StateEvent{.from = "a", .to = "c"}));
}

TEST(AnEventOfATypeOfLaterTimes, IsReadAsUnknown) {
    for (const auto& event : {about_mailbox(UnknownEvent{.type = EventType{11}, .body = {1, 2}}),
                              about_device(UnknownEvent{.type = EventType{0xFFFF}, .body = {}})}) {
        const auto parsed = parse_event(encode(event));
        ASSERT_TRUE(parsed.has_value());
        EXPECT_EQ(parsed->event, event);
        EXPECT_EQ(to_string(parsed->event.type()), "");
    }
}

TEST(AnEventOfLaterTimes, MayHaveMoreInItsBodyAndWhereZeroStands) {
    for (const auto& event : one_of_each()) {
        SCOPED_TRACE(to_string(event.type()));
        auto packet = encode(event);
        packet.insert(packet.end(), {0xAA, 0xBB});
        packet[size_at] = static_cast<std::uint8_t>(packet[size_at] + 2);
        packet[flags_at] |= 0x80;
        for (std::size_t i = mailbox_at + 2; i < body_at; ++i) {
            packet[i] = 0xCC;
        }
        const auto parsed = parse_event(packet);
        ASSERT_TRUE(parsed.has_value()) << parsed.error().message();
        EXPECT_EQ(parsed->event, event);
    }
}

TEST(AnEventThatIsCutOff, IsRefusedWhereverItEnds) {
    for (const auto& event : one_of_each()) {
        SCOPED_TRACE(to_string(event.type()));
        const auto whole = encode(event);
        for (std::size_t size = 0; size < whole.size(); ++size) {
            Bytes cut(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size));
            EXPECT_NE(refusal(cut), "") << size << " bytes";
            if (size < event_header_size_bytes) {
                continue;
            }
            cut[size_at] = static_cast<std::uint8_t>(size - event_header_size_bytes);
            EXPECT_THAT(refusal(cut), HasSubstr("cut off")) << size << " bytes, and it says so";
        }
    }
}

TEST(AMalformedEvent, IsRefused) {
    struct Row {
        const char* what;
        Event event;
        std::function<void(Bytes&)> spoil;
        const char* refusal;
    };
    const auto set = [](std::size_t at, std::uint8_t value) {
        return [at, value](Bytes& packet) { packet[at] = value; };
    };
    const auto device = about_device(DeviceRemovedEvent{});
    const auto later = about_mailbox(UnknownEvent{.type = EventType{99}, .body = {}});
    const Row rows[] = {
        {"type 0", one_of_state(), set(type_at, 0), "type 0"},
        {"a byte too many", one_of_state(), [](Bytes& packet) { packet.push_back(0); },
         "another length"},
        {"a byte too few", one_of_state(), [](Bytes& packet) { packet.pop_back(); },
         "another length"},
        {"129 bytes of body", one_of_state(),
         [](Bytes& packet) {
             packet.resize(event_size_max_bytes + 1);
             packet[size_at] = 129;
         },
         "another length"},
        {"0x100 bytes more than there are", one_of_state(), set(size_at + 1, 1), "another length"},
        {"more lost than there were", one_of_state(), set(lost_at, 1), "more events are lost"},
        {"device 32", device, set(device_at, 32), "PCI address"},
        {"function 8", device, set(function_at, 8), "PCI address"},
        {"a mailbox in the legacy space", one_of_state(), set(mailbox_at + 1, 0), "mailbox offset"},
        {"a mailbox beyond the space", one_of_state(), set(mailbox_at + 1, 0x10), "mailbox offset"},
        {"a mailbox between two dwords", one_of_state(), set(mailbox_at, 0x91), "mailbox offset"},
        {"a text longer than the body", one_of_state(), set(body_at, 200), "cut off"},
        {"a NUL in a text", one_of_state(), set(body_at + 1, 0), "NUL"},
        {"a state of no device", one_of_state(), set(flags_at, 0), "about another thing"},
        {"a state of no mailbox", one_of_state(),
         [](Bytes& packet) { packet[mailbox_at] = packet[mailbox_at + 1] = 0; },
         "about another thing"},
        {"a device that is a mailbox", device, set(mailbox_at + 1, 1), "about another thing"},
        {"a removal of no device", device, set(flags_at, 0), "about another thing"},
        {"a subscription to a device", hello(), set(flags_at, 1), "about another thing"},
        {"a subscription to a mailbox", hello(), set(mailbox_at + 1, 1), "about another thing"},
        {"a note on nothing", about_device(DriverSpecificEvent{.name = "polling", .text = ""}),
         set(flags_at, 0), "about another thing"},
        {"a mailbox of no device", later, set(flags_at, 0), "about another thing"},
    };
    for (const auto& row : rows) {
        SCOPED_TRACE(row.what);
        auto packet = encode(row.event);
        EXPECT_EQ(refusal(packet), "") << "before it is spoilt";
        row.spoil(packet);
        EXPECT_THAT(refusal(packet), HasSubstr(row.refusal));
    }
}

TEST(WhatIsNoUtf8, IsWrittenAsQuestionMarksAndRefusedWhenItIsRead) {
    // A byte of another encoding, an overlong form, a surrogate, a character that is cut off.
    for (const auto& [given, written] :
         std::vector<std::pair<std::string, std::string>>{{"\xfc"
                                                           "ber €",
                                                           "?ber €"},
                                                          {"a\xc0\x80", "a??"},
                                                          {"\xed\xa0\x80", "???"},
                                                          {"\xe2\x82", "??"}}) {
        const auto packet = encode(about_mailbox(StateEvent{.from = given, .to = "b"}));
        EXPECT_EQ(std::get<StateEvent>(parse_event(packet)->event.body).from, written);
    }
    auto packet = encode(about_mailbox(StateEvent{.from = "a", .to = "b"}));
    packet.back() = 0xfc;
    EXPECT_THAT(refusal(packet), HasSubstr("UTF-8"));
}

TEST(ANulInTheLastText, IsRefusedInEachTypeThatHasTexts) {
    std::size_t tried = 0;
    for (const auto& event : one_of_each()) {
        const auto type = event.type();
        if (type == EventType::mailbox_added || type == EventType::state ||
            type == EventType::owner || type >= EventType::exchange_failed) {
            SCOPED_TRACE(to_string(type));
            auto packet = encode(event);
            packet.back() = 0;
            EXPECT_THAT(refusal(packet), HasSubstr("NUL"));
            ++tried;
        }
    }
    EXPECT_EQ(tried, 5U);
}

}  // namespace
}  // namespace doed::base
