// SPDX-License-Identifier: Apache-2.0
//
// A queue that serves users in turn: each uid has its own first-in-first-out lane, and one item is taken from each lane
// before any lane is served twice.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <utility>

namespace doed::doe {

template <typename Item>
class FairQueue {
public:
    [[nodiscard]] bool empty() const noexcept { return lanes_.empty(); }

    void push(std::uint32_t uid, Item item) {
        auto lane = std::ranges::find(lanes_, uid, &Lane::uid);
        if (lane == lanes_.end()) {
            lane = lanes_.insert(lanes_.end(), Lane{uid, {}});
        }
        lane->items.push_back(std::move(item));
    }

    /// The oldest item of the lane whose turn it is. The queue is not empty.
    [[nodiscard]] Item pop() {
        Lane lane = std::move(lanes_.front());
        lanes_.pop_front();
        Item item = std::move(lane.items.front());
        lane.items.pop_front();
        if (!lane.items.empty()) {
            lanes_.push_back(std::move(lane));
        }
        return item;
    }

    /// The first item, in any lane, for which `predicate` holds; null when there is none.
    template <typename Predicate>
    [[nodiscard]] Item* find_if(Predicate predicate) {
        for (auto& lane : lanes_) {
            const auto found = std::ranges::find_if(lane.items, predicate);
            if (found != lane.items.end()) {
                return &*found;
            }
        }
        return nullptr;
    }

    /// Removes every item for which `predicate` holds.
    template <typename Predicate>
    void erase_if(Predicate predicate) {
        for (auto& lane : lanes_) {
            std::erase_if(lane.items, predicate);
        }
        std::erase_if(lanes_, [](const Lane& lane) { return lane.items.empty(); });
    }

private:
    struct Lane {
        std::uint32_t uid;
        std::deque<Item> items;
    };

    std::deque<Lane> lanes_;  ///< in the order of their turns; none is empty
};

}  // namespace doed::doe
