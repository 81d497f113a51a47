// SPDX-License-Identifier: Apache-2.0
//
// Whether an object is still on the bus, for the replies it owes. Shared by the object and its
// replies. Bus loop only.
#pragma once

#include "base/error.hpp"

#include <memory>
#include <optional>
#include <utility>

namespace doed::bus {

class Presence {
public:
    /// The object goes: `why` is what its open calls end with from now on.
    void leave(base::Error why) {
        if (!why_) {
            why_ = std::move(why);
        }
    }
    /// Empty while the object is there.
    [[nodiscard]] const std::optional<base::Error>& left() const noexcept { return why_; }

private:
    std::optional<base::Error> why_;
};

/// An object's own: it leaves with the object at the latest, as Cancelled.
class OwnPresence {
public:
    OwnPresence() = default;
    OwnPresence(const OwnPresence&) = delete;
    OwnPresence& operator=(const OwnPresence&) = delete;
    ~OwnPresence() { presence_->leave(base::Error(base::Errc::cancelled)); }

    void leave(base::Error why) const { presence_->leave(std::move(why)); }
    [[nodiscard]] std::shared_ptr<const Presence> share() const noexcept { return presence_; }

private:
    std::shared_ptr<Presence> presence_ = std::make_shared<Presence>();
};

}  // namespace doed::bus
