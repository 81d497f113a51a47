// SPDX-License-Identifier: Apache-2.0
//
// doed's end of the connection to its opener. Any thread may ask; each waits for its own answer.
#pragma once

#include "base/unique_fd.hpp"
#include "daemon/opener/protocol.hpp"
#include "pci/opener.hpp"

#include <chrono>
#include <cstdint>
#include <functional>
#include <future>
#include <map>
#include <mutex>
#include <string>
#include <thread>

namespace doed::daemon::opener {

class Client final : public pci::Opener {
public:
    /// How long an answer may take. Opening is quick; a look at config space may wait for a device to wake up.
    static constexpr std::chrono::seconds default_patience{30};

    explicit Client(base::UniqueFd socket, std::chrono::milliseconds patience = default_patience);
    Client(const Client&) = delete;
    Client& operator=(const Client&) = delete;
    /// Not called while somebody asks.
    ~Client() override;

    /// Called once, on a thread of its own, when the opener is gone: at once if it is already. Nothing can be opened any more.
    void on_lost(std::function<void()> lost);

    /// Errors of both besides those of the opener: timeout (no answer in time), io (the opener is gone).
    [[nodiscard]] base::Result<pci::FoundMailboxes> find(const pci::Address& address) override;
    [[nodiscard]] base::Result<base::UniqueFd> open(const pci::Address& address,
                                                    pci::RootFile file) override;

private:
    struct Answer {
        Reply reply;
        base::UniqueFd file;
    };
    struct Waiting {
        Command command;
        std::promise<base::Result<Answer>> promise;
    };

    [[nodiscard]] base::Result<Answer> ask(Request request);
    void receive();
    [[nodiscard]] bool receive_one();
    void lose();

    base::UniqueFd socket_;
    std::chrono::milliseconds patience_;
    std::mutex mutex_;
    std::uint32_t next_id_ = 1;
    std::map<std::uint32_t, Waiting> waiting_;
    bool gone_ = false;
    std::function<void()> lost_;
    std::thread receiver_;
};

}  // namespace doed::daemon::opener
