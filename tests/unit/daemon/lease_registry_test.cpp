// SPDX-License-Identifier: Apache-2.0
#include "daemon/lease_registry.hpp"

#include "fake_tree.hpp"
#include "test_client.hpp"

#include <boost/asio/io_context.hpp>

#include <array>
#include <chrono>
#include <csignal>
#include <cstddef>
#include <fstream>
#include <functional>
#include <iterator>
#include <optional>
#include <string>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

namespace doed::daemon {
namespace {

using base::Errc;

constexpr pci::Address device{.bus = 0x0D};
constexpr std::uint16_t offset = 0x190;
constexpr char name[] = "0000:0d:00.0_190";

class ALeaseRegistry : public testing::Test {
protected:
    ALeaseRegistry() { open(); }

    /// Another doed, on the same directory.
    void open() {
        registry.reset();
        registry = LeaseRegistry::open(loop.get_executor(), directory).value();
    }
    [[nodiscard]] LeaseRegistry::Ended count() {
        return [this] { ++ended; };
    }
    [[nodiscard]] base::UniqueFd grant(const std::string& holder = ":1.42") {
        return registry->grant(device, offset, holder, count()).value();
    }
    [[nodiscard]] std::optional<std::string> resume() {
        return registry->resume(device, offset, count());
    }
    void expect_end(int number = 1) {
        const auto limit = std::chrono::steady_clock::now() + bus::patience;
        while (ended < number && std::chrono::steady_clock::now() < limit) {
            loop.run_one_until(limit);
        }
        EXPECT_EQ(ended, number);
        EXPECT_FALSE(std::filesystem::exists(file)) << "an end leaves nothing behind";
    }
    /// Everything that is under way now is done. A lease that has really ended is over by then: closing is synchronous in
    /// its own process.
    void expect_no_end() {
        for (int turn = 0; turn < 3; ++turn) {
            loop.run_for(std::chrono::milliseconds(5));
        }
        EXPECT_EQ(ended, 0);
    }
    [[nodiscard]] std::string text() const {
        std::ifstream stream(file);
        return {std::istreambuf_iterator<char>(stream), {}};
    }

