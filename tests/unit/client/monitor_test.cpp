// SPDX-License-Identifier: Apache-2.0
//
// doectl monitor with a table in doed's place, and its lines.
#include "client/commands/monitor.hpp"

#include "base/unique_fd.hpp"
#include "client/end_signals.hpp"
#include "client/libdoed_records.hpp"
#include "client/render_event.hpp"
#include "table_service.hpp"

#include <algorithm>
#include <array>
#include <csignal>
#include <string>

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <unistd.h>

namespace doed::client {
namespace {

using testing::ElementsAre;
using testing::EndsWith;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

constexpr std::uint64_t moment_us = 1'763'711'007'781'000;  // 2025-11-21T07:43:27.781Z

Event happened(EventKind kind, std::string name) {
    return {.kind = kind,
            .name = std::move(name),
            .time_us = moment_us,
            .address = "0000:0d:00.0",
            .offset = 0x190};
}

Event subscribed() {
    return {.kind = EventKind::subscribed, .name = "subscribed"};
}

Event state(std::string from, std::string to) {
    auto event = happened(EventKind::state, "state");
    event.from = std::move(from);
    event.to = std::move(to);
    return event;
}

/// Runs it, and returns what it wrote.
class Screen {
public:
    Screen() {
        int ends[2];
        EXPECT_EQ(::pipe2(ends, O_CLOEXEC | O_NONBLOCK), 0);
        out_ = base::UniqueFd(ends[0]);
        in_ = base::UniqueFd(ends[1]);
    }
    [[nodiscard]] int end() const { return in_.get(); }
    [[nodiscard]] int reader() const { return out_.get(); }
    void close_reader() { out_ = base::UniqueFd(); }
    [[nodiscard]] std::string read() const {
        std::string text;
        std::array<char, 4096> part{};
        for (ssize_t count = 0; (count = ::read(out_.get(), part.data(), part.size())) > 0;) {
            text.append(part.data(), static_cast<std::size_t>(count));
        }
        return text;
    }

private:
    base::UniqueFd out_;
    base::UniqueFd in_;
};

Outcome<CommandOutput> monitor(TableService& service, const Screen& screen,
                               const std::string& device = {}, OutputOptions output = {}) {
    OutputLines lines(screen.end());
    return run(MonitorOptions{device}, service, lines, {}, output);
}

TEST(AnEventsLine, SaysWhenWhereAndWhat) {
    EXPECT_EQ(render_event(state("idle", "busy")),
              "2025-11-21T07:43:27.781Z  0000:0d:00.0/190   state             idle -> busy\n");
    auto owner = happened(EventKind::owner, "owner");
    owner.from = "daemon";
    owner.to = "kernel";
    owner.text = "cxl_pci is\nbound";
    EXPECT_THAT(render_event(owner), EndsWith("  daemon -> kernel: cxl_pci is\\x0abound\n"));
    auto failed = happened(EventKind::exchange_failed, "exchange-failed");
    failed.vendor_id = 0x1e98;
    failed.object_type = 2;
    failed.error_name = "org.doed1.Error.Timeout";
    failed.text = "no response";
    EXPECT_THAT(render_event(failed), EndsWith("  1e98:02 Timeout: no response\n"));
    auto removed = happened(EventKind::mailbox_removed, "mailbox-removed");
    EXPECT_THAT(render_event(removed), EndsWith("  mailbox-removed\n"));
    auto gone = Event{.kind = EventKind::daemon_gone, .name = "daemon-gone"};
    EXPECT_EQ(render_event(gone),
              "-                         -                  daemon-gone       doed is not there; "
              "waiting for it\n");
}

TEST(AnEventsLine, ShowsWhatIsOutOfOrder) {
    EXPECT_THAT(render_event(state("busy", "dead"), Palette(true)),
                HasSubstr("\x1b[31mbusy -> dead\x1b[0m"));
    EXPECT_THAT(render_event(state("dead", "idle"), Palette(true)), Not(HasSubstr("\x1b")));
}

TEST(AnEventsJson, HasWhatItsKindHas) {
    EXPECT_EQ(json_of_event(state("idle", "busy")),
              R"({"schema":1,"event":"state","time":"2025-11-21T07:43:27.781Z",)"
              R"("device":"0000:0d:00.0","mailbox":"0000:0d:00.0/190","from":"idle","to":"busy"})"
              "\n");
    Event added{.kind = EventKind::device_added,
                .name = "device-added",
                .address = "0000:0d:00.0",
                .vendor_id = 0x8086,
                .device_id = 0xd93,
                .class_code = 0x050210};
    EXPECT_EQ(json_of_event(added),
              R"({"schema":1,"event":"device-added","time":null,"device":"0000:0d:00.0",)"
              R"("mailbox":null,"vendor_id":"8086","device_id":"0d93","class_code":"050210"})"
              "\n");
}

TEST(Monitor, ShowsEveryMailboxAndThenWhatHappens) {
    TableService service;
    service.events = {subscribed(), state("idle", "busy")};
    const Screen screen;
    ASSERT_TRUE(monitor(service, screen));
    const auto text = screen.read();
    EXPECT_THAT(text,
                HasSubstr("TIME                      MAILBOX            EVENT             WHAT\n"));
    EXPECT_THAT(text, HasSubstr("  0000:0e:00.0/1a0   present           dead, owner daemon"));
    EXPECT_THAT(text, EndsWith("0000:0d:00.0/190   state             idle -> busy\n"));
    EXPECT_THAT(service.calls, ElementsAre("follow", "devices"));
}

TEST(Monitor, SaysWhenTheStreamItselfChanged) {
    TableService service;
    service.events = {{.kind = EventKind::daemon_gone, .name = "daemon-gone"}};
    const Screen screen;
    ASSERT_TRUE(monitor(service, screen, "", {.legend = false}));
    EXPECT_THAT(screen.read(), ::testing::MatchesRegex("20[^ ]+Z  -  .*daemon-gone.*\n"));
}

TEST(Monitor, ReasonsWhyAMailboxIsNotDriven) {
    auto present = happened(EventKind::present, "present");
    present.to = "kernel";
    present.owner = "kernel";
    present.text = "cxl_pci is bound";
    EXPECT_THAT(render_event(present), EndsWith("  kernel, owner kernel: cxl_pci is bound\n"));
    present.to = "idle";
    present.owner = "daemon";
    EXPECT_THAT(render_event(present), EndsWith("  idle, owner daemon\n"));
}

TEST(Monitor, ShowsWhatIsAskedFor) {
    TableService service;
    auto other = state("idle", "busy");
    other.address = "0000:0e:00.0";
    auto neighbour = state("idle", "busy");
    neighbour.offset = 0x1a0;
    service.events = {
        subscribed(),
        other,
        neighbour,
        state("busy", "idle"),
        {.kind = EventKind::device_removed, .name = "device-removed", .address = "0000:0d:00.0"}};
    const Screen screen;
    ASSERT_TRUE(monitor(service, screen, "0d:00.0/190", {.legend = false}));
    const auto text = screen.read();
    EXPECT_EQ(std::ranges::count(text, '\n'), 3) << text;
    EXPECT_THAT(text, Not(HasSubstr("0e:00.0")));
    EXPECT_THAT(text, HasSubstr("busy -> idle"));
    EXPECT_THAT(text, HasSubstr("device-removed"));
    EXPECT_EQ(monitor(service, screen, "nonsense").error().kind(), FailureKind::usage);
}

TEST(Monitor, ShowsTheStateAnewWhenEventsAreLostOrDoedIsAnother) {
    TableService service;
    auto late = state("idle", "busy");
    late.lost = 12;
    service.events = {late,
                      {.kind = EventKind::daemon_gone, .name = "daemon-gone"},
                      {.kind = EventKind::daemon_restarted, .name = "daemon-restarted"}};
    const Screen screen;
    ASSERT_TRUE(monitor(service, screen, "0d:00.0", {.json = JsonStyle::compact}));
    const auto text = screen.read();
    EXPECT_THAT(text, HasSubstr(R"("event":"lost","time":"2025-11-21T07:43:27.781Z","device":null,)"
                                R"("mailbox":null,"lost":12})"));
    EXPECT_EQ(std::ranges::count(text, '\n'), 6) << text;
    EXPECT_THAT(service.calls, ElementsAre("follow", "devices", "devices"));
}

TEST(Monitor, EndsQuietlyWhenNobodyReads) {
    TableService service;
    service.events = {subscribed(), state("idle", "busy")};
    Screen screen;
    screen.close_reader();
    const auto output = monitor(service, screen);
    ASSERT_TRUE(output) << output.error().line();
    EXPECT_EQ(output->exit_status, 0);
}

TEST(Monitor, EndsQuietlyWhenItIsToEndWhileDoedDoesNotAnswer) {
    TableService service;
    service.events = {subscribed()};
    service.failing_call = "devices";
    const Screen screen;
    OutputLines lines(screen.end());
    const Screen end;
    ASSERT_EQ(::write(end.end(), "x", 1), 1);
    const pollfd said{end.reader(), POLLIN, 0};
    const auto output =
        run(MonitorOptions{}, service, lines, std::span(&said, 1), OutputOptions{.legend = false});
    EXPECT_TRUE(output) << output.error().line();
}

TEST(OutputLines, DoNotWaitForAReaderThatHasStoppedOnceTheyAreToEnd) {
    const Screen screen;
    const Screen end;
    ASSERT_EQ(::write(end.end(), "x", 1), 1);
    const pollfd said{end.reader(), POLLIN, 0};
    OutputLines lines(screen.end(), std::span(&said, 1));
    EXPECT_FALSE(lines.write(std::string(1 << 20, '.')));
    EXPECT_TRUE(lines.outcome());
}

TEST(Monitor, FailsWhereItCannotWrite) {
    TableService service;
    service.events = {subscribed()};
    const base::UniqueFd full(::open("/dev/full", O_WRONLY | O_CLOEXEC));
    OutputLines lines(full.get());
    const auto output = run(MonitorOptions{}, service, lines, {}, {});
    ASSERT_FALSE(output);
    EXPECT_THAT(output.error().line(), HasSubstr("cannot write to standard output"));
}

TEST(Monitor, SaysWhatFailed) {
    TableService service;
    service.failing_call = "follow";
    const Screen screen;
    EXPECT_EQ(monitor(service, screen).error().message(), "cannot follow what happens: late");
    service.failing_call = "devices";
    service.events = {subscribed()};
    EXPECT_EQ(monitor(service, screen).error().message(), "cannot list the devices: late");
    service.failure_name = "org.freedesktop.DBus.Error.NoReply";
    EXPECT_TRUE(monitor(service, screen)) << "a doed that has just ended is waited for";
}

TEST(EndSignals, AreSomethingToWaitForAndThenAsBefore) {
    const auto blocked = [] {
        sigset_t now;
        ::sigprocmask(SIG_BLOCK, nullptr, &now);
        return ::sigismember(&now, SIGTERM);
    };
    {
        const EndSignals signals;
        auto waited = signals.arrived();
        EXPECT_EQ(::poll(&waited, 1, 0), 0);
        ::kill(::getpid(), SIGTERM);
        EXPECT_EQ(::poll(&waited, 1, 10'000), 1);
        EXPECT_EQ(blocked(), 1);
    }
    EXPECT_EQ(blocked(), 0);
}

TEST(AnEvent, ComesFromTheLibraryWhole) {
    doed_event raw{};
    raw.size = sizeof raw;
    raw.type = DOED_EVENT_OWNER;
    raw.time_usec = moment_us;
    raw.lost = 3;
    raw.address = "0000:0d:00.0";
    raw.path = raw.name = "";
    raw.offset = 0x190;
    raw.from = "daemon";
    raw.to = "kernel";
    raw.owner = "";
    raw.text = "why";
    const auto event = event_of(raw);
    EXPECT_EQ(event.kind, EventKind::owner);
    EXPECT_EQ(event.name, "owner");
    EXPECT_EQ(event.subject(), "0000:0d:00.0/190");
    EXPECT_EQ(event.lost, 3U);
    EXPECT_EQ(event.text, "why");
    raw.type = 0x7fff;
    EXPECT_EQ(event_of(raw).kind, EventKind::other);
}

}  // namespace
}  // namespace doed::client
