// SPDX-License-Identifier: Apache-2.0
//
// The opener's end of the connection: takes requests, has each answered on a thread of its own (a device may make one wait),
// and ends with the first packet that is no request.
#pragma once

#include "base/unique_fd.hpp"
#include "daemon/opener/protocol.hpp"
#include "pci/opener.hpp"

#include <condition_variable>
#include <cstddef>
#include <mutex>
#include <string>

namespace doed::daemon::opener {

class Server {
public:
    /// Requests that are being answered; one more is refused with `busy`.
    static constexpr std::size_t requests_max = 64;

    /// `opener` decides what is handed out; it outlives the server.
    Server(base::UniqueFd socket, pci::Opener& opener);
    Server(const Server&) = delete;
    Server& operator=(const Server&) = delete;
    /// Waits for the requests that are being answered.
    ~Server();

    /// Serves until the other end closes (empty) or says what is no request (then the reason).
    [[nodiscard]] std::string run();

private:
    void begin(const Request& request);
    void answer(const Request& request);

    base::UniqueFd socket_;
    pci::Opener& opener_;
    std::mutex mutex_;
    std::condition_variable answered_;
    std::size_t open_requests_ = 0;
};

}  // namespace doed::daemon::opener
