// SPDX-License-Identifier: Apache-2.0
//
// The client's side of dbus/*.xml over one sd-bus connection; owns it. Used by one thread. doed is told each call's
// deadline, so that it stops working for a client that has given up; the client itself waits a little longer than
// that, to hear the better reason.
#pragma once

#include "client/bus_connection.hpp"
#include "client/service.hpp"

#include <chrono>
#include <string>

namespace doed::client {

class BusClient final : public Service {
public:
    /// `starts_doed`: a doed that is away is started, where the bus knows how to.
    BusClient(BusPtr bus, BusPlace place, std::chrono::microseconds timeout,
              bool starts_doed = true);

    [[nodiscard]] Outcome<std::vector<DeviceRecord>> devices() override;
    [[nodiscard]] Outcome<std::vector<Feature>> discover(const std::string& mailbox_path) override;
    /// Asks for bytes first, and for a memory file when they are too many for a message.
    [[nodiscard]] Outcome<std::vector<std::uint8_t>> table(const std::string& mailbox_path,
                                                           bool refresh) override;
    [[nodiscard]] Outcome<std::string> table_document(const std::string& mailbox_path) override;
    [[nodiscard]] Outcome<std::string> trace(const std::string& mailbox_path) override;
    [[nodiscard]] Outcome<void> reset(const std::string& mailbox_path) override;
    [[nodiscard]] Outcome<base::UniqueFd> release(const std::string& mailbox_path) override;
    [[nodiscard]] Outcome<CdatRecord> cdat(const std::string& mailbox_path) override;
    void allow_interaction(bool allowed) override { interactive_ = allowed; }

private:
    [[nodiscard]] Outcome<MessagePtr> new_call(const std::string& path, const char* interface,
                                               const char* member);
    /// A call of one of doed's own methods, whose only argument are the options.
    [[nodiscard]] Outcome<MessagePtr> call_method(const std::string& path, const char* interface,
                                                  const char* member, bool refresh);
    /// Sends, waits, and checks that the answer has the signature of the contract.
    [[nodiscard]] Outcome<MessagePtr> send(const MessagePtr& call,
                                           std::chrono::microseconds timeout,
                                           const char* signature);
    [[nodiscard]] Outcome<std::vector<std::uint8_t>> table_from_file(
        const std::string& mailbox_path);
    BusPtr bus_;
    BusPlace place_;
    std::chrono::microseconds timeout_;
    bool starts_doed_;
    bool interactive_ = false;
};

}  // namespace doed::client
