#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Users of doed's bus name, each a process of its own user.

    load.py latency COUNT PATH           reads a property and the cached table COUNT times each, one call after another,
                                         and prints the median and the 99th percentile of a call in microseconds
    load.py crowd CONNECTIONS CALLS PATH keeps CALLS calls of Discover pending on each of CONNECTIONS connections until
                                         SIGTERM, then prints how many were answered, and how many errors of each name
    load.py own NAME                     owns NAME on the bus until SIGTERM; ends with 1 if it cannot

The last two print "ready" when they are.
"""

import collections
import signal
import sys
import time

import gi

gi.require_version("Gio", "2.0")
from gi.repository import Gio, GLib  # noqa: E402

NAME = "org.doed1"
ADDRESS = Gio.dbus_address_get_for_bus_sync(Gio.BusType.SYSTEM, None)
FLAGS = Gio.DBusConnectionFlags.AUTHENTICATION_CLIENT | Gio.DBusConnectionFlags.MESSAGE_BUS_CONNECTION
NO_OPTIONS = GLib.Variant("(a{sv})", ({},))
TIMEOUT_MS = 60000


def connect():
    return Gio.DBusConnection.new_for_address_sync(ADDRESS, FLAGS, None, None)


def latency(count, path):
    bus = connect()
    name = GLib.Variant("(ss)", ("org.doed1.Mailbox", "State"))
    calls = [("org.freedesktop.DBus.Properties", "Get", name), ("org.doed1.Cdat", "GetTable", NO_OPTIONS)]
    times = []
    for number in range(2 * count + 2):
        interface, method, arguments = calls[number % 2]
        begin = time.perf_counter()
        bus.call_sync(NAME, path, interface, method, arguments, None, Gio.DBusCallFlags.NONE, TIMEOUT_MS, None)
        if number >= 2:  # the first of each finds doed unacquainted
            times.append(time.perf_counter() - begin)
    times.sort()
    print(round(times[len(times) // 2] * 1e6), round(times[len(times) * 99 // 100] * 1e6))


def until_terminated(loop):
    GLib.unix_signal_add(GLib.PRIORITY_HIGH, signal.SIGTERM, loop.quit)
    print("ready", flush=True)
    loop.run()


def crowd(connections, calls, path):
    counts = collections.Counter()

    def ask(bus):
        bus.call(NAME, path, "org.doed1.Mailbox", "Discover", NO_OPTIONS, None, Gio.DBusCallFlags.NONE, TIMEOUT_MS, None, answered)

    def answered(bus, result):
        try:
            bus.call_finish(result)
            counts["answered"] += 1
        except GLib.Error as error:
            counts[Gio.DBusError.get_remote_error(error) or error.message] += 1
        ask(bus)

    buses = [connect() for _ in range(connections)]
    for bus in buses:
        for _ in range(calls):
            ask(bus)
    until_terminated(GLib.MainLoop())
    for name, count in sorted(counts.items()):
        print(name, count)


def own(name):
    bus = connect()
    reply = bus.call_sync("org.freedesktop.DBus", "/", "org.freedesktop.DBus", "RequestName", GLib.Variant("(su)", (name, 4)),
                          None, Gio.DBusCallFlags.NONE, TIMEOUT_MS, None)
    if reply.unpack() != (1,):
        sys.exit(1)
    until_terminated(GLib.MainLoop())


if __name__ == "__main__":
    what, *arguments = sys.argv[1:]
    {"latency": latency, "crowd": crowd, "own": own}[what](*(int(word) if word.isdigit() else word for word in arguments))
