// SPDX-License-Identifier: Apache-2.0
//
// A CDAT that changes while it is read, and one that cannot be read (CXL r3.1 8.1.11.1, CDAT 1.04).
#include "cdat/table_builder.hpp"
#include "emulator/protocols/changing_table.hpp"
#include "emulator/protocols/faulty_table_responder.hpp"

#include <numeric>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace doed::emulator {
namespace {

using Bytes = std::vector<std::uint8_t>;

constexpr std::size_t checksum_at = 5;
constexpr std::size_t sequence_at = 12;
constexpr std::uint32_t header = 0;
constexpr std::uint32_t no_more = 0xFFFF;

const Bytes endpoint_table = cdat::default_endpoint_table(256U << 20);

int sum_of(const Bytes& table) {
    return std::accumulate(table.begin(), table.end(), 0) & 0xFF;
}

std::uint32_t sequence_of(const Bytes& table) {
    return table[sequence_at] | std::uint32_t{table[sequence_at + 1]} << 8 |
           std::uint32_t{table[sequence_at + 2]} << 16 |
           std::uint32_t{table[sequence_at + 3]} << 24;
}

std::vector<std::size_t> differences(const Bytes& one, const Bytes& other) {
    EXPECT_EQ(one.size(), other.size());
    std::vector<std::size_t> offsets;
    for (std::size_t i = 0; i < one.size(); ++i) {
        if (one[i] != other[i]) {
            offsets.push_back(i);
        }
    }
    return offsets;
}

TEST(AChangingTable, HasANextSequenceAndARightChecksum) {
    const Bytes next = with_next_sequence(endpoint_table);
    EXPECT_THAT(differences(endpoint_table, next), testing::ElementsAre(checksum_at, sequence_at));
    EXPECT_EQ(sequence_of(next), sequence_of(endpoint_table) + 1);
    EXPECT_EQ(sum_of(next), 0);
}

TEST(AChangingTable, HasItsLastValueChanged) {
    constexpr std::size_t last_dslbis_value = 16 + 24 + 3 * 24 + 16;
    const Bytes next = with_next_content(endpoint_table);
    EXPECT_THAT(differences(endpoint_table, next),
                testing::ElementsAre(checksum_at, sequence_at, last_dslbis_value));
    EXPECT_EQ(next[last_dslbis_value], endpoint_table[last_dslbis_value] + 1);
    EXPECT_EQ(sum_of(next), 0);
    EXPECT_EQ(sequence_of(with_next_content(next)), sequence_of(endpoint_table) + 2);
}

TEST(AChangingTable, OfASwitchHasAValueToo) {
    const Bytes table = cdat::default_switch_table();
    constexpr std::size_t last_sslbis_value = 16 + 24 + 20;
    const Bytes next = with_next_content(table);
    EXPECT_THAT(differences(table, next),
                testing::ElementsAre(checksum_at, sequence_at, last_sslbis_value));
    EXPECT_EQ(sum_of(next), 0);
}

TEST(AChangingTable, WithoutValuesChangesItsLastByte) {
    const Bytes table = cdat::build_table(1, 0xFFFFFFFF, std::vector<Bytes>{{7, 0, 5, 0, 0xFF}});
    const Bytes next = with_next_content(table);
    EXPECT_EQ(next.back(), 0) << "255 and one more";
    EXPECT_EQ(sequence_of(next), 0U);
    EXPECT_EQ(sum_of(next), 0);
}

TEST(AChangingTable, StaysWrongWhereItWasWrong) {
    Bytes table = endpoint_table;
    ++table[checksum_at];
    EXPECT_EQ(sum_of(with_next_content(table)), 1);
    const Bytes only_a_header = cdat::build_table(1, 4, {});
    EXPECT_EQ(sequence_of(with_next_content(only_a_header)), 5U);
    EXPECT_EQ(sum_of(with_next_content(only_a_header)), 0);
    const Bytes shorter(15, 1);
    EXPECT_EQ(with_next_content(shorter), shorter);
}

class AFaultyTable : public testing::Test {
protected:
    void make(const std::vector<FaultRule>& rules) {
        faults = std::make_shared<FaultInjector>(FaultScript{.rules = rules},
                                                 [] { return base::TimePoint{}; });
        responder.emplace(endpoint_table, faults);
    }
    /// One exchange: the next handle, and the entry's bytes.
    std::pair<std::uint32_t, Bytes> get(std::uint32_t handle) {
        const auto response = responder->respond(std::vector{handle << 16});
        faults->end_exchange();
        if (!response) {
            return {0, {}};
        }
        Bytes entry;
        for (std::size_t i = 1; i < response->size(); ++i) {
            for (const unsigned shift : {0U, 8U, 16U, 24U}) {
                entry.push_back(static_cast<std::uint8_t>((*response)[i] >> shift));
            }
        }
        return {response->front() >> 16, entry};
    }
    /// The whole table, entry by entry; 7 exchanges.
    Bytes get_all() {
        Bytes all;
        std::uint32_t handle = header;
        while (handle != no_more) {
            const auto [next, entry] = get(handle);
            all.insert(all.end(), entry.begin(), entry.end());
            handle = next;
        }
        return all;
    }

