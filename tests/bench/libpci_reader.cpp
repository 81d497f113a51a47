// SPDX-License-Identifier: Apache-2.0
//
// What somebody writes who has libpci (that of lspci and setpci) and the specification: a program that has the mailbox for
// itself and reads the CDAT again and again, by the accesses that PCIe r6.2 6.30.2 asks for and no other (`bare` in
// references.hpp: 7 + 2R for each exchange). It waits by reading Status without a pause, for as long as the specification
// gives the device: the shortest wait there is, at the price of a processor. Accesses go through the config file in sysfs.
//
//   libpci-reader DDDD:BB:DD.F OFFSET TABLES FILE
//
// OFFSET is that of the DOE capability, in hexadecimal; FILE gets the table. Prints one line of JSON: the time for one table
// and the accesses of all of them, by its own count; once before the first it looks whether the mailbox rests. Any error
// ends it.
#include "bench/arguments.hpp"
#include "bench/samples.hpp"

#include <array>
#include <cstdint>
#include <cstdio>
#include <fstream>
#include <memory>
#include <span>
#include <stdexcept>
#include <string>
#include <vector>

extern "C" {
#include <pci/pci.h>
}

namespace doed::bench {
namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;
using Object = std::vector<std::uint32_t>;

// Registers, counted from the capability (PCIe r6.2 7.9.24).
constexpr int control = 0x08;
constexpr int status = 0x0C;
constexpr int write_mailbox = 0x10;
constexpr int read_mailbox = 0x14;

constexpr std::uint32_t control_go = 1U << 31;
constexpr std::uint32_t status_busy = 1U << 0;
constexpr std::uint32_t status_error = 1U << 2;
constexpr std::uint32_t status_ready = 1U << 31;

constexpr auto response_limit = 1s;  // PCIe r6.2 6.30.2

constexpr std::uint32_t table_access = 0x0002'1E98;  // CXL r3.1 8.1.11.1: type 02h of vendor 1E98h
constexpr std::size_t header_dw = 2;
constexpr std::uint32_t length_mask = 0x3FFFF;
constexpr std::size_t table_max_dw = (1U << 20) / sizeof(std::uint32_t);
constexpr std::uint16_t last_handle = 0xFFFF;

void must(bool good, const char* what) {
    if (!good) {
        throw std::runtime_error(what);
    }
}

class Mailbox {
public:
    Mailbox(const std::string& address, int capability_offset)
        : access_(::pci_alloc()), capability_offset_(capability_offset) {
        must(address.size() == 12 && address[4] == ':' && address[7] == ':' && address[10] == '.',
             "the address of a PCI function is written DDDD:BB:DD.F");
        const auto part = [&address](const char* name, std::size_t at, std::size_t length,
                                     int max) {
            return static_cast<int>(number(name, address.substr(at, length), 0, max, 16));
        };
        const int domain = part("DDDD", 0, 4, 0xFFFF);
        const int bus = part("BB", 5, 2, 0xFF);
        const int device = part("DD", 8, 2, 0x1F);
        const int function = part("F", 11, 1, 7);
        access_->method = PCI_ACCESS_SYS_BUS_PCI;
        access_->writeable = 1;
        ::pci_init(access_.get());
        // Of one function, without a look at any other.
        device_.reset(::pci_get_dev(access_.get(), domain, bus, device, function));
        const std::uint32_t now = read(status);
        must((now & (status_busy | status_error | status_ready)) == 0, "the mailbox does not rest");
    }

    [[nodiscard]] std::uint64_t accesses() const { return accesses_; }

