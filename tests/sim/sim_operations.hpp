// SPDX-License-Identifier: Apache-2.0
//
// What clients of the simulation ask for: the production operations, and an echo whose requests are all different. Each is
// wrapped so that the wire sees which operation is given which response.
#pragma once

#include "cdat/table_access.hpp"
#include "doe/discovery.hpp"
#include "sim/truth.hpp"
#include "sim/wire.hpp"

#include <array>
#include <memory>
#include <utility>
#include <vector>

namespace doed::sim {

/// Several echoes, one after the other. Nothing is shared with others: each has its own answer.
class EchoOperation final : public doe::Operation {
public:
    /// `nonce` differs from that of all others. Each request has `length` dwords besides the first. At least 1, both.
    EchoOperation(std::uint32_t nonce, unsigned exchanges, unsigned length)
        : exchanges_(exchanges), request_(1 + length, nonce) {
        if (length > 1) {
            // Comes back as all ones.
            request_.back() = 0;
        }
    }

    [[nodiscard]] doe::Protocol protocol() const noexcept override {
        return doe::protocol_table_access;
    }
    [[nodiscard]] base::Result<Step> start() override {
        left_ = exchanges_;
        ask();
        return Step::send;
    }
    [[nodiscard]] base::Result<Step> consume(std::span<const std::uint32_t> payload) override {
        answer_.assign(payload.begin(), payload.end());
        if (--left_ == 0) {
            return Step::finished;
        }
        ask();
        return Step::send;
    }
    [[nodiscard]] std::span<const std::uint32_t> request() const noexcept override {
        return request_;
    }

    /// The answer to the last request.
    [[nodiscard]] const std::vector<std::uint32_t>& answer() const noexcept { return answer_; }

private:
    void ask() { request_[0] = echo_code | left_ << 8; }

    unsigned exchanges_;
    unsigned left_ = 0;
    std::vector<std::uint32_t> request_;
    std::vector<std::uint32_t> answer_;
};

/// An operation under the eyes of a wire.
class WatchedOperation final : public doe::Operation {
public:
    WatchedOperation(std::unique_ptr<doe::Operation> inner, std::shared_ptr<Wire> wire)
        : inner_(std::move(inner)), wire_(std::move(wire)) {}

    [[nodiscard]] doe::Protocol protocol() const noexcept override { return inner_->protocol(); }
    [[nodiscard]] std::string_view single_flight_key() const noexcept override {
        return inner_->single_flight_key();
    }
    [[nodiscard]] const doe::DiscoveryOperation* as_discovery() const noexcept override {
        return inner_->as_discovery();
    }
    [[nodiscard]] base::Result<Step> start() override {
        wire_->operation_begins(*this);
        begun_ = wire_->now();
        ++starts_;
        return inner_->start();
    }
    [[nodiscard]] base::Result<Step> consume(std::span<const std::uint32_t> payload) override {
        true_ = wire_->operation_consumes(*this, payload) && true_;
        auto step = inner_->consume(payload);
        if (step && *step == Step::send) {
            wire_->operation_goes_on();
        }
        return step;
    }
    [[nodiscard]] std::span<const std::uint32_t> request() const noexcept override {
        return inner_->request();
    }

    [[nodiscard]] const doe::Operation& inner() const noexcept { return *inner_; }
    /// Whether all its responses are known to be what the device made.
    [[nodiscard]] bool told_the_truth() const noexcept { return true_; }
    /// How often it ran, and when it began to.
    [[nodiscard]] unsigned starts() const noexcept { return starts_; }
    [[nodiscard]] base::TimePoint begun() const noexcept { return begun_; }

private:
    std::unique_ptr<doe::Operation> inner_;
    std::shared_ptr<Wire> wire_;
    bool true_ = true;
    unsigned starts_ = 0;
    base::TimePoint begun_{};
};

}  // namespace doed::sim
