// SPDX-License-Identifier: Apache-2.0
//
// A client of a doed on some bus, which measures what its users see. One line of JSON for each kind of call.
//
//   bench-client rates BUS MAILBOX CALL...
//                                       calls per second of Ping and of these, GetTable or GetTableFd, on one connection: one at
//                                       a time, and eight under way; in rounds that take turns, so that all have the same machine
//   bench-client serve BUS BYTES        in the place and under the name of doed, a service that does nothing but answer GetTable
//                                       with as many: the least that one can do. Says "ready"; ends when its standard input does
//   bench-client probe BUS MAILBOX SECONDS PID PID
//                                       how long a property read, GetTable and Ping take, one after the other all that time, and
//                                       GetId, which the bus answers without doed; and of the longest of each, what the main
//                                       threads of client, bus and doed, the PIDs, ran and waited for a processor
#include "bench/arguments.hpp"
#include "bench/samples.hpp"

#include <systemd/sd-bus.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <functional>
#include <map>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include <poll.h>
#include <unistd.h>

namespace doed::bench {
namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

constexpr char service[] = "org.doed1";

int must(int result, const char* what) {
    if (result < 0) {
        throw std::runtime_error(std::string(what) + ": " + std::strerror(-result));
    }
    return result;
}

struct Call {
    const char* name;
    const char* interface;
    const char* member;
};

constexpr Call ping{"Ping", "org.freedesktop.DBus.Peer", "Ping"};
constexpr Call get_property{"Get", "org.freedesktop.DBus.Properties", "Get"};
constexpr Call get_table{"GetTable", "org.doed1.Cdat", "GetTable"};
constexpr Call get_table_fd{"GetTableFd", "org.doed1.Cdat", "GetTableFd"};
constexpr Call get_id{"GetId", "org.freedesktop.DBus", "GetId"};

sd_bus* connect(const char* address) {
    sd_bus* bus = nullptr;
    must(::sd_bus_new(&bus), "sd_bus_new");
    must(::sd_bus_set_address(bus, address), "sd_bus_set_address");
    must(::sd_bus_set_bus_client(bus, 1), "sd_bus_set_bus_client");
    must(::sd_bus_negotiate_fds(bus, 1), "sd_bus_negotiate_fds");
    must(::sd_bus_start(bus), "sd_bus_start");
    return bus;
}

/// The main thread of a process.
class MainThread {
public:
    /// Since it began, as the scheduler counts.
    struct Times {
        double ran_us = 0;
        double waited_us = 0;  ///< able to run, and not running

        friend Times operator-(Times left, const Times& right) {
            return {left.ran_us - right.ran_us, left.waited_us - right.waited_us};
        }
    };

    explicit MainThread(const std::string& pid) : file_("/proc/" + pid + "/schedstat") {}

    [[nodiscard]] Times times() {
        double ran_ns = 0;
        double waited_ns = 0;
        file_.clear();
        file_.seekg(0);
        if (!(file_ >> ran_ns >> waited_ns)) {
            throw std::runtime_error("cannot read what a process ran and waited");
        }
        return {ran_ns / 1000, waited_ns / 1000};
    }

private:
    std::ifstream file_;
};

class Connection {
public:
    Connection(const char* address, const char* mailbox)
        : bus_(connect(address)), mailbox_(mailbox) {}
    Connection(const Connection&) = delete;
    Connection& operator=(const Connection&) = delete;
    ~Connection() { ::sd_bus_flush_close_unref(bus_); }

    /// One call and its answer.
    void call(const Call& call) {
        sd_bus_message* const request = make(call);
        sd_bus_message* reply = nullptr;
        sd_bus_error error = SD_BUS_ERROR_NULL;
        if (::sd_bus_call(bus_, request, 0, &error, &reply) < 0) {
            throw std::runtime_error(std::string(call.name) + ": " + error.message);
        }
        ::sd_bus_message_unref(request);
        ::sd_bus_message_unref(reply);  // with the descriptor in it
    }

