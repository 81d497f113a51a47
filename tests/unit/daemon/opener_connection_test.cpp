// SPDX-License-Identifier: Apache-2.0
//
// doed and its opener over a real connection, with an opener behind it that does what a test says.
#include "daemon/opener/client.hpp"
#include "daemon/opener/packet_socket.hpp"
#include "daemon/opener/server.hpp"
#include "support/descriptors.hpp"

#include <atomic>
#include <chrono>
#include <functional>
#include <future>
#include <memory>
#include <optional>
#include <random>
#include <thread>
#include <vector>

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>

namespace doed::daemon::opener {
namespace {

using namespace std::chrono_literals;
using base::Errc;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr pci::Address address{.bus = 0x0D};

class ScriptedOpener final : public pci::Opener {
public:
    base::Result<pci::FoundMailboxes> find(const pci::Address& of) override { return on_find(of); }
    base::Result<base::UniqueFd> open(const pci::Address& of, pci::RootFile file) override {
        ++opened;
        return on_open(of, file);
    }

    std::function<base::Result<pci::FoundMailboxes>(const pci::Address&)> on_find =
        [](const auto&) { return pci::FoundMailboxes{.mailboxes = {{0x190, 2}}, .defect = {}}; };
    std::function<base::Result<base::UniqueFd>(const pci::Address&, pci::RootFile)> on_open =
        [](const auto&, pci::RootFile) {
            return base::UniqueFd(::open("/dev/null", O_RDWR | O_CLOEXEC));
        };
    std::atomic<int> opened = 0;
};

class AConnectionToAnOpener : public testing::Test {
protected:
    AConnectionToAnOpener() {
        int ends[2] = {-1, -1};
        EXPECT_EQ(::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends), 0);
        ours_.reset(ends[0]);
        server_.emplace(base::UniqueFd(ends[1]), opener_);
        reason_ = std::async(std::launch::async, [this] {
            auto reason = server_->run();
            server_.reset();  // closes its end, as the end of its process does
            return reason;
        });
    }

    /// The opener ends with the connection.
    ~AConnectionToAnOpener() override {
        client_.reset();
        ours_.reset();
    }

    /// From here on the connection is the client's.
    Client& client(std::chrono::milliseconds patience = 30s) {
        client_ = std::make_unique<Client>(std::move(ours_), patience);
        return *client_;
    }
    /// Sends a packet as it is and tells what comes back: nothing when the connection has ended.
    std::optional<Packet> say(std::span<const std::uint8_t> bytes,
                              const base::UniqueFd& file = base::UniqueFd()) {
        EXPECT_TRUE(send_packet(ours_, bytes, file));
        auto packet = receive_packet(ours_, reply_size_max_bytes);
        return packet && !packet->bytes.empty() ? std::optional(std::move(*packet)) : std::nullopt;
    }

