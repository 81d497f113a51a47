// SPDX-License-Identifier: Apache-2.0
//
// Who is behind a connection to the bus, as the bus saw it when the connection was made.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

namespace doed::bus {

struct Credentials {
    std::uint32_t uid = 0;
    std::vector<std::uint32_t> gids;  ///< empty where the bus does not tell them

    [[nodiscard]] bool is_root() const noexcept { return uid == 0; }
    [[nodiscard]] bool in_group(std::uint32_t gid) const noexcept {
        return std::ranges::find(gids, gid) != gids.end();
    }
    friend bool operator==(const Credentials&, const Credentials&) = default;
};

}  // namespace doed::bus
