// SPDX-License-Identifier: Apache-2.0
#include "bench/policies.hpp"

#include "base/assert.hpp"
#include "bench/references.hpp"
#include "cdat/table_access.hpp"
#include "io/mailbox_service.hpp"
#include "io/worker_pool.hpp"

#include <boost/asio/bind_executor.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/use_future.hpp>

#include <algorithm>
#include <array>
#include <functional>
#include <thread>
#include <utility>

#include <sys/prctl.h>
#include <sys/resource.h>

namespace doed::bench {

using namespace std::chrono_literals;
namespace asio = boost::asio;
using Clock = std::chrono::steady_clock;

namespace {

MeasuredDevice::Counts counts_of(const Devices& devices) {
    MeasuredDevice::Counts sum;
    for (const auto& device : devices) {
        sum.accesses += device->counts().accesses;
        sum.looks += device->counts().looks;
        sum.exchanges += device->counts().exchanges;
    }
    return sum;
}

long process_switches() {
    rusage usage{};
    ::getrusage(RUSAGE_SELF, &usage);
    return usage.ru_nvcsw;
}

/// Takes time and counts around what `body` does, which fills the run's samples.
template <typename Body>
Run measure(const Devices& devices, Body body) {
    Run run;
    const auto before = counts_of(devices);
    const auto cpu = process_cpu_time();
    const long switches = process_switches();
    const auto begin = Clock::now();
    body(run);
    run.wall = Clock::now() - begin;
    run.cpu = process_cpu_time() - cpu;
    run.switches = process_switches() - switches;
    const auto after = counts_of(devices);
    run.counts = {.accesses = after.accesses - before.accesses,
                  .looks = after.looks - before.looks,
                  .exchanges = after.exchanges - before.exchanges};
    return run;
}

/// One exchange: an entry of a table.
class EntryOperation final : public doe::Operation {
public:
    explicit EntryOperation(std::uint16_t handle) noexcept
        : request_{static_cast<std::uint32_t>(handle) << 16} {}

    [[nodiscard]] doe::Protocol protocol() const noexcept override {
        return doe::protocol_table_access;
    }
    [[nodiscard]] base::Result<Step> start() override { return Step::send; }
    [[nodiscard]] base::Result<Step> consume(std::span<const std::uint32_t>) override {
        return Step::finished;
    }
    [[nodiscard]] std::span<const std::uint32_t> request() const noexcept override {
        return request_;
    }

private:
    std::array<std::uint32_t, 1> request_;
};

class DoedPolicy final : public Policy {
public:
    explicit DoedPolicy(Devices devices) : devices_(std::move(devices)) {
        doe::MailboxOptions options;
        std::uint8_t bus = 0;
        services_.reserve(devices_.size());
        for (const auto& device : devices_) {
            auto config = io::attended(workers_, std::make_unique<MeasuredConfigSpace>(device));
            services_.push_back(io::MailboxService::create(
                workers_.get_executor(), std::move(config), pci::Address{.bus = bus++},
                pci::DoeCapability{MeasuredDevice::capability_offset, 1}, options, doe::AllowList(),
                loop_.get_executor(), [](const doe::MailboxStatus&) {}));
            services_.back()->start();
        }
        // Claimed, and everything in memory, once each has been asked.
        [[maybe_unused]] const Run first = exchange({.exchanges_max = 1, .time_max = 1h}, 0);
    }
    ~DoedPolicy() override {
        for (const auto& service : services_) {
            service->async_close(base::Errc::cancelled, asio::use_future).wait();
        }
        services_.clear();
        workers_.join();
    }

    Run exchange(const Effort& effort, std::uint16_t handle) override {
        return measure(devices_, [&](Run& run) {
            const auto until = Clock::now() + effort.time_max;
            for (std::size_t i = 0; i < devices_.size(); ++i) {
                begin_exchange(run, i, handle, effort.exchanges_max, until);
            }
            serve();
        });
    }

    Run read_tables() override {
        return measure(devices_, [&](Run& run) {
            for (std::size_t i = 0; i < devices_.size(); ++i) {
                ask(std::make_shared<cdat::TableAccessOperation>(), i,
                    [this, &run, i] { run.add(*devices_[i], Clock::now()); });
            }
            serve();
        });
    }

private:
    void begin_exchange(Run& run, std::size_t i, std::uint16_t handle, std::size_t left,
                        base::TimePoint until) {
        ask(std::make_shared<EntryOperation>(handle), i, [this, &run, i, handle, left, until] {
            run.add(*devices_[i], Clock::now());
            if (left > 1 && Clock::now() < until) {
                begin_exchange(run, i, handle, left - 1, until);
            }
        });
    }

    template <typename Answered>
    void ask(std::shared_ptr<doe::Operation> operation, std::size_t i, Answered answered) {
        services_[i]->async_execute(
            std::move(operation), {.deadline = Clock::now() + 1h},
            asio::bind_executor(loop_, [answered](const io::OperationResult& result) {
                DOED_ASSERT(result.has_value());
                answered();
            }));
    }

    /// Until everything is answered.
    void serve() {
        loop_.restart();
        loop_.run();
    }

