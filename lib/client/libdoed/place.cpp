// SPDX-License-Identifier: Apache-2.0
#include "client/libdoed/place.hpp"

#include <cerrno>

namespace doed::client {

namespace {

int open_address(sd_bus*& bus, const char* address) {
    if (const int error = sd_bus_new(&bus); error < 0) {
        return error;
    }
    if (const int error = sd_bus_set_address(bus, address); error < 0) {
        return error;
    }
    if (const int error = sd_bus_set_bus_client(bus, 1); error < 0) {
        return error;
    }
    if (const int error = sd_bus_negotiate_fds(bus, 1); error < 0) {
        return error;
    }
    return sd_bus_start(bus);
}

}  // namespace

std::string Place::description() const {
    switch (kind) {
        case Kind::system: return "the system bus";
        case Kind::session: return "the session bus";
        case Kind::address: return "the bus at " + text;
        case Kind::host: return "the system bus of " + text;
    }
    return {};
}

int parse_place(const std::string& where, Place& place) {
    if (where == "system") {
        place = {Place::Kind::system, {}};
    } else if (where == "session") {
        place = {Place::Kind::session, {}};
    } else if (where.contains(':')) {
        place = {Place::Kind::address, where};
    } else {
        return -EINVAL;
    }
    return 0;
}

int begin_connection(const Place& place, BusPtr& bus) {
    sd_bus* raw = nullptr;
    int result = -EINVAL;
    switch (place.kind) {
        case Place::Kind::system: result = sd_bus_open_system(&raw); break;
        case Place::Kind::session: result = sd_bus_open_user(&raw); break;
        case Place::Kind::address: result = open_address(raw, place.text.c_str()); break;
        case Place::Kind::host: result = sd_bus_open_system_remote(&raw, place.text.c_str()); break;
    }
    BusPtr opened(raw);
    if (result >= 0) {
        bus = std::move(opened);
    }
    return result < 0 ? result : 0;
}

}  // namespace doed::client
