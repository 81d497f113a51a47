// SPDX-License-Identifier: Apache-2.0
#include "daemon/bus/peer_watch.hpp"

#include <exception>
#include <utility>
#include <vector>

namespace doed::bus {

namespace {
// arg2 is the new owner: none when a name goes.
constexpr char rule[] =
    "type='signal',sender='org.freedesktop.DBus',path='/org/freedesktop/DBus',"
    "interface='org.freedesktop.DBus',member='NameOwnerChanged',arg2=''";
}  // namespace

PeerWatch::PeerWatch(sdbus::IConnection& connection)
    : slot_(add_match(connection, rule, [this](sdbus::Message& message) {
          // The first generation of sdbus-c++ lets nothing be thrown from here.
          try {
              std::string name;
              message >> name;
              gone(name);
          } catch (const std::exception&) {
              return;
          }
      })) {}

PeerWatch::~PeerWatch() = default;

PeerWatch::Id PeerWatch::watch(const std::string& unique_name, std::function<void()> left) {
    const Id id = next_++;
    watched_.emplace(id, Watched{unique_name, std::move(left)});
    return id;
}

void PeerWatch::forget(Id id) {
    watched_.erase(id);
}

void PeerWatch::gone(const std::string& name) noexcept {
    std::vector<std::function<void()>> told;
    for (auto entry = watched_.begin(); entry != watched_.end();) {
        if (entry->second.name == name) {
            told.push_back(std::move(entry->second.left));
            entry = watched_.erase(entry);
        } else {
            ++entry;
        }
    }
    for (const auto& left : told) {
        left();
    }
}

}  // namespace doed::bus
