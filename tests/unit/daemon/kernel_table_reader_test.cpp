// SPDX-License-Identifier: Apache-2.0
#include "daemon/kernel_table_reader.hpp"

#include "fake_tree.hpp"

#include <boost/asio/io_context.hpp>

#include <chrono>
#include <optional>
#include <vector>

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace doed::daemon {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;

using Answer = std::optional<base::Result<cdat::Table>>;

// The worker is a loop of its own, which a test runs when the file is to be read.
class AKernelTableReader : public testing::Test {
protected:
    AKernelTableReader() { tree.file("CDAT", std::string(20, 'a')); }

    std::shared_ptr<Answer> read(base::Duration patience = 1min, bool refresh = false) {
        auto answer = std::make_shared<Answer>();
        bus::MethodOptions options;
        options.deadline = std::chrono::steady_clock::now() + patience;
        options.refresh = refresh;
        reader->read(options, [answer](base::Result<cdat::Table> table) {
            EXPECT_FALSE(*answer) << "answered twice";
            *answer = std::move(table);
        });
        return answer;
    }
    std::size_t work() {
        worker.restart();
        const auto run = worker.run();
        loop.restart();
        loop.poll();
        return run;
    }

    FakeTree tree;
    boost::asio::io_context loop;
    boost::asio::io_context worker;
    std::shared_ptr<KernelTableReader> reader = std::make_shared<KernelTableReader>(
        loop.get_executor(), worker.get_executor(),
        [file = tree.root() / "CDAT"]() -> base::Result<base::UniqueFd> {
            base::UniqueFd opened(::open(file.c_str(), O_RDONLY | O_CLOEXEC));
            if (!opened) {
                return base::fail(base::Errc::not_found, file.string());
            }
            return opened;
        },
        "0000:0d:00.0 mailbox 0x190", "the kernel has a CXL port for the device");
};

TEST_F(AKernelTableReader, ReadsOnceForAllWhoWait) {
    const auto first = read();
    const auto second = read();
    EXPECT_EQ(work(), 1U);
    ASSERT_TRUE(*first && **first);
    ASSERT_TRUE(*second && **second);
    EXPECT_EQ((**first)->bytes(), std::vector<std::uint8_t>(20, 'a'));
    EXPECT_EQ((**second)->bytes(), (**first)->bytes());
}

TEST_F(AKernelTableReader, ReadsAnewForWhoComesLater) {
    const auto first = read();
    work();
    tree.file("CDAT", std::string(24, 'b'));
    const auto second = read();
    EXPECT_EQ(work(), 1U);
    ASSERT_TRUE(*second && **second);
    EXPECT_EQ((**second)->bytes().size(), 24U);
}

TEST_F(AKernelTableReader, AnswersAtTheDeadlineWhenTheFileBlocks) {
    const auto hasty = read(5ms);
    const auto patient = read();
    loop.run_for(100ms);
    ASSERT_TRUE(*hasty);
    EXPECT_EQ((*hasty)->error().code(), base::Errc::deadline_exceeded);
    EXPECT_THAT((*hasty)->error().message(), HasSubstr("0000:0d:00.0 mailbox 0x190"));
    EXPECT_FALSE(*patient);
    work();
    ASSERT_TRUE(*patient);
    EXPECT_TRUE(**patient);
}

TEST_F(AKernelTableReader, CannotForceTheDevice) {
    const auto refused = read(1min, true);
    ASSERT_TRUE(*refused);
    EXPECT_EQ((*refused)->error().code(), base::Errc::kernel_owned);
    EXPECT_THAT((*refused)->error().message(), HasSubstr("the kernel has a CXL port"));
    EXPECT_EQ(work(), 0U);
}

TEST_F(AKernelTableReader, SaysThatTheKernelHasNoTable) {
    tree.file("CDAT", "");
    const auto answer = read();
    work();
    ASSERT_TRUE(*answer);
    EXPECT_EQ((*answer)->error().code(), base::Errc::not_supported);
}

TEST_F(AKernelTableReader, EndsItsReadingWhenNobodyKnowsItAnyMore) {
    const auto answer = read();
    reader.reset();
    work();
    ASSERT_TRUE(*answer);
    EXPECT_TRUE(**answer);
}

}  // namespace
}  // namespace doed::daemon
