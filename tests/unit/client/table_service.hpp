// SPDX-License-Identifier: Apache-2.0
//
// A table in doed's place: what it answers, and what it was asked.
#pragma once

#include "client/service.hpp"
#include "samples.hpp"

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include <unistd.h>

namespace doed::client {

class TableService final : public Service {
public:
    Outcome<std::vector<DeviceRecord>> devices() override { return answer("devices", host); }
    Outcome<std::vector<Feature>> discover(const std::string& path) override {
        if (host_once_claimed) {
            host = *host_once_claimed;
        }
        return answer("discover " + path, features);
    }
    Outcome<std::vector<std::uint8_t>> table(const std::string& path, bool refresh) override {
        return answer((refresh ? "fresh table " : "table ") + path, bytes);
    }
    Outcome<std::string> table_document(const std::string& path) override {
        return answer("document " + path, document);
    }
    Outcome<std::string> trace(const std::string& path) override {
        return answer("trace " + path, trace_document);
    }
    Outcome<base::UniqueFd> release(const std::string& path) override {
        const auto lent = answer("release " + path, 0);
        return lent ? Outcome<base::UniqueFd>(base::UniqueFd(::dup(STDERR_FILENO)))
                    : std::unexpected(lent.error());
    }
    Outcome<void> reset(const std::string& path) override {
        const auto done = answer("reset " + path, 0);
        return done ? Outcome<void>() : std::unexpected(done.error());
    }
    Outcome<void> follow(const std::function<bool(const Event&)>& take,
                         std::span<const pollfd>) override {
        const auto followed = answer("follow", 0);
        for (const auto& event : events) {
            if (!followed || !take(event)) {
                break;
            }
        }
        return followed ? Outcome<void>() : std::unexpected(followed.error());
    }
    void on_wait(std::function<void(std::chrono::microseconds)> tell) override {
        tell_ = std::move(tell);
    }
    void allow_interaction(bool allowed) override { interactions.push_back(allowed); }
    Outcome<CdatRecord> cdat(const std::string& path) override {
        return answer("cdat " + path, record);
    }

    std::vector<DeviceRecord> host = samples::host();
    std::optional<std::vector<DeviceRecord>> host_once_claimed;  ///< from a discovery on
    std::vector<Feature> features{samples::discovery()};
    std::vector<std::uint8_t> bytes = samples::sound_table();
    CdatRecord record{.source = "mailbox"};
    std::string document;
    std::string trace_document = samples::trace();
    std::string failing_call;  ///< the one that starts so fails
    std::string failure_name = "org.doed1.Error.Timeout";
    std::chrono::microseconds answer_time{};
    std::vector<Event> events;
    std::vector<std::string> calls;
    std::vector<bool> interactions;

private:
    std::function<void(std::chrono::microseconds)> tell_;

    template <typename T>
    Outcome<T> answer(const std::string& call, const T& value) {
        calls.push_back(call);
        if (tell_) {
            tell_(answer_time);
        }
        if (!failing_call.empty() && call.starts_with(failing_call)) {
            return std::unexpected(failure_from_error(failure_name, "late"));
        }
        return value;
    }
};

inline constexpr char memory_mailbox[] = "/org/doed1/device/0000_0d_00_0/mailbox_190";

}  // namespace doed::client
