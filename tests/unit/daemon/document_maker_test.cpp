// SPDX-License-Identifier: Apache-2.0
#include "daemon/document_maker.hpp"

#include "cdat/table_builder.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/thread_pool.hpp>

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace doed::daemon {
namespace {

using testing::HasSubstr;

class ADocument : public testing::Test {
protected:
    using Answer = std::shared_ptr<std::optional<base::Result<DocumentMaker::Text>>>;

    Answer make(const DocumentMaker::TablePtr& table) {
        auto answer = std::make_shared<Answer::element_type>();
        maker->make(table, "mailbox", std::chrono::steady_clock::now() + std::chrono::minutes(1),
                    [answer](const base::Result<DocumentMaker::Text>& text) { *answer = text; });
        return answer;
    }
    void wait_for(const Answer& answer) {
        while (!*answer) {
            loop.run_one();
        }
    }
    static DocumentMaker::Text text_of(const Answer& answer) { return answer->value().value(); }

    boost::asio::io_context loop;
    boost::asio::thread_pool workers{1};
    int looks = 0;
    std::shared_ptr<DocumentMaker> maker = std::make_shared<DocumentMaker>(
        loop.get_executor(), workers.get_executor(), "0000:0d:00.0/190", "mailbox", [this] {
            ++looks;
            return cdat::HostView{};
        });
    DocumentMaker::TablePtr small = std::make_shared<const cdat::Table>(
        cdat::Table::parse(cdat::default_endpoint_table(1U << 30)));
};

TEST_F(ADocument, IsTheTableWithItsOrigin) {
    const auto answer = make(small);
    wait_for(answer);
    ASSERT_TRUE(**answer);
    EXPECT_EQ(*text_of(answer),
              cdat::to_json(*small, {.mailbox = "0000:0d:00.0/190", .source = "mailbox"},
                            cdat::JsonStyle::compact));
}

TEST_F(ADocument, IsMadeOnceForAllWhoWaitForIt) {
    const auto first = make(small);
    const auto second = make(small);
    wait_for(first);
    wait_for(second);
    EXPECT_EQ(text_of(first), text_of(second));
    EXPECT_EQ(looks, 1);
}

// As many structures without content as a table can have, 21 MB of text: writing ends at 16 MiB.
TEST_F(ADocument, OfMoreThan16MebibytesIsRefusedAndTheNextOneIsMade) {
    const std::vector<std::vector<std::uint8_t>> structures(
        (cdat::max_table_size_bytes - cdat::table_header_size_bytes) / 4, {0xFE, 0xFF, 4, 0});
    const auto long_one = make(std::make_shared<const cdat::Table>(
        cdat::Table::parse(cdat::build_table(1, 0, structures))));
    const auto next = make(small);
    wait_for(long_one);
    ASSERT_FALSE(**long_one);
    EXPECT_EQ((*long_one)->error().code(), base::Errc::too_large);
    EXPECT_THAT((*long_one)->error().message(),
                HasSubstr("the document has more than 16777216 bytes, use GetTableFd"));
    wait_for(next);
    EXPECT_TRUE(**next);
}

}  // namespace
}  // namespace doed::daemon