    Object exchange(std::span<const std::uint32_t> request) {
        for (const std::uint32_t dword : request) {
            write(write_mailbox, dword);
        }
        write(control, control_go);
        await_response();

        Object response{take_dword(), take_dword()};
        const std::size_t length_dw = response[1] & length_mask;
        must(response[0] == request[0] && length_dw > header_dw && length_dw <= table_max_dw,
             "not the answer to the request");
        while (response.size() < length_dw) {
            response.push_back(read(read_mailbox));
            if (response.size() == length_dw) {
                must((read(status) & status_ready) != 0, "the response ended early");
            }
            write(read_mailbox, 0);
        }
        must((read(status) & (status_error | status_ready)) == 0, "the response did not end well");
        return response;
    }

private:
    // What libpci cannot read comes as all ones, and so does a device that is gone; no status is.
    std::uint32_t read(int register_offset) {
        ++accesses_;
        const std::uint32_t value =
            ::pci_read_long(device_.get(), capability_offset_ + register_offset);
        must(register_offset != status || value != UINT32_MAX, "the device does not answer");
        return value;
    }
    void write(int register_offset, std::uint32_t value) {
        ++accesses_;
        must(::pci_write_long(device_.get(), capability_offset_ + register_offset, value) != 0,
             "config space cannot be written");
    }
    std::uint32_t take_dword() {
        const std::uint32_t dword = read(read_mailbox);
        write(read_mailbox, 0);
        return dword;
    }
    void await_response() {
        const auto until = Clock::now() + response_limit;
        for (std::uint32_t now = read(status); (now & status_ready) == 0; now = read(status)) {
            must((now & status_error) == 0, "the device reports an error");
            must(Clock::now() < until, "no response in time");
        }
    }

    template <auto free>
    struct Free {
        void operator()(auto* owned) const { free(owned); }
    };
    std::unique_ptr<::pci_access, Free<::pci_cleanup>> access_;
    std::unique_ptr<::pci_dev, Free<::pci_free_dev>> device_;
    int capability_offset_;
    std::uint64_t accesses_ = 0;
};

/// The table's dwords: the responses without their headers and the dword that names the next entry.
std::vector<std::uint32_t> read_table(Mailbox& mailbox) {
    std::vector<std::uint32_t> table;
    std::uint16_t handle = 0;
    do {
        const std::array request{table_access, 3U, static_cast<std::uint32_t>(handle) << 16};
        const Object response = mailbox.exchange(request);
        table.insert(table.end(), response.begin() + 3, response.end());
        must(table.size() <= table_max_dw, "the table has no end");
        handle = static_cast<std::uint16_t>(response[header_dw] >> 16);
    } while (handle != last_handle);
    return table;
}

void run(const std::string& address, int offset, std::size_t tables, const std::string& file) {
    Mailbox mailbox(address, offset);
    const std::uint64_t before = mailbox.accesses();
    Samples times;
    std::vector<std::uint32_t> table;
    while (times.size() < tables) {
        const auto begin = Clock::now();
        table = read_table(mailbox);
        times.add(microseconds(Clock::now() - begin));
    }
    // As they are in memory: the machines that have CXL are little-endian, as the table is.
    std::ofstream(file, std::ios::binary)
        .write(reinterpret_cast<const char*>(table.data()),
               static_cast<std::streamsize>(table.size() * sizeof(std::uint32_t)));
    print({{"bench", "guest"},
           {"tables", tables},
           {"table_us", times.median()},
           {"accesses_before", before},
           {"accesses", mailbox.accesses() - before}});
}

}  // namespace
}  // namespace doed::bench

int main(int argc, char** argv) {
    if (argc != 5) {
        std::fputs("usage: libpci-reader DDDD:BB:DD.F OFFSET TABLES FILE\n", stderr);
        return 2;
    }
    try {
        // Extended config space.
        const auto offset = doed::bench::number("OFFSET", argv[2], 0x100, 0xFFC, 16);
        const auto tables = doed::bench::number("TABLES", argv[3], 1, 1'000'000);
        doed::bench::run(argv[1], static_cast<int>(offset), static_cast<std::size_t>(tables),
                         argv[4]);
    } catch (const std::exception& error) {
        std::fprintf(stderr, "libpci-reader: %s\n", error.what());
        return 1;
    }
    return 0;
}
