// SPDX-License-Identifier: Apache-2.0
#include "daemon/cdat_cache.hpp"

#include <array>
#include <cstdint>
#include <vector>

#include <gtest/gtest.h>
#include <unistd.h>

namespace doed::daemon {
namespace {

/// A cache over a device whose answers the test gives.
class ACache : public testing::Test {
protected:
    using Pending = std::move_only_function<void(base::Result<cdat::Table>)>;

    ACache() {
        cache->on_change([this] { ++changes; });
    }

    std::shared_ptr<base::Result<CdatCache::TablePtr>> get(bool refresh = false) {
        bus::MethodOptions options;
        options.refresh = refresh;
        auto answer = std::make_shared<base::Result<CdatCache::TablePtr>>(nullptr);
        cache->get(options,
                   [answer](const base::Result<CdatCache::TablePtr>& table) { *answer = table; });
        return answer;
    }

    void device_answers(std::uint8_t last_byte) {
        answer(cdat::Table::parse(std::vector<std::uint8_t>(20, last_byte)));
    }
    void answer(base::Result<cdat::Table> table) {
        ASSERT_FALSE(readings.empty());
        auto reading = std::move(readings.back());
        readings.pop_back();
        reading(std::move(table));
    }

    std::vector<Pending> readings;
    int changes = 0;
    std::shared_ptr<CdatCache> cache = std::make_shared<CdatCache>(
        "mailbox",
        [this](const bus::MethodOptions&, Pending done) { readings.push_back(std::move(done)); });
};

TEST_F(ACache, ReadsTheDeviceForTheFirstCallerOnly) {
    const auto first = get();
    EXPECT_EQ(readings.size(), 1U);
    device_answers(7);
    ASSERT_TRUE(*first);
    EXPECT_EQ((**first)->bytes().size(), 20U);

    const auto second = get();
    EXPECT_TRUE(readings.empty());
    EXPECT_EQ(**second, **first);
    EXPECT_EQ(changes, 1);
}

TEST_F(ACache, ReadsTheDeviceWhenARefreshIsAskedFor) {
    get();
    device_answers(7);
    const auto refreshed = get(true);
    EXPECT_EQ(readings.size(), 1U);
    device_answers(8);
    EXPECT_EQ((**refreshed)->bytes().back(), 8);
    EXPECT_EQ(cache->table()->bytes().back(), 8);
    EXPECT_EQ(changes, 2);
}

TEST_F(ACache, TellsOfNoChangeWhenTheNewReadingIsTheSame) {
    get();
    device_answers(7);
    get(true);
    device_answers(7);
    EXPECT_EQ(changes, 1);
}

TEST_F(ACache, KeepsItsCopyWhenARefreshFails) {
    get();
    device_answers(7);
    const auto refreshed = get(true);
    answer(base::fail(base::Errc::timeout, "0000:0d:00.0 mailbox 0x190"));
    ASSERT_FALSE(*refreshed);
    EXPECT_EQ(refreshed->error().code(), base::Errc::timeout);
    EXPECT_TRUE(*get());
    EXPECT_TRUE(readings.empty());
}

TEST_F(ACache, HandsOutTheCopyItHasNow) {
    get();
    device_answers(7);
    std::array<std::uint8_t, 32> bytes{};
    auto file = cache->open_sealed();
    ASSERT_TRUE(file) << file.error().message();
    EXPECT_EQ(::pread(file->get(), bytes.data(), bytes.size(), 0), 20);
    EXPECT_EQ(bytes[19], 7);

    get(true);
    device_answers(8);
    EXPECT_EQ(::pread(file->get(), bytes.data(), bytes.size(), 0), 20);
    EXPECT_EQ(bytes[19], 7) << "what was handed out stays as it was";
    file = cache->open_sealed();
    EXPECT_EQ(::pread(file->get(), bytes.data(), bytes.size(), 0), 20);
    EXPECT_EQ(bytes[19], 8);
}

}  // namespace
}  // namespace doed::daemon
