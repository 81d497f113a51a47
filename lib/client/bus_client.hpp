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
    /// `where` as for open_bus(); only for messages.
    BusClient(BusPtr bus, std::string where, std::chrono::microseconds timeout);

    [[nodiscard]] Outcome<std::vector<DeviceRecord>> devices() override;
    [[nodiscard]] Outcome<std::vector<Feature>> discover(const std::string& mailbox_path) override;
    /// Asks for bytes first, and for a memory file when they are too many for a message.
    [[nodiscard]] Outcome<std::vector<std::uint8_t>> table(const std::string& mailbox_path,
                                                           bool refresh) override;
    [[nodiscard]] Outcome<std::string> table_document(const std::string& mailbox_path) override;
    [[nodiscard]] Outcome<std::string> trace(const std::string& mailbox_path) override;
    [[nodiscard]] Outcome<base::UniqueFd> release(const std::string& mailbox_path) override;
    [[nodiscard]] Outcome<CdatRecord> cdat(const std::string& mailbox_path) override;

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
    [[nodiscard]] Failure on_this_bus(const Failure& failure) const;

    BusPtr bus_;
    std::string where_;
    std::chrono::microseconds timeout_;
};

}  // namespace doed::client
