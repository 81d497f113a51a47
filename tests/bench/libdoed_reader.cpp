// SPDX-License-Identifier: Apache-2.0
//
// The program of libpci_reader.cpp for a machine with doed: has the CDAT read from the device again and again, through libdoed
// and the system bus. Between two of these it asks for doed's copy, which is the same call without the device: what bus, library
// and both processes take.
//
//   libdoed-reader MAILBOX TABLES FILE
//
// MAILBOX is its D-Bus object; FILE gets the table. Prints one line of JSON: the time for one table, and for one copy. Any
// error ends it.
#include "bench/arguments.hpp"
#include "bench/samples.hpp"

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <memory>
#include <stdexcept>
#include <string>

#include <doed/doed.h>

namespace doed::bench {
namespace {

using Clock = std::chrono::steady_clock;

struct Free {
    void operator()(doed_context* context) const { ::doed_unref(context); }
    void operator()(std::uint8_t* bytes) const { std::free(bytes); }
};
using Context = std::unique_ptr<doed_context, Free>;
using Bytes = std::unique_ptr<std::uint8_t, Free>;

struct Table {
    Bytes bytes;
    std::size_t size = 0;
};

Context connect() {
    doed_context* made = nullptr;
    if (::doed_new(&made) < 0) {
        throw std::runtime_error("doed_new failed");
    }
    Context context(made);
    if (::doed_set_flags(made, DOED_NO_AUTOSTART) < 0 || ::doed_connect(made) < 0) {
        throw std::runtime_error(::doed_last_error_message(made));
    }
    return context;
}

Table read_table(doed_context* context, const std::string& mailbox, std::uint32_t flags) {
    std::uint8_t* bytes = nullptr;
    std::size_t size = 0;
    if (::doed_cdat_table(context, mailbox.c_str(), flags, &bytes, &size) < 0) {
        throw std::runtime_error(::doed_last_error_message(context));
    }
    return {Bytes(bytes), size};
}

void run(const std::string& mailbox, std::size_t tables, const std::string& file) {
    const Context context = connect();
    Samples times;
    Samples copy_times;
    Table table;
    while (times.size() < tables) {
        const auto begin = Clock::now();
        table = read_table(context.get(), mailbox, DOED_CDAT_REFRESH);
        const auto between = Clock::now();
        read_table(context.get(), mailbox, 0);
        times.add(microseconds(between - begin));
        copy_times.add(microseconds(Clock::now() - between));
    }
    std::ofstream(file, std::ios::binary)
        .write(reinterpret_cast<const char*>(table.bytes.get()),
               static_cast<std::streamsize>(table.size));
    print({{"bench", "guest"},
           {"tables", tables},
           {"table_us", times.median()},
           {"copy_us", copy_times.median()}});
}

}  // namespace
}  // namespace doed::bench

int main(int argc, char** argv) {
    if (argc != 4) {
        std::fputs("usage: libdoed-reader MAILBOX TABLES FILE\n", stderr);
        return 2;
    }
    try {
        const auto tables = doed::bench::number("TABLES", argv[2], 1, 1'000'000);
        doed::bench::run(argv[1], static_cast<std::size_t>(tables), argv[3]);
    } catch (const std::exception& error) {
        std::fprintf(stderr, "libdoed-reader: %s\n", error.what());
        return 1;
    }
    return 0;
}
