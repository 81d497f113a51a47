// SPDX-License-Identifier: Apache-2.0
//
// The Service over libdoed: one context, used by one thread. doed is told each call's deadline, so that it stops working for
// a client that has given up.
#pragma once

#include "client/bus_place.hpp"
#include "client/service.hpp"

#include <chrono>
#include <cstdlib>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <doed/doed.h>

namespace doed::client {

class LibdoedService final : public Service {
public:
    /// `timeout`: of the connection and of each call. `starts_doed`: a doed that is away is started, where the bus knows how to.
    LibdoedService(BusPlace place, std::chrono::microseconds timeout, bool starts_doed = true);
    ~LibdoedService() override = default;
    LibdoedService(const LibdoedService&) = delete;
    LibdoedService& operator=(const LibdoedService&) = delete;

    /// Before anything else. Failures: no_daemon when nothing listens there, access_denied, timed_out, usage for an address
    /// that is none.
    [[nodiscard]] Outcome<void> connect();

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
                                       std::span<const pollfd> ends) override;
    void allow_interaction(bool allowed) override;
    void on_wait(std::function<void(std::chrono::microseconds)> tell) override;

private:
    struct Unref {
        void operator()(doed_context* context) const noexcept { doed_unref(context); }
        void operator()(doed_snapshot* snapshot) const noexcept { doed_snapshot_unref(snapshot); }
        void operator()(doed_features* features) const noexcept { doed_features_unref(features); }
        void operator()(doed_cdat_status* status) const noexcept { doed_cdat_status_unref(status); }
        void operator()(doed_subscription* stream) const noexcept {
            doed_subscription_unref(stream);
        }
        template <typename T>
        void operator()(T* plain) const noexcept {
            std::free(plain);
        }
    };
    template <typename T>
    using Owned = std::unique_ptr<T, Unref>;

    /// What follow() has heard.
    struct Stream {
        const std::function<bool(const Event&)>* take;
        bool begun = false;  ///< doed has answered once
        bool over = false;
        std::optional<Failure> failure;
    };

    [[nodiscard]] Failure failure(int error) const;
    void apply_flags();
    static int on_tick(std::uint64_t elapsed_usec, void* service);
    static void on_event(const doed_event* event, void* stream);

    BusPlace place_;
    Owned<doed_context> context_;
    std::function<void(std::chrono::microseconds)> tell_;
    std::vector<pollfd> ends_;  ///< of follow(): end calls as well that are made meanwhile
    int setup_error_ = 0;       ///< negative errno value of what could not be set
    bool starts_doed_;
    bool interactive_ = false;
};

}  // namespace doed::client
