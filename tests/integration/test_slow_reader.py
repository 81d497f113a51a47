# SPDX-License-Identifier: Apache-2.0
"""A client that asks and never reads what it gets: its answers wait at the bus, within the bus's limits, and not in doed."""

import sys
import threading
import time

import pytest

import harness
from harness import CDAT, ENDPOINT_MAILBOX, FACTOR, MAILBOX, NAME, TOP

sys.path.insert(0, str(TOP / "tests/fuzz"))
import dbus_wire  # noqa: E402

TABLE_BYTES = 60_000
CALLS = 3000
MEMORY_MIB = 48 if FACTOR == 1 else 1024


def resident_mib(pid):
    with open(f"/proc/{pid}/status", encoding="ascii") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("RssAnon:")) / 1024


@pytest.fixture
def glutton(bus):
    connection = dbus_wire.Connection(bus.address, harness.PATIENCE_S)
    yield connection
    connection.close()


def test_answers_that_nobody_reads_burden_nobody_else(start_doed, bus, client, glutton, tmp_path):
    table = tmp_path / "table.cdat"
    table.write_bytes(harness.make_table(TABLE_BYTES))
    doed = start_doed(harness.topology(harness.endpoint("0000:0d:00.0", cdat=str(table))))
    assert len(client.invoke(ENDPOINT_MAILBOX, CDAT, "GetTable")) == TABLE_BYTES
    before = resident_mib(doed.process.pid)

    message = dbus_wire.Message(destination=NAME, path=ENDPOINT_MAILBOX, interface=CDAT, member="GetTable",
                                signature="a{sv}", arguments=([],))
    sent = []

    def ask():
        # The bus may stop taking calls of a connection that leaves its answers lying.
        try:
            for _ in range(CALLS):
                sent.append(glutton.send(message))
        except (TimeoutError, dbus_wire.Closed, OSError):
            pass

    asking = threading.Thread(target=ask, daemon=True)
    asking.start()
    slowest, most, looks = 0.0, 0.0, 0
    end = time.monotonic() + 2 * FACTOR
    while time.monotonic() < end:
        begin = time.monotonic()
        assert client.get(ENDPOINT_MAILBOX, MAILBOX, "Owner") == "daemon"
        slowest = max(slowest, time.monotonic() - begin)
        most = max(most, resident_mib(doed.process.pid))
        looks += 1
    assert len(sent) * TABLE_BYTES > 2 * MEMORY_MIB * 2**20 or FACTOR > 1, "there would be enough to hoard"
    assert most - before < MEMORY_MIB, f"doed grew from {before:.0f} to {most:.0f} MiB after {len(sent)} calls"
    assert slowest < 1.0 * FACTOR, f"another client waited {slowest:.3f} s, in {looks} calls"
    glutton.close()
    asking.join(harness.PATIENCE_S)
    assert len(client.invoke(ENDPOINT_MAILBOX, CDAT, "GetTable")) == TABLE_BYTES
