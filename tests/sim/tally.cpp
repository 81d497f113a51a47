// SPDX-License-Identifier: Apache-2.0
#include "sim/tally.hpp"

#include <algorithm>
#include <cstdio>
#include <functional>
#include <string_view>
#include <utility>

namespace doed::sim {

namespace {

// The codes a submission may end with.
constexpr std::pair<base::Errc, std::string_view> failures[] = {
    {base::Errc::busy, "busy"},
    {base::Errc::timeout, "timeout"},
    {base::Errc::aborted, "aborted"},
    {base::Errc::device_error, "device-error"},
    {base::Errc::malformed, "malformed"},
    {base::Errc::dead, "dead"},
    {base::Errc::device_gone, "device-gone"},
    {base::Errc::io, "io"},
    {base::Errc::lockdown, "lockdown"},
    {base::Errc::not_supported, "not-supported"},
    {base::Errc::limits_exceeded, "limits-exceeded"},
    {base::Errc::cancelled, "cancelled"},
    {base::Errc::deadline_exceeded, "deadline-exceeded"},
    {base::Errc::released, "released"},
    {base::Errc::kernel_owned, "kernel-owned"},
};

void append(std::string& text, std::string_view name, std::uint64_t count) {
    if (count != 0) {
        text += ' ';
        text += name;
        text += ' ';
        text += std::to_string(count);
    }
}

}  // namespace

Tally& Tally::operator+=(const Tally& other) noexcept {
    schedules += other.schedules;
    calm += other.calm;
    violations += other.violations;
    mailboxes += other.mailboxes;
    accesses += other.accesses;
    tasks += other.tasks;
    exchanges += other.exchanges;
    aborts += other.aborts;
    submissions += other.submissions;
    succeeded += other.succeeded;
    resets += other.resets;
    closes += other.closes;
    takings += other.takings;
    time += other.time;
    faults += other.faults;
    std::ranges::transform(interferences, other.interferences, interferences.begin(),
                           std::plus<>());
    std::ranges::transform(failed, other.failed, failed.begin(), std::plus<>());
    return *this;
}

std::string Tally::report() const {
    const std::chrono::duration<double, std::ratio<3600>> hours = time;
    char text[64];
    std::snprintf(text, sizeof(text), "%.1f", hours.count());
    std::string report = "schedules:   " + std::to_string(schedules) + ", " + std::to_string(calm) +
                         " of them calm; " + text + " h of virtual time, " +
                         std::to_string(mailboxes) + " mailboxes, " + std::to_string(accesses) +
                         " accesses, " + std::to_string(tasks) + " tasks\nexchanges:  ";
    append(report, "whole", exchanges);
    append(report, "aborts", aborts);
    append(report, "resets", resets);
    append(report, "closes", closes);
    append(report, "taken by the kernel", takings);
    report += "\nfaults:     ";
    append(report, "all", faults.total());
    for (const auto& traits : emulator::all_fault_traits()) {
        append(report, traits.name, faults.of(traits.kind));
    }
    report += "\ninterference:";
    for (std::size_t i = 0; i < interference_count; ++i) {
        append(report, to_string(static_cast<Interference>(i)), interferences[i]);
    }
    report += "\nsubmissions:";
    append(report, "all", submissions);
    append(report, "succeeded", succeeded);
    for (const auto& [code, name] : failures) {
        append(report, name, failed[static_cast<std::size_t>(code)]);
    }
    report += "\nviolations:  " + std::to_string(violations) + "\n";
    return report;
}

}  // namespace doed::sim
