// SPDX-License-Identifier: Apache-2.0
//
// The ways to make exchanges that are compared: doed's own, and those of references.hpp, each driving the same kind of device
// in real time, any number of devices at once. doed has a worker pool as the daemon makes it, a strand for each mailbox, and
// a loop that asks and is answered; each of the others has a thread of its own for each device, as a kernel work queue or a
// process would be.
#pragma once

#include "bench/measured_device.hpp"
#include "bench/samples.hpp"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

namespace doed::bench {

using Devices = std::vector<std::shared_ptr<MeasuredDevice>>;

/// When to stop: each device makes exchanges, one after the other, until one of the two is reached.
struct Effort {
    std::size_t exchanges_max = 0;  ///< for each device
    base::Duration time_max{};      ///< nothing is begun later
};

struct Run {
    Samples late_us;  ///< from the device's own ready time until the requester has the response
    Samples own_us;   ///< the device's response times
    std::size_t in_budget =
        0;                  ///< exchanges that were late by 100 us or a tenth of own_us, or less
    base::Duration wall{};  ///< all of it
    base::Duration cpu{};   ///< of the whole process
    long switches = 0;      ///< how often a thread of it waited, and went on
    MeasuredDevice::Counts counts{};  ///< of all devices

    void add(const MeasuredDevice& device, base::TimePoint answered);
    void add(const Run& other);
};

class Policy {
public:
    virtual ~Policy() = default;
    /// Asks each device for an entry of its table, the header if there is no `handle`.
    [[nodiscard]] virtual Run exchange(const Effort& effort, std::uint16_t handle = 0) = 0;
    /// Each device's whole table once, all at the same time.
    [[nodiscard]] virtual Run read_tables() = 0;
};

enum class PolicyKind {
    doed,
    linux_4ms,
    linux_7ms,
    spdm_utils,
    tee_io,
    limit,  ///< knows when the response will be ready, and is awake by then while it is alone
    limit_asleep,  ///< knows it too, and sleeps until then: what waiting takes at the least
};

inline constexpr PolicyKind all_policies[] = {
    PolicyKind::doed,   PolicyKind::linux_4ms, PolicyKind::linux_7ms,   PolicyKind::spdm_utils,
    PolicyKind::tee_io, PolicyKind::limit,     PolicyKind::limit_asleep};

[[nodiscard]] std::string_view name_of(PolicyKind kind);
/// A mailbox is claimed first, when it is doed's.
[[nodiscard]] std::unique_ptr<Policy> make_policy(PolicyKind kind, Devices devices);

}  // namespace doed::bench