    ScriptedOpener opener_;
    base::UniqueFd ours_;
    std::optional<Server> server_;
    std::future<std::string> reason_;
    std::unique_ptr<Client> client_;
};

TEST_F(AConnectionToAnOpener, TellsWhatIsFound) {
    opener_.on_find = [](const pci::Address& of) -> base::Result<pci::FoundMailboxes> {
        EXPECT_EQ(of, address);
        return pci::FoundMailboxes{.mailboxes = {{0x190, 2}}, .defect = "d", .lasting = false};
    };
    const auto found = client().find(address);
    ASSERT_TRUE(found) << found.error().message();
    EXPECT_THAT(found->mailboxes, ElementsAre(pci::DoeCapability{0x190, 2}));
    EXPECT_EQ(found->defect, "d");
    EXPECT_FALSE(found->lasting);
}

TEST_F(AConnectionToAnOpener, HandsOverWhatIsOpened) {
    const auto file = client().open(address, pci::RootFile::config);
    ASSERT_TRUE(file) << file.error().message();
    struct stat status{};
    ASSERT_EQ(::fstat(file->get(), &status), 0);
    EXPECT_TRUE(S_ISCHR(status.st_mode));
    EXPECT_EQ(::fcntl(file->get(), F_GETFD), FD_CLOEXEC);
}

TEST_F(AConnectionToAnOpener, HandsErrorsOver) {
    opener_.on_open = [](const auto&, pci::RootFile) -> base::Result<base::UniqueFd> {
        return base::fail(Errc::kernel_owned, "the kernel has it");
    };
    const auto file = client().open(address, pci::RootFile::config);
    ASSERT_FALSE(file);
    EXPECT_EQ(file.error().code(), Errc::kernel_owned);
    EXPECT_EQ(file.error().context(), "the kernel has it");
}

TEST_F(AConnectionToAnOpener, IsNotHeldUpByASlowDevice) {
    std::promise<void> release;
    opener_.on_find = [&, wait = release.get_future().share()](const pci::Address& of) {
        if (of == address) {
            wait.wait();
        }
        return pci::FoundMailboxes{};
    };
    Client& asking = client();
    auto slow = std::async(std::launch::async, [&] { return asking.find(address).has_value(); });
    EXPECT_TRUE(asking.find({.bus = 0x0E}));
    EXPECT_EQ(slow.wait_for(0s), std::future_status::timeout);
    release.set_value();
    EXPECT_TRUE(slow.get());
}

TEST_F(AConnectionToAnOpener, GivesUpOnAnAnswerThatDoesNotCome) {
    std::promise<void> release;
    opener_.on_open = [&, wait = release.get_future().share()](const auto&, pci::RootFile file) {
        if (file == pci::RootFile::config) {
            wait.wait();
        }
        return base::UniqueFd(::open("/dev/null", O_RDWR | O_CLOEXEC));
    };
    Client& asking = client(50ms);
    const auto late = asking.open(address, pci::RootFile::config);
    ASSERT_FALSE(late);
    EXPECT_EQ(late.error().code(), Errc::timeout);
    const int before = test::count_descriptors();
    release.set_value();
    // What comes too late is closed: it came with a descriptor, and the opener had one of it.
    const auto end = std::chrono::steady_clock::now() + 10s;
    do {
        EXPECT_TRUE(asking.open(address, pci::RootFile::power_control));
    } while (test::count_descriptors() > before && std::chrono::steady_clock::now() < end);
    EXPECT_LE(test::count_descriptors(), before);
}

TEST_F(AConnectionToAnOpener, RefusesMoreRequestsThanItCanTake) {
    std::promise<void> release;
    opener_.on_find = [wait = release.get_future().share()](const auto&) {
        wait.wait();
        return pci::FoundMailboxes{};
    };
    for (std::uint32_t id = 0; id < Server::requests_max; ++id) {
        ASSERT_TRUE(send_packet(ours_, encode(Request{.id = id, .address = address})));
    }
    const auto packet = say(encode(Request{.id = 1000, .address = address}));
    ASSERT_TRUE(packet);
    const auto reply = parse_reply(packet->bytes, Command::find);
    ASSERT_TRUE(reply && reply->error);
    EXPECT_EQ(reply->id, 1000U);
    EXPECT_EQ(reply->error->code(), Errc::busy);
    release.set_value();
}

TEST_F(AConnectionToAnOpener, EndsInSilenceWithDoed) {
    client();
    client_.reset();
    EXPECT_THAT(reason_.get(), IsEmpty());
}

TEST_F(AConnectionToAnOpener, EndsWithTheFirstPacketThatIsNoRequest) {
    const std::vector<std::uint8_t> words{'o', 'p', 'e', 'n', ' ', '/', 'e', 't', 'c'};
    EXPECT_FALSE(say(words));
    EXPECT_THAT(reason_.get(), HasSubstr("16 bytes"));
    EXPECT_EQ(opener_.opened, 0);
}

TEST_F(AConnectionToAnOpener, EndsWithARequestThatIsTooLong) {
    auto packet = encode(Request{.id = 1, .command = Command::open, .address = address});
    packet.push_back(0);
    EXPECT_FALSE(say(packet));
    EXPECT_EQ(opener_.opened, 0);
}

TEST_F(AConnectionToAnOpener, EndsWithARequestThatBringsADescriptor) {
    const int before = test::count_descriptors();
    {
        const base::UniqueFd file(::open("/dev/null", O_RDONLY | O_CLOEXEC));
        EXPECT_FALSE(
            say(encode(Request{.id = 1, .command = Command::open, .address = address}), file));
    }
    EXPECT_THAT(reason_.get(), HasSubstr("no descriptor"));
    EXPECT_EQ(opener_.opened, 0);
    EXPECT_EQ(test::count_descriptors(), before - 1) << "the opener's end is closed too";
}

TEST_F(AConnectionToAnOpener, NeverYieldsADescriptorForBytesAtRandom) {
    std::mt19937 random(20261121);
    std::vector<std::uint8_t> packet(request_size_bytes);
    do {
        for (auto& byte : packet) {
            byte = static_cast<std::uint8_t>(random());
        }
    } while (parse_request(packet));
    const auto answer = say(packet);
    EXPECT_FALSE(answer);
    EXPECT_EQ(opener_.opened, 0);
}

/// An opener that a test plays itself.
class AnOpenersClient : public testing::Test {
protected:
    AnOpenersClient() {
        int ends[2] = {-1, -1};
        EXPECT_EQ(::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends), 0);
        opener_.reset(ends[0]);
        client_ = std::make_unique<Client>(base::UniqueFd(ends[1]));
        client_->on_lost([this] { lost_.set_value(); });
    }
    std::future<base::Result<base::UniqueFd>> open() {
        return std::async(std::launch::async,
                          [this] { return client_->open(address, pci::RootFile::config); });
    }
    std::uint32_t next_id() {
        const auto packet = receive_packet(opener_, request_size_bytes);
        const auto request = packet ? parse_request(packet->bytes) : base::fail(Errc::io);
        EXPECT_TRUE(request);
        return request ? request->id : 0;
    }

