# SPDX-License-Identifier: Apache-2.0
"""A subscriber to doed's events: what it reads from the socket of Manager.Subscribe, taken apart."""

import os
import socket
import struct
from typing import NamedTuple

import harness

HEADER = struct.Struct("<HHIQQQIBBBBH6x")
TYPES = ["", "subscribed", "device-added", "device-removed", "mailbox-added", "mailbox-removed", "state", "owner",
         "cdat-changed", "exchange-failed", "driver-specific"]


class Event(NamedTuple):
    sequence: int
    lost: int
    pending: int
    kind: str
    time_us: int
    device: str    # "0000:0d:00.0", empty for none
    mailbox: int   # offset, 0 for none
    body: tuple    # numbers and texts


def texts(body):
    found = []
    while body:
        found.append(body[1:1 + body[0]].decode())
        body = body[1 + body[0]:]
    return tuple(found)


def parse_body(kind, body):
    fixed = {"subscribed": "<HHI", "device-added": "<HHI", "mailbox-added": "<B", "cdat-changed": "<I",
             "exchange-failed": "<HBB"}.get(kind, "<")
    size = struct.calcsize(fixed)
    return struct.unpack(fixed, body[:size]) + texts(body[size:])


def parse(packet):
    (number, size, pending, sequence, lost, time_us, domain, bus, device, function, flags,
     mailbox) = HEADER.unpack_from(packet)
    body = packet[HEADER.size:]
    assert len(body) == size <= 128
    kind = TYPES[number]
    address = f"{domain:04x}:{bus:02x}:{device:02x}.{function:x}" if flags & 1 else ""
    return Event(sequence, lost, pending, kind, time_us, address, mailbox, parse_body(kind, body))


class Subscriber:
    def __init__(self, client):
        self.socket = socket.socket(fileno=client.invoke_for_file(harness.ROOT, harness.MANAGER, "Subscribe"))
        self.socket.setblocking(False)
        self.packets = []
        self.parsed = []
        self.ended = False

    @property
    def events(self):
        """What has been read. Taken apart when somebody looks at it: a hundred subscribers read a lot."""
        self.parsed += [parse(packet) for packet in self.packets[len(self.parsed):]]
        return self.parsed

    def close(self):
        self.socket.close()

    def read(self, most=None):
        """What is there now, at most so many packets; how many were read."""
        count = 0
        while not self.ended and (most is None or count < most):
            try:
                packet = self.socket.recv(4096)
            except BlockingIOError:
                break
            if not packet:
                self.ended = True
                break
            self.packets.append(packet)
            count += 1
        return count

    def wait_for(self, condition, what):
        """Until condition(self.events), reading what comes."""
        def met():
            self.read()
            return condition(self.events)
        return harness.wait_until(met, f"{what}; there were {self.events}", tick_ms=10)

    def of(self, kind, start=0):
        return [event for event in self.events[start:] if event.kind == kind]

    def total(self):
        """How many events there were, lost ones included; the sequence numbers say the same."""
        expected = 0
        for packet in self.packets:
            sequence, lost = struct.unpack_from("<QQ", packet, 8)
            expected += lost
            assert sequence == expected, parse(packet)
            expected += 1
        return expected

    def lost(self):
        return sum(struct.unpack_from("<Q", packet, 16)[0] for packet in self.packets)

    def told(self):
        """All of it but what is this subscriber's own: sequence, lost, pending and the greeting."""
        return [packet[:4] + packet[24:] for packet in self.packets[1:]]


class View:
    """What somebody knows who has only the events: the mailboxes that there are, with state and owner."""

    def __init__(self):
        self.devices, self.mailboxes, self.seen = set(), {}, 0

    def follow(self, events):
        """Takes over what is new in the list."""
        for event in events[self.seen:]:
            key = (event.device, event.mailbox)
            if event.kind == "device-added":
                self.devices.add(event.device)
            elif event.kind == "device-removed":
                assert not [key for key in self.mailboxes if key[0] == event.device], "its mailboxes went before"
                self.devices.remove(event.device)
            elif event.kind == "mailbox-added":
                assert event.device in self.devices
                self.mailboxes[key] = list(event.body[1:])
            elif event.kind == "mailbox-removed":
                del self.mailboxes[key]
            elif event.kind in ("state", "owner"):
                at = ("state", "owner").index(event.kind)
                assert self.mailboxes[key][at] == event.body[0], "each change begins where the last one ended"
                self.mailboxes[key][at] = event.body[1]
        self.seen = len(events)
        return self

    def start(self, objects):
        """From what GetManagedObjects says."""
        for interfaces in objects.values():
            if harness.DEVICE in interfaces:
                self.devices.add(interfaces[harness.DEVICE]["Address"])
        self.mailboxes = on_the_bus(objects)
        return self


def on_the_bus(objects):
    """{(device, offset): [State, Owner]}"""
    mailboxes = {}
    for path, interfaces in objects.items():
        if harness.MAILBOX in interfaces:
            its = interfaces[harness.MAILBOX]
            device = objects[os.path.dirname(path)][harness.DEVICE]["Address"]
            mailboxes[device, its["Offset"]] = [its["State"], its["Owner"]]
    return mailboxes
