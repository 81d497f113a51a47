#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Prints size, latency and bandwidth of every memory range that a CXL device of this host tells of.

Plain D-Bus: nothing of doed is imported. Needs python3-dbus, and membership in the group doe.
"""

import json
import sys

import dbus


def figures(memory, way):
    """ "150 ns, 16000 MB/s", with "nan" for what the table does not tell."""
    latency, bandwidth = memory[f"{way}_latency"] or {}, memory[f"{way}_bandwidth"] or {}
    return f"{latency.get('ns') or 'nan'} ns, {bandwidth.get('mb_per_s') or 'nan'} MB/s"


bus = dbus.SystemBus()
manager = dbus.Interface(bus.get_object("org.doed1", "/org/doed1"), "org.freedesktop.DBus.ObjectManager")
failed = False
for path, interfaces in sorted(manager.GetManagedObjects().items()):
    if "org.doed1.Cdat" not in interfaces:
        continue
    mailbox = dbus.Interface(bus.get_object("org.doed1", path), "org.doed1.Cdat")
    try:
        table = json.loads(mailbox.GetJson(dbus.Dictionary(signature="sv")))
    except dbus.DBusException as error:
        print(f"{path}: {error.get_dbus_name()}: {error.get_dbus_message()}", file=sys.stderr)
        failed = True
        continue
    for memory in table["summary"]["memory_ranges"]:
        print(f"{table['mailbox'].partition('/')[0]} range {memory['handle']}: {int(memory['dpa_length']) >> 20} MiB, "
              f"read {figures(memory, 'read')}, write {figures(memory, 'write')}")
sys.exit(failed)
