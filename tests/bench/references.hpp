// SPDX-License-Identifier: Apache-2.0
//
// How others make an exchange, as small models of what their sources do when nothing goes wrong: the accesses, in their
// order, and the waits. What they do beside that (bus scans, logging, work queues) is left out, in their favour.
//
//   linux       drivers/pci/doe.c, 6.13 and later: looks right after GO, then each HZ/128 jiffies: 4 ms where HZ is 250, 7 ms
//               where it is 1000. Interrupts are not used.                                            8 + 2R accesses
//   spdm_utils  src/doe_pci_cfg.rs: reads Status without a pause, and once more after each dword.      8 + 3R
//   tee_io      tee-io-validator, library/spdmlib/pci_doe.c: looks each 30 ms; sees Error and Ready in reads of their
//               own.                                                                                  11 + 2R
//   bare        what the specification asks for (PCIe r6.2 6.30.2), with the wait of the caller's choice: the limit.
//                                                                                                      7 + 2R
// R is the response's dwords with its header; the request has three. Each function blocks its thread until the response is
// read. A device that fails is not what is measured: any error ends the program.
#pragma once

#include "pci/config_space.hpp"

#include <chrono>
#include <cstdint>
#include <functional>
#include <span>
#include <vector>

namespace doed::bench {

/// A whole data object, header included.
using Object = std::vector<std::uint32_t>;

/// The DOE capability that is driven.
struct Port {
    pci::ConfigSpace& config;
    std::uint16_t capability_offset;

    [[nodiscard]] std::uint32_t read(std::uint16_t register_offset) const;
    void write(std::uint16_t register_offset, std::uint32_t value) const;
};

[[nodiscard]] Object linux_exchange(const Port& port, std::span<const std::uint32_t> object,
                                    std::chrono::milliseconds pause);
[[nodiscard]] Object spdm_utils_exchange(const Port& port, std::span<const std::uint32_t> object);
[[nodiscard]] Object tee_io_exchange(const Port& port, std::span<const std::uint32_t> object);
/// The last status of the exchange before is the first of this one. `wait` returns when the response is ready.
[[nodiscard]] Object bare_exchange(const Port& port, std::span<const std::uint32_t> object,
                                   const std::function<void()>& wait);

/// The request for one entry of a table (CXL r3.1 8.1.11.1).
[[nodiscard]] Object table_request(std::uint16_t handle);

/// Reads a whole table by `exchange` and returns the number of exchanges. Linux asks for the header twice.
std::size_t read_table(const std::function<Object(std::span<const std::uint32_t>)>& exchange,
                       bool header_twice);

}  // namespace doed::bench
