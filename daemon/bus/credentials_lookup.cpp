// SPDX-License-Identifier: Apache-2.0
#include "daemon/bus/credentials_lookup.hpp"

#include <exception>
#include <map>
#include <string_view>
#include <utility>
#include <vector>

namespace doed::bus {

namespace {

std::unexpected<base::Error> not_told(const std::string& why) {
    return base::fail(base::Errc::io, "the bus does not tell whose request it is: " + why);
}

/// sdbus-c++ 2 tells the type as a pointer to characters.
bool holds(const sdbus::Variant& variant, std::string_view type) {
    return type == variant.peekValueType();
}

/// What the bus answers is its own: a value of another type than the specification's counts as not told.
base::Result<Credentials> read(const std::map<std::string, sdbus::Variant>& told) {
    Credentials credentials;
    const auto user = told.find("UnixUserID");
    if (user == told.end() || !holds(user->second, "u")) {
        return not_told("no user id");
    }
    credentials.uid = user->second.get<std::uint32_t>();
    const auto groups = told.find("UnixGroupIDs");
    if (groups != told.end() && holds(groups->second, "au")) {
        credentials.gids = groups->second.get<std::vector<std::uint32_t>>();
    }
    return credentials;
}

}  // namespace

CredentialsLookup::CredentialsLookup(sdbus::IConnection& connection, Pump& pump)
    : pump_(pump),
      proxy_(make_proxy(connection, "org.freedesktop.DBus", "/org/freedesktop/DBus")) {}

void CredentialsLookup::find(const std::string& unique_name, Found found) {
    const auto shared = std::make_shared<Found>(std::move(found));
    try {
        proxy_->callMethodAsync("GetConnectionCredentials")
            .onInterface("org.freedesktop.DBus")
            .withArguments(unique_name)
            .uponReplyInvoke(reply_handler<std::map<std::string, sdbus::Variant>>(
                [shared](const sdbus::Error* error, const auto& told) noexcept {
                    (*shared)(error != nullptr ? not_told(error->getMessage()) : read(told));
                }));
        pump_.kick();
    } catch (const std::exception& error) {
        (*shared)(not_told(error.what()));
    }
}

}  // namespace doed::bus
