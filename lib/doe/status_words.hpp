// SPDX-License-Identifier: Apache-2.0
//
// The DOE Status words of one exchange that tell its story (PCIe r6.2 7.9.24.4), each absent when there was none.
#pragma once

#include <cstdint>
#include <optional>

namespace doed::doe {

struct StatusWords {
    std::optional<std::uint32_t> after_go;  ///< the first one read after GO
    std::optional<std::uint32_t>
        before_abort;  ///< the last one read before an abort, the last abort of several
    std::optional<std::uint32_t> last;

    friend bool operator==(const StatusWords&, const StatusWords&) = default;
};

}  // namespace doed::doe
