// SPDX-License-Identifier: Apache-2.0
#include "emulator/faults/response_faults.hpp"

#include "doe/data_object.hpp"

#include <algorithm>
#include <array>

namespace doed::emulator {

namespace {

using Object = std::vector<std::uint32_t>;

constexpr std::uint32_t filler = 0xD0EDD0ED;

void set_length(Object& object, std::uint32_t length_dw) {
    object[1] = doe::encode_header2(length_dw);
}

void invert_vendor(Object& object, const Fault& /*fault*/) {
    object[0] ^= 1U << 15;
}

void invert_type(Object& object, const Fault& /*fault*/) {
    object[0] ^= 1U << 23;
}

void claim_the_longest(Object& object, const Fault& /*fault*/) {
    set_length(object, doe::max_object_length_dw);
}

void claim_one_dword(Object& object, const Fault& /*fault*/) {
    set_length(object, 1);
}

void cut(Object& object, const Fault& fault) {
    const std::size_t missing = std::min<std::size_t>(fault.dwords.value_or(1), object.size() - 1);
    object.resize(object.size() - missing);
}

void go_on(Object& object, const Fault& fault) {
    object.resize(object.size() + fault.dwords.value_or(1), filler);
}

void fill_up(Object& object, const Fault& fault) {
    const std::size_t length_dw =
        std::max<std::size_t>(object.size(), fault.dwords.value_or(doe::max_object_length_dw));
    object.resize(length_dw, filler);
    set_length(object, static_cast<std::uint32_t>(length_dw));
}

struct Distortion {
    FaultKind kind;
    void (*apply)(Object& object, const Fault& fault);
};
constexpr std::array distortions{
    Distortion{FaultKind::wrong_vendor, invert_vendor},
    Distortion{FaultKind::wrong_type, invert_type},
    Distortion{FaultKind::length_zero, claim_the_longest},
    Distortion{FaultKind::length_one, claim_one_dword},
    Distortion{FaultKind::short_object, cut},
    Distortion{FaultKind::long_object, go_on},
    Distortion{FaultKind::huge_object, fill_up},
};

void distort_object(Object& object, FaultInjector& faults) {
    for (const auto& [kind, apply] : distortions) {
        if (const auto fault = faults.strike(kind)) {
            apply(object, *fault);
            return;
        }
    }
}

// Whether the response becomes ready at all.
bool distort_time(Response& response, FaultInjector& faults, base::TimePoint now) {
    if (const auto failure = faults.plan(FaultKind::error_in_response)) {
        response.failure = failure;
        response.due_at = now + (response.due_at - now) / 2;
        return false;
    }
    if (faults.strike(FaultKind::never_ready)) {
        response.due_at = Response::never;
        return false;
    }
    if (const auto late = faults.strike(FaultKind::late_ready)) {
        response.due_at += *late->time;
    }
    return true;
}

void plan_read_fault(Response& response, FaultInjector& faults) {
    const auto length_dw = static_cast<std::uint32_t>(response.object.size());
    if (length_dw < 2) {
        return;
    }
    for (const FaultKind kind :
         {FaultKind::error_in_read, FaultKind::error_beside_ready, FaultKind::ready_dropped}) {
        if (const auto fault = faults.plan(kind)) {
            const std::uint32_t after_dw = faults.dwords_of(*fault, 1, length_dw - 1);
            if (after_dw < length_dw) {
                response.read_fault = ReadFault{.fault = *fault, .after_dw = after_dw};
                return;
            }
        }
    }
}

}  // namespace

void distort(Response& response, FaultInjector& faults, base::TimePoint now) {
    if (distort_time(response, faults, now)) {
        distort_object(response.object, faults);
        plan_read_fault(response, faults);
    }
}

}  // namespace doed::emulator
