// SPDX-License-Identifier: Apache-2.0
//
// Everybody who has subscribed to events. What happens is told here once, in the order in which it happens on the bus loop, and
// goes to each subscriber through a socket of its own (subscription.hpp). A subscription lasts until its subscriber closes the
// descriptor, or the hub goes. Bus loop only.
#pragma once

#include "base/event.hpp"
#include "base/result.hpp"
#include "base/unique_fd.hpp"
#include "daemon/events/event_limits.hpp"
#include "daemon/events/subscription.hpp"
#include "pci/address.hpp"

#include <boost/asio/any_io_executor.hpp>

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>

namespace doed::daemon {

class EventHub {
public:
    EventHub(boost::asio::any_io_executor loop, const EventLimits& limits);
    EventHub(const EventHub&) = delete;
    EventHub& operator=(const EventHub&) = delete;
    /// Closes every subscription.
    ~EventHub();

    /// A descriptor from which user `uid` reads every event from now on, `subscribed` first. Errors: limits_exceeded, io.
    [[nodiscard]] base::Result<base::UniqueFd> subscribe(std::uint32_t uid);

    /// Tells everybody. `mailbox_offset`: 0 for an event of the device itself.
    void tell(const pci::Address& address, std::uint16_t mailbox_offset, base::EventBody body);

    [[nodiscard]] std::size_t subscriber_count() const noexcept;

private:
    [[nodiscard]] base::Result<void> has_room(std::uint32_t uid) const;

    /// What the ends of subscriptions are struck out of; they may come when the hub is no more.
    struct Book {
        struct Entry {
            std::uint32_t uid = 0;
            std::shared_ptr<Subscription> subscription;
        };
        std::map<std::uint64_t, Entry> entries;
        std::map<std::uint32_t, std::uint32_t> users;  ///< subscriptions of each; none is 0

        /// Nothing when it is not there any more.
        void strike_out(std::uint64_t id);
        /// Strikes out those whose ends are closed.
        void tidy_up();
    };

    boost::asio::any_io_executor loop_;
    EventLimits limits_;
    std::shared_ptr<Book> book_ = std::make_shared<Book>();
    std::uint64_t next_id_ = 0;
};

}  // namespace doed::daemon
