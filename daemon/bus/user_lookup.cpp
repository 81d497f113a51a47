// SPDX-License-Identifier: Apache-2.0
#include "daemon/bus/user_lookup.hpp"

#include <exception>
#include <utility>

namespace doed::bus {

namespace {

std::unexpected<base::Error> not_told(const std::string& why) {
    return base::fail(base::Errc::io, "the bus does not tell whose request it is: " + why);
}

}  // namespace

UserLookup::UserLookup(sdbus::IConnection& connection, Pump& pump)
    : pump_(pump), proxy_(make_bus_proxy(connection)) {}

void UserLookup::find(const std::string& unique_name, Found found) {
    const auto shared = std::make_shared<Found>(std::move(found));
    try {
        get_connection_user(
            *proxy_, unique_name, [shared](const sdbus::Error* error, std::uint32_t uid) noexcept {
                error != nullptr ? (*shared)(not_told(error->getMessage())) : (*shared)(uid);
            });
        pump_.kick();
    } catch (const std::exception& error) {
        (*shared)(not_told(error.what()));
    }
}

}  // namespace doed::bus
