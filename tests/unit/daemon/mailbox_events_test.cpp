// SPDX-License-Identifier: Apache-2.0
#include "daemon/events/mailbox_events.hpp"

#include <boost/asio/io_context.hpp>

#include <array>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>

namespace doed::daemon {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

class TheEventsOfAMailbox : public testing::Test {
protected:
    /// The bodies of what has been told since the last call.
    std::vector<base::EventBody> told() {
        std::vector<base::EventBody> bodies;
        std::array<std::uint8_t, base::event_size_max_bytes> buffer{};
        for (;;) {
            const auto size = ::recv(reader.get(), buffer.data(), buffer.size(), MSG_DONTWAIT);
            if (size <= 0) {
                return bodies;
            }
            const auto packet =
                base::parse_event(std::span(buffer).first(static_cast<std::size_t>(size))).value();
            if (packet.event.type() != base::EventType::subscribed) {
                EXPECT_EQ(packet.event.mailbox_offset, 0x190);
                EXPECT_EQ(packet.event.address, base::EventAddress{.bus = 0x0D});
                bodies.push_back(packet.event.body);
            }
        }
    }
    void assign(Owner owner, const std::string& reason) {
        mailbox->assign(Ownership{owner, reason, base::Errc::kernel_owned}, "", {});
    }

    boost::asio::io_context loop;
    EventHub hub{loop.get_executor(), EventLimits{}};
    base::UniqueFd reader = hub.subscribe(0).value();
    std::shared_ptr<ServedMailbox> mailbox = std::make_shared<ServedMailbox>(
        loop.get_executor(), pci::Address{.bus = 0x0D}, pci::DoeCapability{0x190, 2});
    MailboxEvents events{&hub, mailbox};
};

TEST_F(TheEventsOfAMailbox, BeginWhenItIsOnTheBusWithWhatItIsThen) {
    assign(Owner::kernel, "driver cxl_pci");
    events.changed();
    events.cdat_changed(1);
    events.note("polling", "");
    EXPECT_THAT(told(), IsEmpty());
    events.added();
    EXPECT_THAT(told(), ElementsAre(base::EventBody(base::MailboxAddedEvent{
                            .capability_version = 2, .state = "kernel", .owner = "kernel"})));
    events.changed();
    EXPECT_THAT(told(), IsEmpty()) << "nothing has changed since";
}

TEST_F(TheEventsOfAMailbox, TellOfAnotherOwnerBeforeItsState) {
    events.added();
    static_cast<void>(told());
    assign(Owner::daemon, "no kernel driver is bound");
    events.changed();
    EXPECT_THAT(
        told(),
        ElementsAre(base::EventBody(base::OwnerEvent{
                        .from = "none", .to = "daemon", .reason = "no kernel driver is bound"}),
                    base::EventBody(base::StateEvent{.from = "none", .to = "starting"})));
}

TEST_F(TheEventsOfAMailbox, TellOfAnotherReasonForTheSameOwner) {
    assign(Owner::kernel, "the kernel has a CXL port");
    events.added();
    static_cast<void>(told());
    assign(Owner::kernel, "the configuration leaves it to the kernel");
    events.changed();
    events.changed();
    EXPECT_THAT(told(), ElementsAre(base::EventBody(base::OwnerEvent{
                            .from = "kernel",
                            .to = "kernel",
                            .reason = "the configuration leaves it to the kernel"})));
}

TEST_F(TheEventsOfAMailbox, CarryTablesAndNotes) {
    events.added();
    static_cast<void>(told());
    events.cdat_changed(7);
    events.note("polling", "its interrupts do not arrive");
    EXPECT_THAT(told(),
                ElementsAre(base::EventBody(base::CdatChangedEvent{.sequence = 7}),
                            base::EventBody(base::DriverSpecificEvent{
                                .name = "polling", .text = "its interrupts do not arrive"})));
}

TEST_F(TheEventsOfAMailbox, EndWhenItLeavesTheBus) {
    events.added();
    static_cast<void>(told());
    events.removed();
    events.removed();
    assign(Owner::kernel, "driver cxl_pci");
    events.changed();
    EXPECT_THAT(told(), ElementsAre(base::EventBody(base::MailboxRemovedEvent{})));
}

TEST_F(TheEventsOfAMailbox, AreForNobodyWhereThereIsNoHub) {
    MailboxEvents silent(nullptr, mailbox);
    silent.added();
    assign(Owner::kernel, "driver cxl_pci");
    silent.changed();
    silent.removed();
    EXPECT_THAT(told(), IsEmpty());
}

}  // namespace
}  // namespace doed::daemon
