#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Says to doed-opener what it should not be told, and ends with 1 when a descriptor comes back.

    opener_fuzz.py SOCKET SEED             packets that are no requests, each on a connection of its own
    opener_fuzz.py SOCKET all ADDRESSES    every file of each of these functions, which have no mailbox
    opener_fuzz.py SOCKET drive ADDRESSES  what drives these functions, which are not doed's: config space, VFIO

Prints what came back; or why there was no connection.
"""

import array
import collections
import random
import socket
import struct
import sys

PACKETS = 150
# Of daemon/opener/protocol.hpp; 1 is power/control, 2 the kernel's table.
WANTED = {"all": range(7), "drive": (0, 3, 4, 5, 6)}
PATIENCE_S = 30
INT_SIZE = array.array("i").itemsize


def connect(path):
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    connection.settimeout(PATIENCE_S)
    connection.connect(path)
    return connection


def say(connection, packet, files=()):
    """What comes back: bytes, none at the end of the connection, and how many descriptors."""
    rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", files))] if files else []
    try:
        connection.sendmsg([packet], rights)
        answer, ancillary, _, _ = connection.recvmsg(4096, socket.CMSG_SPACE(16 * INT_SIZE))
    except (BrokenPipeError, ConnectionResetError):
        return b"", 0
    return answer, sum(len(data) // INT_SIZE for level, kind, data in ancillary
                       if (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS))


def request(command, file, address):
    place, function = address.rsplit(".", 1)
    domain, bus, device = (int(part, 16) for part in place.split(":"))
    return struct.pack("<IBBHIBBBB", 1, command, file, 0, domain, bus, device, int(function), 0)


def no_requests(seed):
    """(packet, descriptors): near misses, and anything"""
    chance = random.Random(seed)
    good = request(2, 0, "0000:0e:00.0")
    yield good, [0]
    yield good + b"\0", []
    yield good[:-1], []
    yield good * 64, []
    yield b"/etc/shadow\0\0\0\0\0", []
    for at, values in ((4, (0, 3, 255)), (5, (7, 128, 255)), (6, (1,)), (7, (255,)), (13, (32, 255)), (14, (8,)), (15, (1,))):
        for value in values:
            yield good[:at] + bytes([value]) + good[at + 1:], []
    while True:
        packet = chance.randbytes(chance.choice((1, 8, 15, 17, 64, 4096)))
        yield packet, [0] * chance.choice((0, 0, 1, 3))


def main():
    path, what, *rest = sys.argv[1:]
    counts = collections.Counter()
    files = 0
    try:
        if what in WANTED:
            with connect(path) as connection:
                for address in rest[0].split():
                    for file in WANTED[what]:
                        answer, came = say(connection, request(2, file, address))
                        files += came
                        counts["refused" if len(answer) > 8 and answer[4] else "not refused"] += 1
            bad = files or counts["not refused"] or not counts["refused"]
        else:
            for number, (packet, brought) in enumerate(no_requests(int(what))):
                if number == PACKETS:
                    break
                with connect(path) as connection:
                    answer, came = say(connection, packet, brought)
                    files += came
                    counts["answered" if answer else "cut off"] += 1
            bad = files or counts["answered"]
    except OSError as problem:
        print(problem.strerror or problem)
        return 1
    print(dict(counts), files, "descriptors")
    return 1 if bad else 0


sys.exit(main())
