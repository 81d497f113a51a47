// SPDX-License-Identifier: Apache-2.0
//
// Calls in both forms: what they give, how they fail, deadlines and ticks.
#include "base/unique_fd.hpp"
#include "child_with_copies.hpp"
#include "fake_doed.hpp"

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstdlib>
#include <optional>
#include <string>

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

namespace doed::client {
namespace {

using testing::HasSubstr;
using Bytes = std::vector<std::uint8_t>;

/// The options of a call that came to doed.
struct Options {
    std::optional<std::uint64_t> deadline_usec;
    bool refresh = false;
    bool interactive = false;
    bool autostart = true;
};

Options options_of(sd_bus_message* call) {
    Options options;
    options.autostart = sd_bus_message_get_auto_start(call) > 0;
    sd_bus_message_enter_container(call, 'a', "{sv}");
    while (sd_bus_message_enter_container(call, 'e', "sv") > 0) {
        const char* name = nullptr;
        sd_bus_message_read(call, "s", &name);
        if (std::string(name) == "deadline-usec") {
            sd_bus_message_read(call, "v", "t", &options.deadline_usec.emplace());
        } else {
            int value = 0;
            sd_bus_message_read(call, "v", "b", &value);
            (std::string(name) == "refresh" ? options.refresh : options.interactive) = value != 0;
        }
        sd_bus_message_exit_container(call);
    }
    return options;
}

Bytes table_of(doed_context* context, std::uint32_t flags, int& result) {
    std::uint8_t* raw = nullptr;
    std::size_t size = 0;
    result = doed_cdat_table(context, mailbox_path, flags, &raw, &size);
    Bytes bytes(raw, raw + size);
    std::free(raw);
    return bytes;
}

TEST(ACall, GivesWhatDoedAnswers) {
    const FakeDoed doed(
        {{"Discover",
          [](sd_bus_message* call) {
              return sd_bus_reply_method_return(call, "a(qys)", 1, 0x1e98, 2, "CDAT");
          }},
         {"Reset", [](sd_bus_message* call) { return sd_bus_reply_method_return(call, ""); }},
         {"GetTrace", text_reply("{}")},
         {"GetJson", text_reply("[1]")},
         {"Refresh", number_reply(12)},
         {"GetTable", bytes_reply({1, 2, 3})}});
    const auto context = make_context();

    doed_features* features = nullptr;
    ASSERT_EQ(doed_discover(context.get(), mailbox_path, &features), 0);
    EXPECT_EQ(doed_features_vendor_id(features, 0), 0x1e98);
    doed_features_unref(features);

    EXPECT_EQ(doed_reset(context.get(), mailbox_path), 0);

    char* text = nullptr;
    ASSERT_EQ(doed_trace(context.get(), mailbox_path, &text), 0);
    EXPECT_STREQ(text, "{}");
    std::free(text);
    ASSERT_EQ(doed_cdat_json(context.get(), mailbox_path, 0, &text), 0);
    EXPECT_STREQ(text, "[1]");
    std::free(text);

    std::uint32_t sequence = 0;
    ASSERT_EQ(doed_cdat_refresh(context.get(), mailbox_path, &sequence), 0);
    EXPECT_EQ(sequence, 12U);

    int result = 0;
    EXPECT_EQ(table_of(context.get(), 0, result), (Bytes{1, 2, 3}));

    doed_cdat* cdat = nullptr;
    ASSERT_EQ(doed_cdat_get(context.get(), mailbox_path, 0, &cdat), 0);
    std::size_t size = 0;
    EXPECT_EQ(doed_cdat_bytes(cdat, &size)[2], 3);
    EXPECT_EQ(size, 3U);
    doed_cdat_unref(cdat);
}

TEST(ACall, TellsDoedWhatItsContextWasSetTo) {
    Options seen;
    const FakeDoed doed({{"GetTable", [&](sd_bus_message* call) {
                              seen = options_of(call);
                              return bytes_reply({})(call);
                          }}});
    const auto context = make_context();
    int result = -1;
    (void)table_of(context.get(), 0, result);
    EXPECT_EQ(result, 0);
    EXPECT_GT(seen.deadline_usec.value_or(0), 25'000'000U);
    EXPECT_FALSE(seen.refresh || seen.interactive);
    EXPECT_TRUE(seen.autostart);

    ASSERT_EQ(doed_set_deadline(context.get(), UINT64_MAX), 0);
    ASSERT_EQ(
        doed_set_flags(context.get(), DOED_ALLOW_INTERACTIVE_AUTHORIZATION | DOED_NO_AUTOSTART), 0);
    (void)table_of(context.get(), DOED_CDAT_REFRESH, result);
    EXPECT_EQ(result, 0);
    EXPECT_FALSE(seen.deadline_usec);
    EXPECT_TRUE(seen.refresh && seen.interactive);
    EXPECT_FALSE(seen.autostart);
}

TEST(ACall, RefusesWhatItCannotMeanBeforeDoedIsAsked) {
    const auto context = make_context();
    doed_features* features = nullptr;
    EXPECT_EQ(doed_discover(context.get(), "no path", &features), -EINVAL);
    EXPECT_THAT(doed_last_error_message(context.get()), HasSubstr("no path"));
    EXPECT_EQ(doed_discover(context.get(), nullptr, &features), -EINVAL);
    EXPECT_EQ(doed_discover(context.get(), mailbox_path, nullptr), -EINVAL);
    EXPECT_EQ(doed_discover(nullptr, mailbox_path, &features), -EINVAL);
    doed_cdat* cdat = nullptr;
    EXPECT_EQ(doed_cdat_get(context.get(), mailbox_path, 1U << 7, &cdat), -EINVAL);
    EXPECT_EQ(doed_set_flags(context.get(), 1U << 7), -EINVAL);
    EXPECT_EQ(doed_set_deadline(context.get(), 0), -EINVAL);
    EXPECT_EQ(doed_set_bus(context.get(), "nowhere"), -EINVAL);
    EXPECT_EQ(doed_set_host(context.get(), "-oProxyCommand=sh"), -EINVAL);
    EXPECT_EQ(doed_snapshot_get_async(context.get(), nullptr, nullptr, nullptr), -EINVAL);
}

TEST(AnError, HasANumberANameAndAReason) {
    const FakeDoed doed({{"Reset", error_reply("org.doed1.Error.KernelOwned", "not ours: %s")}});
    const auto context = make_context();
    EXPECT_EQ(doed_reset(context.get(), mailbox_path), -EBUSY);
    EXPECT_STREQ(doed_last_error_name(context.get()), "org.doed1.Error.KernelOwned");
    EXPECT_STREQ(doed_last_error_message(context.get()), "not ours: %s");
}

TEST(AnError, OfNoDoedAndOfNoBusAreTold) {
    auto context = make_context();
    doed_snapshot* snapshot = nullptr;
    EXPECT_EQ(doed_snapshot_get(context.get(), &snapshot), -ESRCH);
    EXPECT_STREQ(doed_last_error_name(context.get()), "org.freedesktop.DBus.Error.ServiceUnknown");
    EXPECT_EQ(doed_set_bus(context.get(), "system"), -EBUSY);

    doed_context* raw = nullptr;
    ASSERT_EQ(doed_new(&raw), 0);
    context.reset(raw);
    ASSERT_EQ(doed_set_bus(raw, "unix:path=/nonexistent/bus"), 0);
    EXPECT_EQ(doed_connect(raw), -ENOENT);
    EXPECT_THAT(doed_last_error_message(raw), HasSubstr("/nonexistent/bus"));
    EXPECT_STREQ(doed_last_error_name(raw), "");
    // It may be given another place then.
    ASSERT_EQ(doed_set_bus(raw, bus_address().c_str()), 0);
    EXPECT_EQ(doed_connect(raw), 0);
}

TEST(AnError, EachNameHasItsNumber) {
    EXPECT_EQ(doed_error_to_errno("org.doed1.Error.NotSupported"), -EOPNOTSUPP);
    EXPECT_EQ(doed_error_to_errno("org.doed1.Error.Cancelled"), -ERESTART);
    EXPECT_EQ(doed_error_to_errno("org.doed1.Error.Busy"), -EAGAIN);
    EXPECT_EQ(doed_error_to_errno("org.freedesktop.DBus.Error.Spawn.ChildExited"), -ESRCH);
    EXPECT_EQ(doed_error_to_errno("org.freedesktop.DBus.Error.NoReply"), -ERESTART);
    EXPECT_EQ(doed_error_to_errno("org.doed1.Error.OfLater"), -EREMOTEIO);
    EXPECT_EQ(doed_error_to_errno("com.example.Error"), -EREMOTEIO);
    EXPECT_EQ(doed_error_to_errno(nullptr), -EINVAL);
}

TEST(ATable, TooLargeForAMessageComesThroughASealedFile) {
    const Bytes big(100'000, 7);
    int files = 0;
    const FakeDoed doed({{"GetTable", error_reply("org.doed1.Error.TooLarge")},
                         {"GetTableFd", [&](sd_bus_message* call) {
                              // What has just been read is not read again.
                              EXPECT_FALSE(options_of(call).refresh);
                              ++files;
                              return file_reply(big)(call);
                          }}});
    const auto context = make_context();
    int result = -1;
    EXPECT_EQ(table_of(context.get(), DOED_CDAT_REFRESH, result), big);
    EXPECT_EQ(result, 0);
    EXPECT_EQ(files, 1);
}

TEST(ATable, InAFileThatSomebodyCouldChangeIsRefused) {
    const FakeDoed doed({{"GetTable", error_reply("org.doed1.Error.TooLarge")},
                         {"GetTableFd", file_reply({1}, false)}});
    const auto context = make_context();
    int result = 0;
    (void)table_of(context.get(), 0, result);
    EXPECT_EQ(result, -EPROTO);
    EXPECT_THAT(doed_last_error_message(context.get()), HasSubstr("not sealed"));
}

/// While it lives there is no standard input: the next descriptor that is made without care gets its number. Threads that run
/// meanwhile must make none but above the standard streams.
class WithoutStandardInput {
public:
    WithoutStandardInput() : saved_(::fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3)) {
        ::close(STDIN_FILENO);
    }
    WithoutStandardInput(const WithoutStandardInput&) = delete;
    WithoutStandardInput& operator=(const WithoutStandardInput&) = delete;
    ~WithoutStandardInput() {
        if (saved_) {
            ::dup2(saved_.get(), STDIN_FILENO);
        }
    }
    /// It has to be there: else it is some connection's descriptor that is taken away.
    [[nodiscard]] bool was_there() const noexcept { return static_cast<bool>(saved_); }

private:
    base::UniqueFd saved_;
};

TEST(ALease, IsADescriptorAboveTheStandardStreamsAndClosedOnExec) {
    // A test that is run without one, before a connection gets its number.
    if (::fcntl(STDIN_FILENO, F_GETFD) < 0) {
        ASSERT_EQ(::open("/dev/null", O_RDONLY | O_CLOEXEC), STDIN_FILENO);
    }
    // Open all the while: what the service closes is a copy, made above the standard streams.
    const base::UniqueFd lent(::open("/dev/null", O_RDONLY | O_CLOEXEC));
    const FakeDoed doed(
        {{"Release", fd_reply([&] { return ::fcntl(lent.get(), F_DUPFD_CLOEXEC, 3); })}});
    const auto context = make_context();
    ASSERT_EQ(doed_connect(context.get()), 0);
    int fd = -1;
    int result = -1;
    {
        const WithoutStandardInput without;
        ASSERT_TRUE(without.was_there());
        result = doed_release(context.get(), mailbox_path, &fd);
    }
    const base::UniqueFd lease(fd);
    ASSERT_EQ(result, 0);
    EXPECT_GT(lease.get(), STDERR_FILENO);
    EXPECT_TRUE((::fcntl(lease.get(), F_GETFD) & FD_CLOEXEC) != 0);
    EXPECT_GE(::fcntl(STDIN_FILENO, F_GETFD), 0) << "nobody has closed what is not theirs";
}

TEST(ADeadline, EndsACallThatNobodyAnswers) {
    const FakeDoed doed({});
    const auto context = make_context();
    ASSERT_EQ(doed_set_deadline(context.get(), 20'000), 0);
    doed_snapshot* snapshot = nullptr;
    EXPECT_EQ(doed_snapshot_get(context.get(), &snapshot), -ETIME);
    EXPECT_STREQ(doed_last_error_name(context.get()), "org.freedesktop.DBus.Error.Timeout");
    // The context is as good as before.
    EXPECT_EQ(doed_snapshot_get(context.get(), &snapshot), -ETIME);
}

TEST(AConnection, ThatNobodyTookInTimeCanBeTriedElsewhere) {
    sockaddr_un silent{};
    silent.sun_family = AF_UNIX;
    const std::string name = "doed-silent-" + std::to_string(::getpid());
    // An abstract one: the first byte stays zero.
    name.copy(silent.sun_path + 1, sizeof silent.sun_path - 1);
    const base::UniqueFd listener(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 + name.size());
    ASSERT_EQ(::bind(listener.get(), reinterpret_cast<const sockaddr*>(&silent), size), 0);
    ASSERT_EQ(::listen(listener.get(), 1), 0);

    const auto context = make_context();
    ASSERT_EQ(doed_set_bus(context.get(), ("unix:abstract=" + name).c_str()), 0);
    ASSERT_EQ(doed_set_deadline(context.get(), 20'000), 0);
    EXPECT_EQ(doed_connect(context.get()), -ETIMEDOUT);
    ASSERT_EQ(doed_set_bus(context.get(), bus_address().c_str()), 0);
    ASSERT_EQ(doed_set_deadline(context.get(), 10'000'000), 0);
    EXPECT_EQ(doed_connect(context.get()), 0);
}

struct Ticks {
    int count = 0;
    int stop_at = 0;
    doed_context* context = nullptr;
    int nested = 0;
};

int on_tick(std::uint64_t elapsed_usec, void* data) {
    auto& ticks = *static_cast<Ticks*>(data);
    EXPECT_GE(elapsed_usec, 200'000U);
    doed_snapshot* snapshot = nullptr;
    ticks.nested = doed_snapshot_get(ticks.context, &snapshot);
    return ++ticks.count == ticks.stop_at ? 1 : 0;
}

TEST(ATick, ComesWhileACallWaitsAndCanEndIt) {
    const FakeDoed doed({});
    const auto context = make_context();
    Ticks ticks{0, 2, context.get(), 0};
    ASSERT_EQ(doed_set_tick(context.get(), &on_tick, &ticks), 0);
    EXPECT_EQ(doed_reset(context.get(), mailbox_path), -ECANCELED);
    EXPECT_EQ(ticks.count, 2);
    EXPECT_EQ(ticks.nested, -EBUSY);
}

TEST(AChild, GivesBackItsCopyOfALeaseThatNobodyHasTaken) {
    int ends[2];
    ASSERT_EQ(::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends), 0);
    const base::UniqueFd far_end(ends[0]);
    base::UniqueFd lent(ends[1]);
    const FakeDoed doed(
        {{"Release", fd_reply([&] { return lent.release(); })}, {"GetTrace", text_reply("{}")}});
    auto context = make_context();
    ASSERT_EQ(doed_connect(context.get()), 0);
    ASSERT_EQ(doed_release_async(
                  context.get(), mailbox_path, [](const doed_reply*, void*) {}, nullptr, nullptr),
              0);
    // Its answer comes first, and waits for doed_process().
    char* trace = nullptr;
    ASSERT_EQ(doed_trace(context.get(), mailbox_path, &trace), 0);
    std::free(trace);
    const ChildWithCopies child([&] { context.reset(); });
    context.reset();
    // The bus may still have its own.
    pollfd hang_up{far_end.get(), POLLIN, 0};
    EXPECT_EQ(::poll(&hang_up, 1, 5'000), 1);
}

TEST(AChild, MayNotUseItsParentsContext) {
    const FakeDoed doed(
        {{"Reset", [](sd_bus_message* call) { return sd_bus_reply_method_return(call, ""); }}});
    auto context = make_context();
    ASSERT_EQ(doed_connect(context.get()), 0);
    const pid_t child = ::fork();
    if (child == 0) {
        const bool refused = doed_reset(context.get(), mailbox_path) == -ECHILD &&
                             doed_process(context.get()) == -ECHILD &&
                             doed_get_fd(context.get()) == -ECHILD;
        context.reset();
        ::_exit(refused ? 0 : 1);
    }
    int status = -1;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    EXPECT_EQ(status, 0);
    // The child's unref has closed nothing of the parent's.
    EXPECT_EQ(doed_reset(context.get(), mailbox_path), 0);
}

}  // namespace
}  // namespace doed::client