    /// Calls until `until`, `depth` of them under way; how many were answered.
    std::size_t calls(const Call& call, int depth, Clock::time_point until) {
        Flight flight{.connection = this, .call = &call, .until = until};
        for (int i = 0; i < depth; ++i) {
            flight.send();
        }
        while (flight.under_way > 0) {
            if (must(::sd_bus_process(bus_, nullptr), "sd_bus_process") == 0) {
                must(::sd_bus_wait(bus_, UINT64_MAX), "sd_bus_wait");
            }
        }
        return flight.answered;
    }

private:
    struct Flight {
        Connection* connection;
        const Call* call;
        Clock::time_point until;
        std::size_t answered = 0;
        int under_way = 0;

        void send() {
            sd_bus_message* const request = connection->make(*call);
            must(::sd_bus_call_async(connection->bus_, nullptr, request, on_answer, this, 0),
                 "sd_bus_call_async");
            ::sd_bus_message_unref(request);
            ++under_way;
        }
        static int on_answer(sd_bus_message* reply, void* data, sd_bus_error*) {
            auto& self = *static_cast<Flight*>(data);
            if (::sd_bus_message_is_method_error(reply, nullptr) > 0) {
                std::fprintf(stderr, "%s: %s\n", self.call->name,
                             ::sd_bus_message_get_error(reply)->message);
                std::exit(1);
            }
            --self.under_way;
            ++self.answered;
            if (Clock::now() < self.until) {
                self.send();
            }
            return 0;
        }
    };

    sd_bus_message* make(const Call& call) {
        sd_bus_message* request = nullptr;
        const bool of_bus = &call == &get_id;
        must(::sd_bus_message_new_method_call(
                 bus_, &request, of_bus ? "org.freedesktop.DBus" : service,
                 of_bus ? "/org/freedesktop/DBus" : mailbox_, call.interface, call.member),
             "sd_bus_message_new_method_call");
        if (&call == &get_property) {
            must(::sd_bus_message_append(request, "ss", "org.doed1.Mailbox", "State"), "append");
        } else if (&call == &get_table || &call == &get_table_fd) {
            must(::sd_bus_message_append(request, "a{sv}", 0), "append");
        }
        return request;
    }

