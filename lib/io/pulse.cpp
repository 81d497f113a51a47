// SPDX-License-Identifier: Apache-2.0
#include "io/pulse.hpp"

#include <boost/asio/defer.hpp>

namespace doed::io {

namespace {

class MarkedConfigSpace final : public pci::ConfigSpace {
public:
    MarkedConfigSpace(std::shared_ptr<Pulse> pulse, std::unique_ptr<pci::ConfigSpace> config)
        : pulse_(std::move(pulse)), config_(std::move(config)) {}
    ~MarkedConfigSpace() override {
        const auto mark = pulse_->mark_access();
        config_.reset();
    }

    base::Result<std::uint32_t> read32(std::uint16_t offset) override {
        const auto mark = pulse_->mark_access();
        return config_->read32(offset);
    }
    base::Result<void> write32(std::uint16_t offset, std::uint32_t value) override {
        const auto mark = pulse_->mark_access();
        return config_->write32(offset, value);
    }
    base::Result<void> confirm_claim() override {
        const auto mark = pulse_->mark_access();
        return config_->confirm_claim();
    }
    bool may_tidy_up() override {
        const auto mark = pulse_->mark_access();
        return config_->may_tidy_up();
    }
    void begin_use() override {
        const auto mark = pulse_->mark_access();
        config_->begin_use();
    }
    void end_use() override {
        const auto mark = pulse_->mark_access();
        config_->end_use();
    }

private:
    std::shared_ptr<Pulse> pulse_;
    std::unique_ptr<pci::ConfigSpace> config_;
};

}  // namespace

void Pulse::post(base::Task task) {
    // As a continuation: see WorkerExecutor. From outside the pool this is a post like any other.
    boost::asio::defer(strand_, [self = shared_from_this(), task = std::move(task)]() mutable {
        const auto mark = self->mark_task();
        // Dropping what it holds, the mailbox perhaps, is part of the task.
        base::Task running = std::move(task);
        running();
    });
}

std::unique_ptr<pci::ConfigSpace> marked(std::shared_ptr<Pulse> pulse,
                                         std::unique_ptr<pci::ConfigSpace> config) {
    return std::make_unique<MarkedConfigSpace>(std::move(pulse), std::move(config));
}

}  // namespace doed::io
