// SPDX-License-Identifier: Apache-2.0
#include "sim/turns.hpp"

#include <algorithm>
#include <utility>

namespace doed::sim {

void Turns::submitted(const Request& request, const doe::Operation& operation) {
    const std::string_view key = operation.single_flight_key();
    auto group = std::ranges::find_if(queue_, [&](const Group& other) {
        return !key.empty() && other.key == key && other.protocol == operation.protocol();
    });
    if (group == queue_.end()) {
        group = queue_.insert(group, {.operation = &operation,
                                      .protocol = operation.protocol(),
                                      .key = std::string(key),
                                      .exchanges_max = request.exchanges_max,
                                      .requests = {}});
    }
    group->requests.push_back(request);
    waiting_.try_emplace(request.uid);
}

void Turns::answered(std::uint64_t ask, bool refused_in_turn) {
    const auto is_it = [ask](const Request& request) { return request.ask == ask; };
    std::erase_if(running_.requests, is_it);
    for (Group& group : queue_) {
        const auto found = std::ranges::find_if(group.requests, is_it);
        if (found == group.requests.end()) {
            continue;
        }
        const std::uint32_t uid = found->uid;
        group.requests.erase(found);
        if (refused_in_turn || !waits(uid)) {
            had_its_turn(uid);
        }
    }
    std::erase_if(queue_, [](const Group& group) { return group.requests.empty(); });
}

std::optional<Breach> Turns::begins(const doe::Operation& operation) {
    ++begun_;
    may_not_send_ = false;
    const auto found = std::ranges::find(queue_, &operation, &Group::operation);
    if (found == queue_.end()) {
        running_ = {.operation = &operation, .protocol = {}, .key = {}, .requests = {}};
        return Breach{"no-work-nobody-wants", "an operation is begun that nobody waits for"};
    }
    auto breach = reset_wanted_
                      ? Breach{"resets-come-first", "an operation is begun before a reset"}
                      : judge_turn(*found);
    running_ = std::move(*found);
    queue_.erase(found);
    exchanges_max_ += running_.exchanges_max;
    for (const Request& request : running_.requests) {
        had_its_turn(request.uid);
    }
    return breach;
}

std::optional<Breach> Turns::sends() const {
    if (!may_not_send_) {
        return std::nullopt;
    }
    return running_.requests.empty()
               ? Breach{"no-work-nobody-wants", "a request of a run that nobody waits for"}
               : Breach{"resets-come-first", "a run goes on although a reset is wanted"};
}

std::optional<Breach> Turns::judge_turn(const Group& group) {
    const Request& first = group.requests.front();
    if (!std::ranges::all_of(group.requests,
                             [&](const Request& other) { return other.uid == first.uid; })) {
        return std::nullopt;
    }
    for (const Group& other : queue_) {
        for (const Request& request : other.requests) {
            if (request.uid == first.uid && request.ask < first.ask) {
                return Breach{"turns-are-taken", "a later request of a user before an earlier one"};
            }
        }
    }
    for (auto& [uid, others] : waiting_) {
        if (uid != first.uid && ++others[first.uid] > 1) {
            return Breach{"turns-are-taken", "a user has two turns while another one waits"};
        }
    }
    return std::nullopt;
}

bool Turns::waits(std::uint32_t uid) const noexcept {
    return std::ranges::any_of(queue_, [uid](const Group& group) {
        return std::ranges::find(group.requests, uid, &Request::uid) != group.requests.end();
    });
}

// Counting begins anew, for whoever still waits.
void Turns::had_its_turn(std::uint32_t uid) {
    waiting_.erase(uid);
    if (waits(uid)) {
        waiting_.try_emplace(uid);
    }
}

}  // namespace doed::sim
