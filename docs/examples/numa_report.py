#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Lists the memory nodes of this host, and beside them what CXL devices tell of the memory they are made of.

    usage: numa_report.py [--sysfs DIR]

A node's processors, size and distances come from /sys/devices/system/node. Which regions the kernel made of a device, in which
node they are, and how far it takes them to be is in /sys/bus/cxl; doed has that in the member "host" of GetJson. The node that a
device is plugged in at is its property NumaNode. Needs python3-dbus, and membership in the group doe.
"""

import argparse
import json
import pathlib
import re
import sys

import dbus


class Node:
    """A memory node as sysfs has it."""

    def __init__(self, folder):
        self.number = int(folder.name.removeprefix("node"))
        self.processors = (folder / "cpulist").read_text().strip()
        self.distances = (folder / "distance").read_text().split()
        self.size_mib = int(re.search(r"MemTotal:\s+(\d+) kB", (folder / "meminfo").read_text())[1]) >> 10

    def __str__(self):
        processors = f"processors {self.processors}" if self.processors else "no processors"
        return f"Node {self.number}: {processors}, {self.size_mib} MiB, distances {' '.join(self.distances)}"


def nodes(sysfs):
    folders = (sysfs / "devices/system/node").glob("node[0-9]*")
    return sorted((Node(folder) for folder in folders), key=lambda node: node.number)


def tables(bus):
    """(address, node that the device is plugged in at, table) of each device that hands out a CDAT."""
    manager = dbus.Interface(bus.get_object("org.doed1", "/org/doed1"), "org.freedesktop.DBus.ObjectManager")
    objects = manager.GetManagedObjects()
    for path in sorted(objects):
        if "org.doed1.Cdat" in objects[path]:
            device = objects[path.rpartition("/")[0]]["org.doed1.Device"]
            cdat = dbus.Interface(bus.get_object("org.doed1", path), "org.doed1.Cdat")
            try:
                table = json.loads(cdat.GetJson(dbus.Dictionary(signature="sv")))
            except dbus.DBusException as error:
                table = None
                print(f"{device['Address']}: {error.get_dbus_name()}: {error.get_dbus_message()}", file=sys.stderr)
            yield str(device["Address"]), int(device["NumaNode"]), table


def figures(latency_ns, bandwidth_mb_per_s):
    return f"{latency_ns or '-'} ns, {bandwidth_mb_per_s or '-'} MB/s"


def own_figures(memory):
    """What the device tells of a range, from its port on."""
    read_latency, read_bandwidth = memory["read_latency"] or {}, memory["read_bandwidth"] or {}
    return f"range {memory['handle']}, {int(memory['dpa_length']) >> 20} MiB: " \
           f"read {figures(read_latency.get('ns'), read_bandwidth.get('mb_per_s'))}"


def main():
    parser = argparse.ArgumentParser(description="memory nodes of this host, and the CXL devices they are made of")
    parser.add_argument("--sysfs", type=pathlib.Path, default=pathlib.Path("/sys"), metavar="DIR")
    host = nodes(parser.parse_args().sysfs)

    made_of = {}  # node -> lines
    unused = []
    failed = False
    for address, near, table in tables(dbus.SystemBus()):
        if table is None:
            failed = True
            continue
        ranges = [own_figures(memory) for memory in table["summary"]["memory_ranges"]]
        regions = (table["host"] or {}).get("regions", [])
        for region in regions:
            kernel = figures(region["read_latency_ns"], region["read_bandwidth_mb_per_s"])
            lines = [f"{region['name']} of {address}", f"  the kernel: read {kernel}"]
            made_of.setdefault(region["numa_node"], []).extend([*lines, *(f"  its table, {line}" for line in ranges)])
        if not regions:
            plugged = f"plugged in at node {near}" if near >= 0 else "at no node"
            unused.extend(f"{address}, {plugged}: {line}" for line in ranges)

    for node in host:
        print(node, *(f"  {line}" for line in made_of.pop(node.number, [])), sep="\n")
    for number, lines in made_of.items():
        where = "of no node" if number is None else f"of node {number}, which is not online"
        print(f"Memory {where}:", *(f"  {line}" for line in lines), sep="\n")
    if unused:
        print("Memory of devices that the kernel made no region of:", *(f"  {line}" for line in unused), sep="\n")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
