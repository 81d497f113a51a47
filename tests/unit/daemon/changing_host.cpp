// SPDX-License-Identifier: Apache-2.0
#include "changing_host.hpp"

#include "doe/registers.hpp"
#include "test_client.hpp"

#include <algorithm>
#include <stdexcept>
#include <utility>

#include <fcntl.h>

namespace doed::daemon {

/// A handle that counts itself, and has a descriptor as those of a real host do.
class ChangingHost::Handle final : public pci::ConfigSpace {
public:
    Handle(ChangingHost& host, std::unique_ptr<pci::ConfigSpace> inner, const Function& function)
        : host_(host),
          inner_(std::move(inner)),
          there_(function.there),
          mailboxes_(function.info.mailboxes),
          descriptor_(::open("/dev/null", O_RDWR | O_CLOEXEC)) {
        host_.note_handle(1);
    }
    ~Handle() override { host_.note_handle(-1); }

    base::Result<std::uint32_t> read32(std::uint16_t offset) override {
        return *there_ ? inner_->read32(offset) : pci::all_ones;
    }
    base::Result<void> write32(std::uint16_t offset, std::uint32_t value) override {
        const auto written = *there_ ? inner_->write32(offset, value) : base::Result<void>();
        if (is_control(offset) && (value & doe::control_go) != 0) {
            host_.note_request();
        }
        return written;
    }

private:
    [[nodiscard]] bool is_control(std::uint16_t offset) const {
        return std::ranges::any_of(mailboxes_, [offset](const auto& mailbox) {
            return offset == mailbox.offset + doe::reg::control;
        });
    }

    ChangingHost& host_;
    std::unique_ptr<pci::ConfigSpace> inner_;
    std::shared_ptr<std::atomic<bool>> there_;
    std::vector<pci::DoeCapability> mailboxes_;
    base::UniqueFd descriptor_;
};

void ChangingHost::plug(const std::string& device, std::uint64_t identity) {
    auto topology = emulator::Topology::parse(R"({"version": 1, "devices": [)" + device + "]}",
                                              "changing host", ".");
    if (!topology) {
        throw std::runtime_error(topology.error().message());
    }
    emulator::Environment environment = emulator::Environment::real();
    environment.now = [this] { return now(); };
    Function function;
    function.host = std::make_unique<emulator::EmulatedHost>(std::move(*topology), environment);
    std::vector<base::Error> problems;
    const auto found = function.host->scan(problems);
    if (!found || found->size() != 1) {
        throw std::runtime_error("not a device with mailboxes: " + device);
    }
    function.info = found->front();
    function.info.identity = identity;
    const std::lock_guard lock(mutex_);
    functions_.insert_or_assign(function.info.address, std::move(function));
}

void ChangingHost::unplug(const pci::Address& address) {
    const std::lock_guard lock(mutex_);
    *functions_.at(address).there = false;
    functions_.erase(address);
}

void ChangingHost::silence(const pci::Address& address) {
    const std::lock_guard lock(mutex_);
    *functions_.at(address).there = false;
}

void ChangingHost::hide(const pci::Address& address) {
    const std::lock_guard lock(mutex_);
    functions_.erase(address);
}

void ChangingHost::hold() {
    const std::lock_guard lock(mutex_);
    held_since_ = std::chrono::steady_clock::now();
    requests_ = 0;
}

void ChangingHost::go_on() {
    const std::lock_guard lock(mutex_);
    held_since_.reset();
}

bool ChangingHost::wait_for_request() {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, bus::patience, [this] { return requests_ > 0; });
}

void ChangingHost::refuse(std::optional<base::Error> error) {
    const std::lock_guard lock(mutex_);
    refusal_ = std::move(error);
}

void ChangingHost::at_next_scan(std::function<void()> meanwhile) {
    const std::lock_guard lock(mutex_);
    at_scan_ = std::move(meanwhile);
}

void ChangingHost::at_next_open(std::function<base::Error()> meanwhile) {
    const std::lock_guard lock(mutex_);
    at_open_ = std::move(meanwhile);
}

int ChangingHost::handles() const {
    const std::lock_guard lock(mutex_);
    return handles_;
}

bool ChangingHost::wait_for_handles(int count) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, bus::patience, [&] { return handles_ == count; });
}

int ChangingHost::openings() const {
    const std::lock_guard lock(mutex_);
    return openings_;
}

int ChangingHost::most_handles() {
    const std::lock_guard lock(mutex_);
    return std::exchange(most_handles_, handles_);
}

base::Result<std::vector<pci::DeviceInfo>> ChangingHost::scan(std::vector<base::Error>&) {
    std::unique_lock lock(mutex_);
    base::Result<std::vector<pci::DeviceInfo>> found;
    for (const auto& [address, function] : functions_) {
        found->push_back(function.info);
    }
    if (refusal_) {
        found = std::unexpected(*refusal_);
    }
    const auto meanwhile = std::exchange(at_scan_, nullptr);
    lock.unlock();
    if (meanwhile) {
        meanwhile();
    }
    return found;
}

base::Result<std::unique_ptr<pci::ConfigSpace>> ChangingHost::open(const pci::Address& address) {
    std::unique_lock lock(mutex_);
    ++openings_;
    if (const auto meanwhile = std::exchange(at_open_, nullptr)) {
        lock.unlock();
        return std::unexpected(meanwhile());
    }
    if (refusal_) {
        return std::unexpected(*refusal_);
    }
    const auto found = functions_.find(address);
    if (found == functions_.end()) {
        return base::fail(base::Errc::not_found, address.to_string());
    }
    const Function& function = found->second;
    auto config = function.host->open(address);
    if (!config) {
        return config;
    }
    Function seen;
    seen.info = function.info;
    seen.there = function.there;
    lock.unlock();
    return std::make_unique<Handle>(*this, std::move(*config), seen);
}

base::TimePoint ChangingHost::now() const {
    const std::lock_guard lock(mutex_);
    return held_since_.value_or(std::chrono::steady_clock::now());
}

void ChangingHost::note_request() {
    const std::lock_guard lock(mutex_);
    ++requests_;
    changed_.notify_all();
}

void ChangingHost::note_handle(int change) {
    const std::lock_guard lock(mutex_);
    handles_ += change;
    most_handles_ = std::max(most_handles_, handles_);
    changed_.notify_all();
}

}  // namespace doed::daemon
