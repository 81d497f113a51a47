// SPDX-License-Identifier: Apache-2.0
#include "cdat/summary.hpp"

#include <array>
#include <cstddef>
#include <map>
#include <utility>

namespace doed::cdat {

namespace {

constexpr std::size_t handle_count = 256;
constexpr std::size_t hierarchy_count = Dslbis::hierarchy_max + 1U;

/// What was told of something, by data type.
class Told {
public:
    void add(std::uint8_t data_type, const Value& value) {
        if (data_type >= data_type_count) {
            return;
        }
        auto& known = values_[data_type];
        if (!known || known->kind == Value::Kind::not_provided) {
            known = value;
        }
    }

    [[nodiscard]] Performance performance() const {
        return {.read_latency = figure(DataType::read_latency, DataType::access_latency),
                .write_latency = figure(DataType::write_latency, DataType::access_latency),
                .read_bandwidth = figure(DataType::read_bandwidth, DataType::access_bandwidth),
                .write_bandwidth = figure(DataType::write_bandwidth, DataType::access_bandwidth)};
    }

private:
    [[nodiscard]] std::optional<Figure> figure(DataType exact, DataType general) const {
        for (const DataType type : {exact, general}) {
            const auto& value = values_[static_cast<std::size_t>(type)];
            if (value && value->kind != Value::Kind::not_provided) {
                return Figure{*value, type};
            }
        }
        return std::nullopt;
    }

    std::array<std::optional<Value>, data_type_count> values_;
};

class Collector {
public:
    void take(const Opaque&) {}
    void take(const Dsmas& dsmas) {
        if (!std::exchange(has_memory_[dsmas.handle], true)) {
            range_of_[dsmas.handle] = summary_.ranges.size();
        }
        summary_.ranges.emplace_back().dsmas = dsmas;
    }
    // Figures for small transfers or scattered accesses are of special cases; the summary has the general one.
    void take(const Dslbis& dslbis) {
        const std::uint8_t special = Dslbis::minimum_transfer_size | Dslbis::non_sequential;
        const std::size_t level = dslbis.flags & Dslbis::hierarchy_mask;
        if ((dslbis.flags & special) == 0 && level < hierarchy_count) {
            told_[dslbis.handle][level].add(dslbis.data_type,
                                            Value::of(dslbis.base_unit, dslbis.entries[0]));
        }
    }
    void take(const Dsmscis& dsmscis) { caches_.push_back(dsmscis); }
    void take(const Dsis& dsis) { initiators_.push_back(dsis); }
    void take(const Dsemts& dsemts) { parts_.push_back(dsemts); }
    void take(const Sslbis& sslbis) {
        for (const SwitchEntry& entry : sslbis.entries) {
            ports_[{entry.port_x, entry.port_y}].add(sslbis.data_type,
                                                     Value::of(sslbis.base_unit, entry.value));
        }
    }

    /// References point backwards and forwards: they are followed when all structures are known.
    [[nodiscard]] Summary finish() {
        for (MemoryRange& range : summary_.ranges) {
            range.performance = told_[range.dsmas.handle][0].performance();
        }
        for (const Dsmscis& cache : caches_) {
            if (MemoryRange* const range = find(cache.handle)) {
                const std::size_t level = cache.level();
                range->caches.push_back({cache, level > 0 && level < hierarchy_count
                                                    ? told_[cache.handle][level].performance()
                                                    : Performance{}});
            }
        }
        for (const Dsemts& part : parts_) {
            if (MemoryRange* const range = find(part.handle)) {
                range->parts.push_back(part);
            }
        }
        for (const Dsis& dsis : initiators_) {
            MemoryRange* const range =
                (dsis.flags & Dsis::memory_attached) != 0 ? find(dsis.handle) : nullptr;
            if (range != nullptr) {
                range->initiator_attached = true;
            } else {
                summary_.initiators.push_back({dsis.handle, told_[dsis.handle][0].performance()});
            }
        }
        for (const auto& [pair, told] : ports_) {
            summary_.port_pairs.push_back({pair.first, pair.second, told.performance()});
        }
        return std::move(summary_);
    }

private:
    [[nodiscard]] MemoryRange* find(std::uint8_t handle) {
        return has_memory_[handle] ? &summary_.ranges[range_of_[handle]] : nullptr;
    }

    Summary summary_;
    std::array<bool, handle_count> has_memory_{};
    std::array<std::size_t, handle_count> range_of_{};
    std::map<std::uint8_t, std::array<Told, hierarchy_count>> told_;
    std::vector<Dsmscis> caches_;
    std::vector<Dsis> initiators_;
    std::vector<Dsemts> parts_;
    std::map<std::pair<std::uint16_t, std::uint16_t>, Told> ports_;
};

}  // namespace

Summary summarize(const Document& document) {
    Collector collector;
    for (const Structure& structure : document.structures) {
        std::visit([&collector](const auto& body) { collector.take(body); }, structure.body);
    }
    return collector.finish();
}

}  // namespace doed::cdat
