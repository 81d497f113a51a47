// SPDX-License-Identifier: Apache-2.0
//
// An emulated host whose functions come and go as a test says, which knows who holds config space, and can keep devices
// from responding. Any thread.
#pragma once

#include "base/unique_fd.hpp"
#include "emulator/emulated_host.hpp"
#include "pci/host.hpp"

#include <atomic>
#include <condition_variable>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace doed::daemon {

class ChangingHost final : public pci::Host {
public:
    /// A device as in a topology file. It is there at the next look, with this identity.
    void plug(const std::string& device, std::uint64_t identity = 0);
    /// Takes it out: it reads as all ones through every handle that is left.
    void unplug(const pci::Address& address);
    /// It reads as all ones from here on, and is shown as before.
    void silence(const pci::Address& address);
    /// The host does not show it any more, and the handles that are left still reach it.
    void hide(const pci::Address& address);

    /// From here on devices take requests and do not respond.
    void hold();
    /// They go on, also with what was asked meanwhile.
    void go_on();
    /// Until a device has been asked since hold(); false when it has not come to that.
    [[nodiscard]] bool wait_for_request();

    /// Opening and scanning fail with this, until they are told otherwise.
    void refuse(std::optional<base::Error> error);
    /// The next scan calls this before it ends, on a worker; it has seen what was there before.
    void at_next_scan(std::function<void()> meanwhile);
    /// The next opening calls this first, on a worker, and fails with what it returns.
    void at_next_open(std::function<base::Error()> meanwhile);

    /// How many handles on config space are open.
    [[nodiscard]] int handles() const;
    /// Until there are as many; false when it has not come to that.
    [[nodiscard]] bool wait_for_handles(int count);
    /// The most there were at once since the last call of this.
    [[nodiscard]] int most_handles();
    /// How many times config space was to be opened, well or badly.
    [[nodiscard]] int openings() const;

    [[nodiscard]] std::string_view backend() const override { return "changing"; }
    [[nodiscard]] base::Result<std::vector<pci::DeviceInfo>> scan(
        std::vector<base::Error>& problems) override;
    [[nodiscard]] base::Result<std::unique_ptr<pci::ConfigSpace>> open(
        const pci::Address& address) override;

private:
    class Handle;
    struct Function {
        std::unique_ptr<emulator::EmulatedHost> host;
        pci::DeviceInfo info;
        std::shared_ptr<std::atomic<bool>> there = std::make_shared<std::atomic<bool>>(true);
    };

    /// The devices' time: it stands while they are held.
    [[nodiscard]] base::TimePoint now() const;
    void note_request();
    void note_handle(int change);

    mutable std::mutex mutex_;
    std::condition_variable changed_;
    std::map<pci::Address, Function> functions_;
    std::optional<base::Error> refusal_;
    std::function<void()> at_scan_;
    std::function<base::Error()> at_open_;
    std::optional<base::TimePoint> held_since_;
    int requests_ = 0;  ///< while held
    int handles_ = 0;
    int most_handles_ = 0;
    int openings_ = 0;
};

}  // namespace doed::daemon
