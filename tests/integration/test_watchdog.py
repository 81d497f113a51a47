# SPDX-License-Identifier: Apache-2.0
"""The watchdog is fed while doed works, whatever devices and the bus do, and not when doed itself is stuck."""

import os
import signal
import socket
import sys
import threading
import time

import pytest

import harness
from harness import CDAT, FACTOR, MAILBOX, MANAGER, PATIENCE_S, ROOT
from test_blocked_access import BLOCKED, DEADLINE, blocked_mailbox, blocking

sys.path.insert(0, str(harness.TOP / "tests/fuzz"))
import dbus_wire  # noqa: E402

# Longer for slow programs, but not as much longer as what has to come in time: every test waits for several of them.
INTERVAL_S = 2 if FACTOR == 1 else 5
HELD_UP = "an access to the device has not returned for "


class ServiceManager:
    """Listens where a service tells its state (sd_notify(3))."""

    def __init__(self, folder):
        self.path = str(folder / "notify")
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(self.path)
        self.news = threading.Condition()
        self.fed = []
        self.told = []
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self):
        while message := self.socket.recv(4096).decode():
            with self.news:
                self.told += message.split("\n")
                if message == "WATCHDOG=1":
                    self.fed.append(time.monotonic())
                self.news.notify_all()

    def environment(self):
        return {"NOTIFY_SOCKET": self.path, "WATCHDOG_USEC": str(int(INTERVAL_S * 1_000_000))}

    def await_fed(self, times):
        """Until it has been fed so often from now on."""
        with self.news:
            goal = len(self.fed) + times
            assert self.news.wait_for(lambda: len(self.fed) >= goal, PATIENCE_S + times * INTERVAL_S)

    def await_hunger(self):
        """Until it has not been fed for the interval, when systemd would end the service."""
        with self.news:
            deadline = time.monotonic() + PATIENCE_S + 3 * INTERVAL_S
            while (left := self.fed[-1] + INTERVAL_S - time.monotonic()) > 0:
                assert time.monotonic() < deadline, "it is fed on and on"
                self.news.wait(left)

    def longest_pause(self):
        with self.news:
            return max(later - earlier for earlier, later in zip(self.fed, self.fed[1:]))

    def stop(self):
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as end:
            end.sendto(b"", self.path)
        self.socket.close()


@pytest.fixture(name="manager")
def fixture_manager(tmp_path):
    manager = ServiceManager(tmp_path)
    yield manager
    manager.stop()


def test_it_is_fed_while_doed_is_idle_and_until_it_ends(start_doed, manager):
    doed = start_doed(env=manager.environment())
    manager.await_fed(6)
    assert doed.stop() == 0
    assert manager.longest_pause() < INTERVAL_S, doed.log()
    assert "READY=1" in manager.told
    assert "watchdog" not in doed.log()


def test_nobody_is_told_anything_without_an_interval(start_doed, manager, client):
    """And what is meant for another process does not concern this one."""
    doed = start_doed(env={**manager.environment(), "WATCHDOG_PID": str(os.getpid())})
    client.get_all(ROOT, MANAGER)
    assert doed.stop() == 0
    assert "READY=1" in manager.told
    assert manager.fed == []


def test_it_is_fed_while_more_devices_block_than_there_are_workers(start_doed, client, manager):
    doed = start_doed(harness.topology(*map(blocking, range(BLOCKED))), env=manager.environment())
    for number in range(BLOCKED):
        client.wait_for(blocked_mailbox(number), MAILBOX, "State", "idle")
    readings = [client.invoke_later(blocked_mailbox(number), CDAT, "GetTable", deadline_usec=DEADLINE)
                for number in range(BLOCKED)]
    for reading in readings:
        assert len(reading.result()) == 160
    manager.await_fed(2)
    assert manager.longest_pause() < INTERVAL_S, doed.log()
    assert "watchdog" not in doed.log()
    for number in range(BLOCKED):
        name = f"0000:{0x10 + number:02x}:00.0 mailbox 0x190: "
        assert doed.log().count(name + HELD_UP) == 1, doed.log()
        assert doed.log().count(name + "the access to the device has returned") == 1


def test_it_is_fed_while_somebody_floods_the_bus(start_doed, bus, manager):
    """Everything that doed gets then comes late, its own answers too."""
    doed = start_doed(env=manager.environment())
    manager.await_fed(2)
    connection = dbus_wire.Connection(bus.address, PATIENCE_S)
    message = dbus_wire.Message(flags=dbus_wire.NO_REPLY_EXPECTED, destination=harness.NAME, path=ROOT,
                                interface="org.freedesktop.DBus.ObjectManager", member="GetManagedObjects")
    end = time.monotonic() + 3 * INTERVAL_S
    sent = 0
    while time.monotonic() < end:
        connection.send(message)
        sent += 1
    connection.close()
    manager.await_fed(2)
    assert manager.longest_pause() < INTERVAL_S, f"{sent} calls; {doed.log()}"
    assert "stuck" not in doed.log()


def test_it_is_fed_while_the_bus_hangs(start_doed, bus, client, manager):
    doed = start_doed(env=manager.environment())
    manager.await_fed(1)
    bus.process.send_signal(signal.SIGSTOP)
    try:
        manager.await_fed(6)
    finally:
        bus.process.send_signal(signal.SIGCONT)
    assert doed.log().count("the bus does not answer") == 1
    client.get_all(ROOT, MANAGER)
    manager.await_fed(2)
    assert "the bus answers again" in doed.log()
    assert manager.longest_pause() < INTERVAL_S, doed.log()


STUCK = pytest.mark.parametrize("number, culprit", [
    (signal.SIGUSR1, "watchdog: the bus loop is stuck"),
    (signal.SIGUSR2, "watchdog: 0000:0d:00.0 mailbox 0x190 is stuck"),
])


@STUCK
def test_it_is_fed_no_more_when_doed_is_stuck(start_doed, client, manager, number, culprit):
    doed = start_doed(harness.topology(harness.endpoint()), env=manager.environment(), program=harness.DOED_STUCK)
    manager.await_fed(5)
    assert "watchdog" not in doed.log()
    doed.signal(number)
    manager.await_hunger()
    assert doed.log().count(culprit) == 1, doed.log()
    # What systemd does about it.
    doed.killed = True
    doed.signal(signal.SIGABRT)
    assert doed.wait() == -signal.SIGABRT
    start_doed(harness.topology(harness.endpoint()), env=manager.environment())
    assert len(client.invoke(harness.ENDPOINT_MAILBOX, CDAT, "GetTable")) == 160


def test_doed_itself_has_no_such_signals(start_doed):
    doed = start_doed()
    with open(f"/proc/{doed.process.pid}/status", encoding="ascii") as status:
        masks = dict(line.split(":\t") for line in status if line.startswith("Sig"))
    for name in "SigCgt", "SigBlk", "SigIgn":
        for number in signal.SIGUSR1, signal.SIGUSR2:
            assert not int(masks[name], 16) & 1 << (number - 1), (name, number)
