// SPDX-License-Identifier: Apache-2.0
#include "bench/made_table.hpp"

#include <algorithm>

namespace doed::bench {

std::vector<std::uint8_t> make_table(std::size_t size_bytes) {
    std::vector<std::uint8_t> table(16);
    for (std::size_t i = 0; i < 4; ++i) {
        table[i] = static_cast<std::uint8_t>(size_bytes >> 8 * i);
    }
    table[4] = 1;
    while (table.size() < size_bytes) {
        const std::size_t length = std::min<std::size_t>(size_bytes - table.size(), 0x8000);
        const std::size_t begin = table.size();
        table.resize(begin + length);
        table[begin] = 0xC0;
        table[begin + 2] = static_cast<std::uint8_t>(length);
        table[begin + 3] = static_cast<std::uint8_t>(length >> 8);
    }
    std::uint8_t sum = 0;
    for (const std::uint8_t byte : table) {
        sum = static_cast<std::uint8_t>(sum + byte);
    }
    table[5] = static_cast<std::uint8_t>(-sum);
    return table;
}

}  // namespace doed::bench
