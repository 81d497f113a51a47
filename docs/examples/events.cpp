// SPDX-License-Identifier: Apache-2.0
// Prints what happens to the devices and mailboxes of this host, until it is interrupted.
// c++ -std=c++20 $(pkg-config --cflags libdoed) -o events events.cpp $(pkg-config --libs libdoed)
#include <boost/asio.hpp>
#include <doed/asio.hpp>

#include <csignal>
#include <iostream>

namespace asio = boost::asio;

static void print(const doed::asio::Event& event) {
    if (event.lost > 0) {
        std::cout << event.lost << " events were lost\n";
    }
    std::cout << (event.address.empty() ? "doed" : event.address);
    if (event.offset != 0) {
        std::cout << '/' << std::hex << event.offset << std::dec;
    }
    std::cout << ' ' << doed_event_type_name(event.type);
    for (const auto* text : {&event.from, &event.to, &event.owner, &event.name, &event.text}) {
        if (!text->empty()) {
            std::cout << ", " << *text;
        }
    }
    std::cout << std::endl;
}

static asio::awaitable<void> follow(doed::asio::Client& client) {
    for (bool more = true; more;) {
        const doed::Result<doed::asio::Event> event =
            co_await client.async_next_event(asio::use_awaitable);
        if (!event) {
            std::cerr << event.error().message() << '\n';
            break;
        }
        print(*event);
        more = !event->last;
    }
}

int main() {
    asio::io_context io;
    auto context = doed::Context::open();
    if (!context) {
        std::cerr << context.error().message() << '\n';
        return 1;
    }
    doed::asio::Client client(io.get_executor(), std::move(*context));
    asio::signal_set interruption(io, SIGINT, SIGTERM);
    interruption.async_wait([&io](const auto&, int) { io.stop(); });
    asio::co_spawn(io, follow(client), [&io](const auto&) { io.stop(); });
    io.run();
}
