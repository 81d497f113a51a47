// SPDX-License-Identifier: Apache-2.0
//
// A chain of exchanges with one result, without I/O: it names the next request, is given the response, and ends with a
// result or an error. The mailbox runs one operation at a time to its end, so nothing comes between its exchanges.
#pragma once

#include "base/result.hpp"
#include "doe/protocol.hpp"

#include <cstdint>
#include <span>
#include <string_view>

namespace doed::doe {

class DiscoveryOperation;

class Operation {
public:
    enum class Step : std::uint8_t {
        send,      ///< exchange request() for a response
        finished,  ///< the result is complete
    };

    Operation() = default;
    Operation(const Operation&) = delete;
    Operation& operator=(const Operation&) = delete;
    virtual ~Operation() = default;

    /// The protocol of all its requests.
    [[nodiscard]] virtual Protocol protocol() const noexcept = 0;
    /// Equal keys (never empty) mean: same class, same arguments, no side effects, so that one run serves all who asked.
    [[nodiscard]] virtual std::string_view single_flight_key() const noexcept { return {}; }

    /// The discovery that it is, or that it stands for; null when it is none.
    [[nodiscard]] virtual const DiscoveryOperation* as_discovery() const noexcept {
        return nullptr;
    }

    /// Begins anew. Errors end the operation.
    [[nodiscard]] virtual base::Result<Step> start() = 0;
    /// Takes the payload dwords of the response to request(). Errors: malformed, and what the protocol defines.
    [[nodiscard]] virtual base::Result<Step> consume(std::span<const std::uint32_t> payload) = 0;
    /// The payload dwords to send now; valid after Step::send until the next call.
    [[nodiscard]] virtual std::span<const std::uint32_t> request() const noexcept = 0;
};

}  // namespace doed::doe