    FakeTree run;
    const std::filesystem::path directory = run.root() / "leases";
    const std::filesystem::path file = directory / name;
    boost::asio::io_context loop{1};
    std::unique_ptr<LeaseRegistry> registry;
    int ended = 0;
};

/// A child process that holds what it inherits until it is killed.
class Child {
public:
    Child() : pid_(::fork()) {
        if (pid_ == 0) {
            ::pause();
            ::_exit(0);
        }
    }
    Child(const Child&) = delete;
    Child& operator=(const Child&) = delete;
    ~Child() { kill(); }
    void kill() {
        if (pid_ > 0) {
            ::kill(pid_, SIGKILL);
            ::waitpid(pid_, nullptr, 0);
            pid_ = 0;
        }
    }

private:
    pid_t pid_;
};

TEST_F(ALeaseRegistry, KeepsLeasesForItsUserAlone) {
    const auto lease = grant();
    EXPECT_EQ(text(), ":1.42\n");
    struct stat status{};
    ASSERT_EQ(::stat(directory.c_str(), &status), 0);
    EXPECT_EQ(status.st_mode & 07777U, 0700U);
    ASSERT_EQ(::stat(file.c_str(), &status), 0);
    EXPECT_EQ(status.st_mode & 07777U, 0600U);
    EXPECT_EQ(::fcntl(lease.get(), F_GETFD), FD_CLOEXEC) << "no command inherits it unasked";
}

TEST_F(ALeaseRegistry, NarrowsADirectoryThatOthersMayEnter) {
    ::chmod(directory.c_str(), 0777);
    open();
    struct stat status{};
    ASSERT_EQ(::stat(directory.c_str(), &status), 0);
    EXPECT_EQ(status.st_mode & 07777U, 0700U);
}

TEST_F(ALeaseRegistry, NeedsADirectory) {
    run.file("occupied", "");
    run.link("elsewhere", "leases");
    for (const char* wrong : {"occupied", "occupied/leases", "elsewhere"}) {
        const auto opened = LeaseRegistry::open(loop.get_executor(), run.root() / wrong);
        ASSERT_FALSE(opened) << wrong;
        EXPECT_EQ(opened.error().code(), Errc::io);
        EXPECT_NE(opened.error().context().find(wrong), std::string::npos);
    }
}

TEST_F(ALeaseRegistry, TellsOnceThatALeaseIsClosed) {
    auto lease = grant();
    expect_no_end();
    lease.reset();
    expect_end();
    loop.run_for(std::chrono::milliseconds(5));
    EXPECT_EQ(ended, 1);
}

TEST_F(ALeaseRegistry, KeepsALeaseAsLongAsAnyCopyOfIt) {
    auto lease = grant();
    base::UniqueFd handed_on(::dup(lease.get()));
    lease.reset();
    expect_no_end();
    handed_on.reset();
    expect_end();
}

TEST_F(ALeaseRegistry, KeepsALeaseThatAChildHasInheritedUntilThatIsDead) {
    auto lease = grant();
    Child child;
    lease.reset();
    expect_no_end();
    child.kill();
    expect_end();
}

TEST_F(ALeaseRegistry, LendsAMailboxToOneOnly) {
    auto lease = grant();
    const auto another = registry->grant(device, offset, ":1.43", count());
    ASSERT_FALSE(another);
    EXPECT_EQ(another.error().code(), Errc::busy);
    EXPECT_EQ(text(), ":1.42\n");
    expect_no_end();
    lease.reset();
    expect_end();
    lease = grant(":1.43");
    EXPECT_EQ(text(), ":1.43\n");
    lease.reset();
    expect_end(2);
}

TEST_F(ALeaseRegistry, TellsLeasesApart) {
    int others = 0;
    const pci::Address other_device{.domain = 0x10000, .bus = 0x0D};
    auto lease = grant();
    auto next = registry->grant(device, 0x1b0, ":1.42", [&] { others += 1; }).value();
    auto far = registry->grant(other_device, offset, ":1.42", [&] { others += 10; }).value();
    next.reset();
    loop.run_for(std::chrono::milliseconds(5));
    EXPECT_EQ(others, 1);
    lease.reset();
    expect_end();
    EXPECT_EQ(others, 1);
    far.reset();
    loop.run_for(std::chrono::milliseconds(5));
    EXPECT_EQ(others, 11);
}

TEST_F(ALeaseRegistry, MayLendAnewInTheCallThatTellsOfTheEnd) {
    base::UniqueFd next;
    auto lease = registry
                     ->grant(device, offset, ":1.42",
                             [&] {
                                 next = grant(":1.43");
                                 ++ended;
                             })
                     .value();
    lease.reset();
    const auto limit = std::chrono::steady_clock::now() + bus::patience;
    while (ended < 1 && std::chrono::steady_clock::now() < limit) {
        loop.run_one_until(limit);
    }
    EXPECT_EQ(text(), ":1.43\n");
    next.reset();
    expect_end(2);
}

TEST_F(ALeaseRegistry, MayBeDroppedByWhomItTells) {
    auto lease = registry
                     ->grant(device, offset, ":1.42",
                             [this] {
                                 registry.reset();
                                 ++ended;
                             })
                     .value();
    lease.reset();
    expect_end();
    loop.run_for(std::chrono::milliseconds(5));
}

TEST_F(ALeaseRegistry, TellsWhoLooksOfAnEndThatIsNewsToIt) {
    registry->look(device, offset);
    auto lease = grant();
    registry->look(device, offset);
    EXPECT_EQ(ended, 0);
    lease.reset();
    registry->look(device, offset);
    EXPECT_EQ(ended, 1) << "nothing has been heard yet";
    const auto next = grant();
    loop.run_for(std::chrono::milliseconds(5));
    EXPECT_EQ(ended, 1) << "the news is of the one before";
    EXPECT_EQ(text(), ":1.42\n");
}

// --- What else may happen to the file ------------------------------------------------------------------------------------------

TEST_F(ALeaseRegistry, TakesNoOtherClosingForTheEnd) {
    const auto lease = grant();
    for (const int flags : {O_RDONLY, O_WRONLY, O_RDWR}) {
        const base::UniqueFd onlooker(::open(file.c_str(), flags | O_CLOEXEC));
        ASSERT_TRUE(onlooker);
    }
    base::UniqueFd reopened(
        ::open(("/proc/self/fd/" + std::to_string(lease.get())).c_str(), O_WRONLY | O_CLOEXEC));
    ASSERT_TRUE(reopened);
    reopened.reset();
    expect_no_end();
}

TEST_F(ALeaseRegistry, EndsALeaseWhoseLockLastsLongerThanTheNewsOfItsClosing) {
    auto lease = grant();
    // As the kernel has it for an instant: the descriptor for writing is closed, a lock is still there.
    const base::UniqueFd lingering(::open(file.c_str(), O_RDONLY | O_CLOEXEC));
    ASSERT_EQ(::flock(lease.get(), LOCK_UN), 0);
    ASSERT_EQ(::flock(lingering.get(), LOCK_EX | LOCK_NB), 0);
    lease.reset();
    loop.run_for(std::chrono::milliseconds(20));
    EXPECT_EQ(ended, 0);
    ASSERT_EQ(::flock(lingering.get(), LOCK_UN), 0);
    expect_end();
}

TEST_F(ALeaseRegistry, LooksAtEveryLeaseWhenEventsAreLost) {
    auto lease = grant();
    std::ifstream limit("/proc/sys/fs/inotify/max_queued_events");
    std::size_t queue = 0;
    ASSERT_TRUE(limit >> queue);
    // Events that equal the one before are not queued again.
    const std::array noise{(directory / "a").string(), (directory / "b").string()};
    for (std::size_t i = 0; i <= queue; ++i) {
        const base::UniqueFd closed(
            ::open(noise[i % noise.size()].c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
        ASSERT_TRUE(closed);
    }
    lease.reset();  // of which the queue does not tell any more
    expect_end();
}

TEST_F(ALeaseRegistry, DoesNotTellOfALeaseThatItWasToForget) {
    auto lease = grant();
    registry->forget(device, offset);
    const auto another = registry->grant(device, offset, ":1.43", count());
    ASSERT_FALSE(another) << "the lease itself lives on";
    EXPECT_EQ(another.error().code(), Errc::busy);
    EXPECT_EQ(resume(), ":1.42");
    registry->forget(device, offset);
    lease.reset();
    expect_no_end();
    EXPECT_EQ(resume(), std::nullopt);
    EXPECT_FALSE(std::filesystem::exists(file));
}

TEST_F(ALeaseRegistry, MayBeToldToForgetWhatIsNotLent) {
    registry->forget(device, offset);
    const auto lease = grant();
    EXPECT_TRUE(lease);
}

// --- After a doed that is no more ----------------------------------------------------------------------------------------------

TEST_F(ALeaseRegistry, FindsWhatWasLentBefore) {
    auto lease = grant();
    open();
    EXPECT_EQ(resume(), ":1.42");
    expect_no_end();
    const auto another = registry->grant(device, offset, ":1.43", count());
    ASSERT_FALSE(another);
    EXPECT_EQ(another.error().code(), Errc::busy);
    lease.reset();
    expect_end();
}

TEST_F(ALeaseRegistry, TellsNobodyWhenItIsNoMore) {
    auto lease = grant();
    registry.reset();
    lease.reset();
    loop.run_for(std::chrono::milliseconds(5));
    EXPECT_EQ(ended, 0);
    EXPECT_EQ(text(), ":1.42\n") << "the next one sees to it";
}

TEST_F(ALeaseRegistry, TakesAFileThatNobodyHoldsForNoLease) {
    grant().reset();
    open();
    EXPECT_EQ(text(), ":1.42\n") << "left by a doed that was killed";
    EXPECT_EQ(resume(), std::nullopt);
    EXPECT_FALSE(std::filesystem::exists(file));
    EXPECT_EQ(resume(), std::nullopt);
}

TEST_F(ALeaseRegistry, LendsWhatAnEarlierDoedHasLeft) {
    grant("somebody with a long name").reset();
    open();
    auto lease = grant();
    EXPECT_EQ(text(), ":1.42\n");
    lease.reset();
    expect_end();
}

TEST_F(ALeaseRegistry, MissesNoEndBetweenTwoDoeds) {
    auto lease = grant();
    open();
    // Closed when the next doed listens already, but has not asked for this one.
    const base::UniqueFd lingering(::open(file.c_str(), O_RDONLY | O_CLOEXEC));
    ASSERT_EQ(::flock(lease.get(), LOCK_UN), 0);
    ASSERT_EQ(::flock(lingering.get(), LOCK_EX | LOCK_NB), 0);
    lease.reset();
    loop.run_for(std::chrono::milliseconds(5));
    EXPECT_EQ(resume(), ":1.42");
    ASSERT_EQ(::flock(lingering.get(), LOCK_UN), 0);
    expect_end();
}

TEST_F(ALeaseRegistry, SaysOneLineOfPlainTextWhateverItsHolderHasWritten) {
    const auto lease = grant();
    const auto shown = [&](const std::string& written) {
        EXPECT_EQ(::ftruncate(lease.get(), 0), 0);
        EXPECT_EQ(::pwrite(lease.get(), written.data(), written.size(), 0),
                  static_cast<ssize_t>(written.size()));
        open();
        return resume().value_or("nobody");
    };
    EXPECT_EQ(shown("me\xff\x01\nand more"), "me??");
    EXPECT_EQ(shown(""), "a program");
    EXPECT_EQ(shown("\n"), "a program");
    EXPECT_EQ(shown(std::string(5000, 'x')), std::string(256, 'x'));
}

TEST_F(ALeaseRegistry, FollowsNoLink) {
    run.file("precious", "untouched\n");
    std::filesystem::create_symlink(run.root() / "precious", file);
    EXPECT_EQ(resume(), std::nullopt);
    const auto lease = registry->grant(device, offset, ":1.42", count());
    ASSERT_FALSE(lease);
    EXPECT_EQ(lease.error().code(), Errc::io);
    std::ifstream precious(run.root() / "precious");
    EXPECT_EQ(std::string(std::istreambuf_iterator<char>(precious), {}), "untouched\n");
}

// --- A directory of its own ------------------------------------------------------------------------------------------------------

TEST(APrivateLeaseRegistry, TakesItsDirectoryWithIt) {
    const FakeTree temporary;
    const std::string before = std::filesystem::temp_directory_path();
    ::setenv("TMPDIR", temporary.root().c_str(), 1);
    boost::asio::io_context loop{1};
    auto one = LeaseRegistry::open_private(loop.get_executor()).value();
    auto other = LeaseRegistry::open_private(loop.get_executor()).value();
    ::setenv("TMPDIR", before.c_str(), 1);
    const auto lease = one->grant(device, offset, ":1.42", [] {});
    EXPECT_TRUE(lease);
    EXPECT_TRUE(other->grant(device, offset, ":1.42", [] {}));
    one.reset();
    other.reset();
    EXPECT_TRUE(std::filesystem::is_empty(temporary.root()));
}

}  // namespace
}  // namespace doed::daemon
