// SPDX-License-Identifier: Apache-2.0
#include "io/worker_pool.hpp"

#include "base/assert.hpp"

#include <boost/asio/post.hpp>

#include <system_error>
#include <utility>

namespace doed::io {

namespace {

class AttendedConfigSpace final : public pci::ConfigSpace {
public:
    AttendedConfigSpace(WorkerPool& pool, std::unique_ptr<pci::ConfigSpace> config)
        : pool_(pool), config_(std::move(config)) {}

    base::Result<std::uint32_t> read32(std::uint16_t offset) override {
        return config_->read32(offset);
    }
    base::Result<void> write32(std::uint16_t offset, std::uint32_t value) override {
        return config_->write32(offset, value);
    }
    base::Result<void> confirm_claim() override { return config_->confirm_claim(); }
    bool may_tidy_up() override { return config_->may_tidy_up(); }
    void begin_use() override {
        pool_.begin_use();
        config_->begin_use();
    }
    void end_use() override {
        config_->end_use();
        pool_.end_use();
    }

private:
    WorkerPool& pool_;
    std::unique_ptr<pci::ConfigSpace> config_;
};

}  // namespace

WorkerPool::WorkerPool(const Options& options) : options_(options), pool_(options.threads) {
    DOED_ASSERT(options.threads >= 1 && options.threads <= options.threads_max);
    if (options.threads < options.threads_max) {
        attendant_ = std::thread([this] { attend(); });
    }
}

WorkerPool::~WorkerPool() {
    join();
}

void WorkerPool::join() {
    // The attendant stays to the last: what is left to do may need its threads.
    pool_.join();
    {
        const std::scoped_lock lock(mutex_);
        ending_ = true;
    }
    used_.notify_all();
    changed_.notify_all();
    if (attendant_.joinable()) {
        attendant_.join();
    }
    for (auto& thread : std::exchange(added_, {})) {
        thread.join();
    }
}

void WorkerPool::begin_use() {
    const std::scoped_lock lock(mutex_);
    if (++users_ == 1) {
        used_.notify_all();
    }
}

void WorkerPool::end_use() {
    const std::scoped_lock lock(mutex_);
    DOED_ASSERT(users_ > 0);
    --users_;
}

unsigned WorkerPool::threads() const {
    const std::scoped_lock lock(mutex_);
    return options_.threads + static_cast<unsigned>(added_.size());
}

bool WorkerPool::exhausted() const {
    const std::scoped_lock lock(mutex_);
    return no_room_ || options_.threads + added_.size() >= options_.threads_max;
}

void WorkerPool::enlist(std::string name, const std::shared_ptr<Pulse>& pulse) {
    const std::scoped_lock lock(mutex_);
    std::erase_if(strands_, [](const ListedStrand& strand) { return strand.pulse.expired(); });
    strands_.push_back({std::move(name), pulse});
}

std::vector<WorkerPool::NamedStrand> WorkerPool::strands() const {
    const std::scoped_lock lock(mutex_);
    std::vector<NamedStrand> present;
    for (const auto& strand : strands_) {
        if (auto pulse = strand.pulse.lock()) {
            present.push_back({strand.name, std::move(pulse)});
        }
    }
    return present;
}

void WorkerPool::attend() {
    Lock lock(mutex_);
    for (;;) {
        used_.wait(lock, [this] { return ending_ || users_ > 0; });
        if (ending_) {
            return;
        }
        probe(lock);
        changed_.wait_for(lock, options_.pause, [this] { return ending_; });
    }
}

/// Until a task that is posted now has run.
void WorkerPool::probe(Lock& lock) {
    probe_ran_ = false;
    boost::asio::post(pool_, [this] {
        const std::scoped_lock inner(mutex_);
        probe_ran_ = true;
        changed_.notify_all();
    });
    const auto over = [this] { return probe_ran_ || ending_; };
    while (!changed_.wait_for(lock, options_.patience, over)) {
        if (options_.threads + added_.size() == options_.threads_max) {
            changed_.wait(lock, over);
            return;
        }
        add_thread();
    }
}

void WorkerPool::add_thread() {
    try {
        added_.emplace_back([this] { pool_.attach(); });
        no_room_ = false;
    } catch (const std::system_error&) {
        no_room_ = true;  // tried again after the patience
    }
}

std::unique_ptr<pci::ConfigSpace> attended(WorkerPool& pool,
                                           std::unique_ptr<pci::ConfigSpace> config) {
    return std::make_unique<AttendedConfigSpace>(pool, std::move(config));
}

}  // namespace doed::io
