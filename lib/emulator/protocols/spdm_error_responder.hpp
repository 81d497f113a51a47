// SPDX-License-Identifier: Apache-2.0
//
// CMA/SPDM (0001:01, PCIe r6.2 6.31.3) of a device without SPDM: every request is answered with one SPDM ERROR message,
// UnsupportedRequest (DSP0274 1.0, ERROR response message), four bytes long:
//
//     10h   SPDM version 1.0, the one every requester begins with
//     7Fh   ERROR
//     07h   UnsupportedRequest
//     xxh   the request code that was not supported
#pragma once

#include "emulator/protocols/responder.hpp"

namespace doed::emulator {

class SpdmErrorResponder final : public Responder {
public:
    [[nodiscard]] doe::Protocol protocol() const noexcept override {
        return doe::protocol_cma_spdm;
    }
    [[nodiscard]] std::optional<std::vector<std::uint32_t>> respond(
        std::span<const std::uint32_t> request) override {
        if (request.empty()) {
            return std::nullopt;
        }
        const std::uint32_t request_code = request[0] >> 8 & 0xFF;
        return std::vector{0x00077F10U | request_code << 24};
    }
};

}  // namespace doed::emulator