    base::UniqueFd opener_;
    std::promise<void> lost_;
    std::unique_ptr<Client> client_;
};

TEST_F(AnOpenersClient, TellsWhoWaitsThatTheOpenerHasEnded) {
    auto file = open();
    static_cast<void>(next_id());
    opener_.reset();
    const auto result = file.get();
    ASSERT_FALSE(result);
    EXPECT_THAT(result.error().message(), HasSubstr("doed-opener has ended"));
    EXPECT_EQ(lost_.get_future().wait_for(10s), std::future_status::ready);
    const auto later = client_->open(address, pci::RootFile::config);
    EXPECT_FALSE(later);
}

TEST_F(AnOpenersClient, TakesNoSuccessWithoutADescriptor) {
    auto file = open();
    const Reply reply{.id = next_id(), .error = {}, .found = {}};
    ASSERT_TRUE(send_packet(opener_, encode(reply, Command::open)));
    EXPECT_FALSE(file.get());
    EXPECT_EQ(lost_.get_future().wait_for(10s), std::future_status::ready);
}

TEST_F(AnOpenersClient, IgnoresAnAnswerThatNobodyWaitsFor) {
    auto file = open();
    const auto id = next_id();
    const base::UniqueFd null(::open("/dev/null", O_RDONLY | O_CLOEXEC));
    ASSERT_TRUE(send_packet(
        opener_, encode(Reply{.id = id + 1, .error = {}, .found = {}}, Command::open), null));
    ASSERT_TRUE(send_packet(
        opener_, encode(Reply{.id = id, .error = {}, .found = {}}, Command::open), null));
    EXPECT_TRUE(file.get());
}

TEST_F(AnOpenersClient, ThatIsToldLateIsToldAtOnce) {
    opener_.reset();
    EXPECT_EQ(lost_.get_future().wait_for(10s), std::future_status::ready);
    std::promise<void> again;
    client_->on_lost([&] { again.set_value(); });
    EXPECT_EQ(again.get_future().wait_for(10s), std::future_status::ready);
}

}  // namespace
}  // namespace doed::daemon::opener
