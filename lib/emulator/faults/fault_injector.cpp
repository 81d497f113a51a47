// SPDX-License-Identifier: Apache-2.0
#include "emulator/faults/fault_injector.hpp"

#include "base/assert.hpp"

#include <utility>

namespace doed::emulator {

namespace {

bool fits(FaultParameter use, bool given) {
    return use == FaultParameter::optional || given == (use == FaultParameter::required);
}

bool is_sound(const FaultRule& rule) {
    const FaultTraits& traits = fault_traits(rule.kind);
    return 0 <= rule.rate && rule.rate <= 1 && rule.first >= 1 && rule.first <= rule.last &&
           fits(traits.time, rule.time.has_value()) &&
           fits(traits.dwords, rule.dwords.has_value()) &&
           rule.time.value_or(base::Duration::zero()) >= base::Duration::zero() &&
           rule.time.value_or(base::Duration::zero()) <= FaultRule::max_time &&
           rule.dwords.value_or(1) >= 1 && rule.dwords.value_or(1) <= FaultRule::max_dwords;
}

// In [0, 1). Not std::uniform_real_distribution: what it yields for a seed differs between standard libraries.
double draw(std::mt19937_64& generator) {
    constexpr double two_to_53 = 9007199254740992.0;
    return static_cast<double>(generator() >> 11) / two_to_53;
}

}  // namespace

FaultInjector::FaultInjector(const FaultScript& script, std::function<base::TimePoint()> now)
    : now_(std::move(now)), made_at_(now_()) {
    // Neighbouring seeds and rules must not share a sequence.
    constexpr std::uint64_t golden_ratio = 0x9E3779B97F4A7C15;
    std::uint64_t seed = script.seed;
    rules_.reserve(script.rules.size());
    for (const FaultRule& rule : script.rules) {
        DOED_ASSERT(is_sound(rule));
        rules_.push_back({.rule = rule, .generator = std::mt19937_64(seed += golden_ratio)});
    }
}

std::optional<Fault> FaultInjector::strike(FaultKind kind) {
    auto fault = plan(kind);
    if (fault) {
        happened(*fault);
    }
    return fault;
}

std::optional<Fault> FaultInjector::plan(FaultKind kind) {
    const std::uint64_t number = number_of(fault_traits(kind).occasion);
    std::optional<base::Duration> age;
    for (std::size_t i = 0; i < rules_.size(); ++i) {
        Rule& rule = rules_[i];
        if (rule.rule.kind != kind) {
            continue;
        }
        if (!age) {
            age = now_() - made_at_;
        }
        if (wants(rule, number, *age)) {
            return Fault{
                .kind = kind, .time = rule.rule.time, .dwords = rule.rule.dwords, .rule = i};
        }
    }
    return std::nullopt;
}

bool FaultInjector::wants(Rule& rule, std::uint64_t number, base::Duration age) {
    const FaultRule& when = rule.rule;
    return when.first <= number && number <= when.last && rule.strikes < when.count &&
           when.from <= age && age < when.until &&
           (when.rate >= 1 || draw(rule.generator) < when.rate);
}

void FaultInjector::happened(const Fault& fault) noexcept {
    ++rules_[fault.rule].strikes;
    counts_.add(fault.kind);
}

std::uint32_t FaultInjector::dwords_of(const Fault& fault, std::uint32_t lowest,
                                       std::uint32_t highest) {
    DOED_ASSERT(lowest <= highest);
    if (fault.dwords) {
        return *fault.dwords;
    }
    const std::uint64_t width = std::uint64_t{highest} - lowest + 1;
    return lowest + static_cast<std::uint32_t>(rules_[fault.rule].generator() % width);
}

}  // namespace doed::emulator
