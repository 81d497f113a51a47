// SPDX-License-Identifier: Apache-2.0
#include "daemon/bus/connect.hpp"

namespace doed::bus {

base::Result<std::unique_ptr<sdbus::IConnection>> connect(const std::string& where) {
    try {
        if (where == "system") {
            return sdbus::createSystemBusConnection();
        }
        if (where == "session") {
            return sdbus::createSessionBusConnection();
        }
        return sdbus::createSessionBusConnectionWithAddress(where);
    } catch (const sdbus::Error& error) {
        return base::fail(base::Errc::io, error.getMessage());
    }
}

}  // namespace doed::bus