    std::shared_ptr<FaultInjector> faults;
    std::optional<FaultyTableResponder> responder;
};

TEST_F(AFaultyTable, WithoutRulesIsServedAsItIs) {
    make({});
    EXPECT_EQ(get_all(), endpoint_table);
    EXPECT_EQ(get_all(), endpoint_table);
}

TEST_F(AFaultyTable, ThatChangesWhileItIsReadIsTornAndSoundTheNextTime) {
    make({FaultRule::at(FaultKind::table_changes, 4)});
    const Bytes torn = get_all();
    EXPECT_NE(sum_of(torn), 0);
    const Bytes after = get_all();
    EXPECT_EQ(after, with_next_content(endpoint_table));
    EXPECT_TRUE(std::equal(torn.begin(), torn.begin() + 16, endpoint_table.begin()));
    EXPECT_TRUE(std::equal(torn.begin() + 16, torn.end(), after.begin() + 16));
    EXPECT_EQ(Bytes(responder->table().begin(), responder->table().end()), after);
    EXPECT_EQ(faults->counts().of(FaultKind::table_changes), 1U);
}

TEST_F(AFaultyTable, WhoseSequenceChangesShowsItInTheNextHeaderOnly) {
    make({FaultRule::at(FaultKind::table_sequence_changes, 4)});
    EXPECT_EQ(get_all(), endpoint_table);
    EXPECT_EQ(get_all(), with_next_sequence(endpoint_table));
    EXPECT_EQ(faults->counts().of(FaultKind::table_sequence_changes), 1U);
}

TEST_F(AFaultyTable, WhoseHandlesLoopLeadsBackToTheFirstStructure) {
    make({FaultRule::at(FaultKind::table_handle_loops, 3)});
    EXPECT_EQ(get(0).first, 1U);
    EXPECT_EQ(get(1).first, 2U);
    const auto [next, entry] = get(2);
    EXPECT_EQ(next, 1U);
    EXPECT_EQ(entry, Bytes(endpoint_table.begin() + 40, endpoint_table.begin() + 64));
    EXPECT_EQ(get(2).first, 3U);
    EXPECT_EQ(faults->counts().of(FaultKind::table_handle_loops), 1U);
}

TEST_F(AFaultyTable, DoesNotLoopAtItsHeader) {
    make({{.kind = FaultKind::table_handle_loops}});
    EXPECT_EQ(get(0).first, 1U);
    EXPECT_EQ(faults->counts().total(), 0U);
}

TEST_F(AFaultyTable, WhoseHandleLeadsNowhereAnswersThatHandleWithSilence) {
    make({FaultRule::at(FaultKind::table_handle_nowhere, 2)});
    EXPECT_EQ(get(0).first, 1U);
    EXPECT_EQ(get(1).first, 0xFFFEU);
    EXPECT_EQ(responder->respond(std::vector{0xFFFE0000U}), std::nullopt);
    EXPECT_EQ(get(1).first, 2U);
}

TEST_F(AFaultyTable, WithAWrongChecksumHasItInItsHeader) {
    make({FaultRule::at(FaultKind::table_checksum_wrong, 1, 8)});
    const Bytes wrong = get_all();
    EXPECT_THAT(differences(endpoint_table, wrong), testing::ElementsAre(checksum_at));
    EXPECT_EQ(faults->counts().of(FaultKind::table_checksum_wrong), 1U) << "once in 7 exchanges";
    EXPECT_NE(get_all(), endpoint_table);
    EXPECT_EQ(get_all(), endpoint_table);
}

TEST_F(AFaultyTable, StaysSilentToWhatTableAccessDoesNotDefine) {
    make({{.kind = FaultKind::table_handle_loops}, {.kind = FaultKind::table_checksum_wrong}});
    EXPECT_EQ(responder->respond({}), std::nullopt);
    EXPECT_EQ(responder->respond(std::vector{0x00000001U}), std::nullopt);
    EXPECT_EQ(faults->counts().total(), 0U);
}

}  // namespace
}  // namespace doed::emulator
