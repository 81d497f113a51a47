// SPDX-License-Identifier: Apache-2.0
//
// A Service with a person at a terminal in front of it: tells what takes long, and has polkit ask for a password where doed
// would allow a call to somebody who gives one.
#pragma once

#include "client/polkit_agent.hpp"
#include "client/service.hpp"

#include <optional>
#include <utility>

namespace doed::client {

class AttendedService final : public Service {
public:
    struct Attendance {
        std::optional<int>
            progress_terminal;  ///< where to tell what takes long; nowhere when absent
        bool may_ask = false;   ///< polkit may ask for a password
    };

    /// `service` must outlive it.
    AttendedService(Service& service, Attendance attendance) noexcept
        : service_(service), attendance_(attendance) {}

    [[nodiscard]] Outcome<std::vector<DeviceRecord>> devices() override;
    [[nodiscard]] Outcome<std::vector<Feature>> discover(const std::string& mailbox_path) override;
    [[nodiscard]] Outcome<std::vector<std::uint8_t>> table(const std::string& mailbox_path,
                                                           bool refresh) override;
    [[nodiscard]] Outcome<std::string> table_document(const std::string& mailbox_path) override;
    [[nodiscard]] Outcome<std::string> trace(const std::string& mailbox_path) override;
    [[nodiscard]] Outcome<void> reset(const std::string& mailbox_path) override;
    [[nodiscard]] Outcome<base::UniqueFd> release(const std::string& mailbox_path) override;
    [[nodiscard]] Outcome<CdatRecord> cdat(const std::string& mailbox_path) override;
    [[nodiscard]] Outcome<void> follow(const std::function<bool(const Event&)>& take,
                                       std::span<const pollfd> ends) override {
        return service_.follow(take, ends);
    }
    void on_wait(std::function<void(std::chrono::microseconds)> tell) override {
        service_.on_wait(std::move(tell));
    }
    void allow_interaction(bool allowed) override { service_.allow_interaction(allowed); }

private:
    /// Makes the call, and where it is denied makes it again with a person asked. `doing`: "reading the CDAT".
    template <typename Call>
    [[nodiscard]] auto attend(const char* doing, const std::string& path, const Call& call);

    Service& service_;
    Attendance attendance_;
    PolkitAgent agent_;
};

}  // namespace doed::client
