// SPDX-License-Identifier: Apache-2.0
#include "daemon/events/event_hub.hpp"

#include <chrono>
#include <string>
#include <utility>
#include <vector>

namespace doed::daemon {

namespace {

SharedEvent share(std::optional<base::EventAddress> address, std::uint16_t mailbox_offset,
                  base::EventBody body) {
    const auto now = std::chrono::system_clock::now().time_since_epoch();
    return std::make_shared<const std::vector<std::uint8_t>>(base::encode(
        base::Event{.time_us = static_cast<std::uint64_t>(
                        std::chrono::duration_cast<std::chrono::microseconds>(now).count()),
                    .address = address,
                    .mailbox_offset = mailbox_offset,
                    .body = std::move(body)}));
}

}  // namespace

EventHub::EventHub(boost::asio::any_io_executor loop, const EventLimits& limits)
    : loop_(std::move(loop)), limits_(limits) {}

EventHub::~EventHub() = default;

base::Result<void> EventHub::has_room(std::uint32_t uid) const {
    const auto user = book_->users.find(uid);
    if (user != book_->users.end() && user->second >= limits_.subscribers_per_user) {
        return base::fail(base::Errc::limits_exceeded,
                          "user " + std::to_string(uid) + " has " + std::to_string(user->second) +
                              " subscriptions to events (subscriber_limit_per_user)");
    }
    if (book_->entries.size() >= limits_.subscribers_in_all) {
        return base::fail(base::Errc::limits_exceeded,
                          "there are " + std::to_string(book_->entries.size()) +
                              " subscriptions to events (subscriber_limit_in_all)");
    }
    return {};
}

base::Result<base::UniqueFd> EventHub::subscribe(std::uint32_t uid) {
    if (!has_room(uid)) {
        // What has just been closed may not be known yet.
        book_->tidy_up();
    }
    if (const auto room = has_room(uid); !room) {
        return std::unexpected(room.error());
    }
    const std::uint64_t id = next_id_++;
    auto opened = Subscription::open(loop_, limits_.queue, [weak = std::weak_ptr(book_), id] {
        if (const auto book = weak.lock()) {
            book->strike_out(id);
        }
    });
    if (!opened) {
        return std::unexpected(opened.error());
    }
    auto& [subscription, theirs] = *opened;
    subscription->push(share({}, 0, base::SubscribedEvent{.queue_limit = limits_.queue}));
    book_->entries.emplace(id, Book::Entry{uid, std::move(subscription)});
    ++book_->users[uid];
    return std::move(theirs);
}

void EventHub::tell(const pci::Address& address, std::uint16_t mailbox_offset,
                    base::EventBody body) {
    if (book_->entries.empty()) {
        return;
    }
    const SharedEvent event = share(base::EventAddress{.domain = address.domain,
                                                       .bus = address.bus,
                                                       .device = address.device,
                                                       .function = address.function},
                                    mailbox_offset, std::move(body));
    for (const auto& [id, entry] : book_->entries) {
        entry.subscription->push(event);
    }
}

std::size_t EventHub::subscriber_count() const noexcept {
    return book_->entries.size();
}

void EventHub::Book::strike_out(std::uint64_t id) {
    const auto entry = entries.find(id);
    if (entry == entries.end()) {
        return;
    }
    const auto user = users.find(entry->second.uid);
    if (--user->second == 0) {
        users.erase(user);
    }
    entries.erase(entry);
}

void EventHub::Book::tidy_up() {
    std::vector<std::uint64_t> over;
    for (const auto& [id, entry] : entries) {
        if (entry.subscription->is_over()) {
            over.push_back(id);
        }
    }
    for (const std::uint64_t id : over) {
        strike_out(id);
    }
}

}  // namespace doed::daemon