    sd_bus* bus_;
    const char* mailbox_;
};

/// Answers GetTable of whatever object, until the standard input ends.
int serve(const char* address, std::size_t size_bytes) {
    std::vector<std::uint8_t> table(size_bytes);
    sd_bus* const bus = connect(address);
    const auto answer = [](sd_bus_message* call, void* data, sd_bus_error*) {
        if (::sd_bus_message_is_method_call(call, get_table.interface, get_table.member) <= 0) {
            return 0;
        }
        const auto& bytes = *static_cast<const std::vector<std::uint8_t>*>(data);
        sd_bus_message* reply = nullptr;
        must(::sd_bus_message_new_method_return(call, &reply), "sd_bus_message_new_method_return");
        must(::sd_bus_message_append_array(reply, 'y', bytes.data(), bytes.size()), "append");
        must(::sd_bus_send(::sd_bus_message_get_bus(call), reply, nullptr), "sd_bus_send");
        ::sd_bus_message_unref(reply);
        return 1;
    };
    must(::sd_bus_add_fallback(bus, nullptr, "/", answer, &table), "sd_bus_add_fallback");
    must(::sd_bus_request_name(bus, service, 0), "sd_bus_request_name");
    std::puts("ready");
    std::fflush(stdout);
    for (;;) {
        while (must(::sd_bus_process(bus, nullptr), "sd_bus_process") > 0) {
        }
        std::array<pollfd, 2> waited{
            {{STDIN_FILENO, POLLIN, 0}, {::sd_bus_get_fd(bus), POLLIN, 0}}};
        if (::poll(waited.data(), waited.size(), -1) < 0 || waited[0].revents != 0) {
            ::sd_bus_flush_close_unref(bus);
            return 0;
        }
    }
}

int measure_rates(Connection& connection, const std::vector<const Call*>& calls) {
    constexpr int rounds = 7;
    constexpr auto time_each = 250ms;
    for (const int depth : {1, 8}) {
        std::map<std::string, Samples> rates;
        std::map<std::string, Samples> shares;
        for (int round = 0; round < rounds; ++round) {
            double ping_rate = 0;
            for (const Call* call : calls) {
                const auto begin = Clock::now();
                std::size_t answered = 0;
                try {
                    answered = connection.calls(*call, depth, begin + time_each);
                } catch (const std::runtime_error& error) {
                    std::fprintf(stderr, "%s\n", error.what());
                    return 1;
                }
                const double rate = static_cast<double>(answered) /
                                    std::chrono::duration<double>(Clock::now() - begin).count();
                if (call == &ping) {
                    ping_rate = rate;
                }
                rates[call->name].add(rate);
                shares[call->name].add(rate / ping_rate);
            }
        }
        for (const auto& [name, values] : rates) {
            print({{"bench", "dbus"},
                   {"call", name},
                   {"under_way", depth},
                   {"per_second", values.median()},
                   {"of_ping", shares[name].median()}});
        }
    }
    return 0;
}

int measure_latency(Connection& connection, std::chrono::seconds time, const char* bus_pid,
                    const char* doed_pid) {
    constexpr std::array calls{&get_property, &get_table, &ping, &get_id};
    constexpr std::array names{"client", "bus", "doed"};
    std::array threads{MainThread("self"), MainThread(bus_pid), MainThread(doed_pid)};
    using Times = std::array<MainThread::Times, threads.size()>;
    const auto times = [&threads] {
        return Times{threads[0].times(), threads[1].times(), threads[2].times()};
    };
    std::array<Samples, calls.size()> samples;
    struct Longest {
        double us = 0;
        Times times;
    };
    std::array<Longest, calls.size()> longest;
    const auto until = Clock::now() + time;
    while (Clock::now() < until) {
        for (std::size_t i = 0; i < calls.size(); ++i) {
            const Times before = times();
            const auto begin = Clock::now();
            connection.call(*calls[i]);
            const double us = microseconds(Clock::now() - begin);
            samples[i].add(us);
            if (us > longest[i].us) {
                const Times after = times();
                longest[i].us = us;
                for (std::size_t thread = 0; thread < after.size(); ++thread) {
                    longest[i].times[thread] = after[thread] - before[thread];
                }
            }
        }
    }
    for (std::size_t i = 0; i < calls.size(); ++i) {
        nlohmann::json about{{"bench", "stall"},
                             {"call", calls[i]->name},
                             {"calls", samples[i].size()},
                             {"p50_us", samples[i].median()},
                             {"p99_us", samples[i].quantile(0.99)},
                             {"max_us", samples[i].quantile(1)}};
        for (std::size_t thread = 0; thread < names.size(); ++thread) {
            const auto& spent = longest[i].times[thread];
            about["of_max"][names[thread]] = {{"ran_us", spent.ran_us},
                                              {"waited_us", spent.waited_us}};
        }
        print(about);
    }
    return 0;
}

}  // namespace
}  // namespace doed::bench

int main(int argc, char** argv) {
    using namespace doed::bench;
    const std::string mode = argc > 3 ? argv[1] : "";
    try {
        if (mode == "serve" && argc == 4) {
            return serve(argv[2], static_cast<std::size_t>(number("BYTES", argv[3], 1, 16 << 20)));
        }
        if (mode == "rates" && argc > 4) {
            Connection connection(argv[2], argv[3]);
            std::vector<const Call*> calls{&ping};
            const std::span names(argv + 4, argv + argc);
            calls.reserve(1 + names.size());
            for (const std::string_view name : names) {
                calls.push_back(name == get_table.name ? &get_table : &get_table_fd);
            }
            return measure_rates(connection, calls);
        }
        if (mode == "probe" && argc == 7) {
            const std::chrono::seconds time(number("SECONDS", argv[4], 1, 3600));
            Connection connection(argv[2], argv[3]);
            return measure_latency(connection, time, argv[5], argv[6]);
        }
    } catch (const std::exception& error) {
        std::fprintf(stderr, "bench-client: %s\n", error.what());
        return 1;
    }
    std::fputs(
        "usage: bench-client rates BUS MAILBOX CALL... | serve BUS BYTES | probe BUS "
        "MAILBOX SECONDS PID PID\n",
        stderr);
    return 2;
}