    Devices devices_;
    io::WorkerPool workers_{{}};
    asio::io_context loop_;
    std::vector<std::shared_ptr<io::MailboxService>> services_;
};

class ReferencePolicy final : public Policy {
public:
    using Exchange =
        std::function<Object(const Port&, const MeasuredDevice&, std::span<const std::uint32_t>)>;

    ReferencePolicy(Devices devices, Exchange exchange, bool header_twice)
        : devices_(std::move(devices)),
          exchange_(std::move(exchange)),
          header_twice_(header_twice) {}

    Run exchange(const Effort& effort, std::uint16_t handle) override {
        const auto until = Clock::now() + effort.time_max;
        return on_threads([&](Run& run, MeasuredDevice& device, const Port& port) {
            const Object request = table_request(handle);
            std::size_t left = effort.exchanges_max;
            do {
                [[maybe_unused]] const Object response = exchange_(port, device, request);
                run.add(device, Clock::now());
            } while (--left > 0 && Clock::now() < until);
        });
    }

    Run read_tables() override {
        return on_threads([&](Run& run, MeasuredDevice& device, const Port& port) {
            read_table(
                [&](std::span<const std::uint32_t> request) {
                    return exchange_(port, device, request);
                },
                header_twice_);
            run.add(device, Clock::now());
        });
    }

private:
    template <typename Body>
    Run on_threads(const Body& body) {
        return measure(devices_, [&](Run& all) {
            std::vector<Run> runs(devices_.size());
            std::vector<std::thread> threads;
            threads.reserve(devices_.size());
            for (std::size_t i = 0; i < devices_.size(); ++i) {
                threads.emplace_back([&, i] {
                    MeasuredConfigSpace config(devices_[i]);
                    body(runs[i], *devices_[i], Port{config, MeasuredDevice::capability_offset});
                });
            }
            for (auto& thread : threads) {
                thread.join();
            }
            for (const auto& run : runs) {
                all.add(run);
            }
        });
    }

    Devices devices_;
    Exchange exchange_;
    bool header_twice_;
};

/// Returns when the response is ready, by the clock: watching it during the last 200 us, or asleep, as exactly as the kernel can.
void wait_until_ready(const MeasuredDevice& device, bool watching) {
    ::prctl(PR_SET_TIMERSLACK, 1UL, 0UL, 0UL, 0UL);
    std::this_thread::sleep_until(device.ready_at() - (watching ? base::Duration(200us) : 0us));
    while (Clock::now() < device.ready_at()) {
    }
}

ReferencePolicy::Exchange exchange_of(PolicyKind kind, bool alone) {
    using Request = std::span<const std::uint32_t>;
    switch (kind) {
        case PolicyKind::linux_4ms:
        case PolicyKind::linux_7ms: {
            const auto pause = kind == PolicyKind::linux_4ms ? 4ms : 7ms;
            return [pause](const Port& port, const MeasuredDevice&, Request request) {
                return linux_exchange(port, request, pause);
            };
        }
        case PolicyKind::spdm_utils:
            return [](const Port& port, const MeasuredDevice&, Request request) {
                return spdm_utils_exchange(port, request);
            };
        case PolicyKind::tee_io:
            return [](const Port& port, const MeasuredDevice&, Request request) {
                return tee_io_exchange(port, request);
            };
        case PolicyKind::doed:
        case PolicyKind::limit:
        case PolicyKind::limit_asleep: break;
    }
    const bool watching = alone && kind == PolicyKind::limit;
    return [watching](const Port& port, const MeasuredDevice& device, Request request) {
        return bare_exchange(port, request, [&] { wait_until_ready(device, watching); });
    };
}

}  // namespace

void Run::add(const MeasuredDevice& device, base::TimePoint answered) {
    const double own = microseconds(device.ready_at() - device.go_at());
    const double late = microseconds(answered - device.ready_at());
    own_us.add(own);
    late_us.add(late);
    in_budget += late <= std::max(100.0, own / 10) ? 1U : 0U;
}

void Run::add(const Run& other) {
    late_us.add(other.late_us);
    own_us.add(other.own_us);
    in_budget += other.in_budget;
}

std::string_view name_of(PolicyKind kind) {
    switch (kind) {
        case PolicyKind::doed: return "doed";
        case PolicyKind::linux_4ms: return "Linux, 4 ms";
        case PolicyKind::linux_7ms: return "Linux, 7 ms";
        case PolicyKind::spdm_utils: return "spdm-utils";
        case PolicyKind::tee_io: return "tee-io-validator";
        case PolicyKind::limit: return "limit";
        case PolicyKind::limit_asleep: return "limit, asleep";
    }
    return {};
}

std::unique_ptr<Policy> make_policy(PolicyKind kind, Devices devices) {
    if (kind == PolicyKind::doed) {
        return std::make_unique<DoedPolicy>(std::move(devices));
    }
    const bool alone = devices.size() == 1;
    const bool header_twice = kind == PolicyKind::linux_4ms || kind == PolicyKind::linux_7ms;
    return std::make_unique<ReferencePolicy>(std::move(devices), exchange_of(kind, alone),
                                             header_twice);
}

}  // namespace doed::bench
