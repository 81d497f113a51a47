// SPDX-License-Identifier: Apache-2.0
//
// An event as C sees it: a structure of numbers and texts, and what keeps the texts.
#pragma once

#include "base/event.hpp"

#include <cstdint>
#include <string>

#include <doed/doed.h>

namespace doed::client {

class EventView {
public:
    explicit EventView(const base::EventPacket& packet);
    EventView(const EventView&) = delete;
    EventView& operator=(const EventView&) = delete;

    [[nodiscard]] const doed_event& event() const noexcept { return event_; }
    void rename(std::uint32_t type) noexcept { event_.type = type; }

private:
    base::Event packet_;
    std::string address_;
    std::string path_;
    doed_event event_;
};

/// One of the library's own. The texts stay the caller's.
[[nodiscard]] doed_event own_event(std::uint32_t type, int error, const std::string& name,
                                   const std::string& text) noexcept;

}  // namespace doed::client
