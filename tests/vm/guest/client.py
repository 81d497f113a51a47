#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A client of doed that stays on the bus and writes down what it sees.

client.py LOG [PATH...]: appends to LOG one line per event, with the time in
milliseconds first:

    MS ready
    MS added PATH INTERFACE       the ObjectManager announced it
    MS removed PATH INTERFACE
    MS table PATH MD5             a forced reading of the table at PATH ended
    MS error PATH NAME            the same, badly

Each PATH is a mailbox whose table is read from the device over and over: a second
reading is always asked for while the first is on the wire, so that there is no moment
without an exchange to be disturbed. Errors do not end it.
"""

import hashlib
import sys
import time

import dbus
from dbus.mainloop.glib import DBusGMainLoop
from gi.repository import GLib

NAME = "org.doed1"
RETRY_MS = 20
REPLY_TIMEOUT_S = 30


class Client:
    def __init__(self, log, paths):
        self.log = log
        self.bus = dbus.SystemBus(mainloop=DBusGMainLoop())
        for signal, kind in (("InterfacesAdded", "added"), ("InterfacesRemoved", "removed")):
            self.bus.add_signal_receiver(
                lambda path, interfaces, kind=kind: self.objects_changed(kind, path, interfaces),
                signal_name=signal,
                dbus_interface="org.freedesktop.DBus.ObjectManager",
                bus_name=NAME,
            )
        self.write("ready")
        for path in paths:
            self.read_table(path)
            self.read_table(path)

    def write(self, *words):
        print(time.time_ns() // 1_000_000, *words, file=self.log)

    def objects_changed(self, kind, path, interfaces):
        for interface in interfaces:
            self.write(kind, path, interface)

    def read_table(self, path):
        self.bus.call_async(
            NAME,
            path,
            "org.doed1.Cdat",
            "GetTable",
            "a{sv}",
            (dbus.Dictionary({"refresh": dbus.Boolean(True)}, signature="sv"),),
            lambda table: self.have_table(path, table),
            lambda error: self.have_error(path, error),
            timeout=REPLY_TIMEOUT_S,
            byte_arrays=True,
        )
        return False  # once, when called by a timer

    def have_table(self, path, table):
        self.write("table", path, hashlib.md5(table).hexdigest())
        self.read_table(path)

    def have_error(self, path, error):
        self.write("error", path, error.get_dbus_name())
        GLib.timeout_add(RETRY_MS, self.read_table, path)


with open(sys.argv[1], "a", buffering=1, encoding="utf-8") as log_file:
    client = Client(log_file, sys.argv[2:])
    GLib.MainLoop().run()
