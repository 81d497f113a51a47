# SPDX-License-Identifier: Apache-2.0
"""doectl monitor: what there is, what happens to it, and what becomes of the monitor itself."""

import fcntl
import json
import os
import select
import signal
import subprocess
import threading

import pytest

import harness
from harness import BUILD, CDAT, ENDPOINT_MAILBOX, MAILBOX, PATIENCE_S

DOECTL = BUILD / "lib" / "client" / "doectl"
ENDPOINT = "0000:0d:00.0/190"


class Monitor:
    """A doectl monitor whose lines are read as they come."""

    def __init__(self, *words):
        self.process = subprocess.Popen([DOECTL, *words], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                        stderr=subprocess.PIPE, text=True, preexec_fn=harness.die_with_parent)
        self.lines = []
        self.more = threading.Condition()
        self.reader = threading.Thread(target=self.read, daemon=True)
        self.reader.start()

    def read(self):
        for line in self.process.stdout:
            with self.more:
                self.lines.append(line.rstrip("\n"))
                self.more.notify_all()

    def wait_for(self, found, what):
        """Until found(lines) is true, whose value is returned."""
        with self.more:
            assert self.more.wait_for(lambda: found(self.lines), PATIENCE_S), f"waited in vain for {what}: {self.lines}"
            return found(self.lines)

    def events(self):
        with self.more:
            return [json.loads(line) for line in self.lines]

    def wait_for_event(self, **members):
        def found(lines):
            return [event for event in map(json.loads, lines) if members.items() <= event.items()]

        return self.wait_for(found, members)[-1]

    def end(self, number=signal.SIGTERM):
        """Its exit code and what it said on standard error."""
        if self.process.poll() is None:
            self.process.send_signal(number)
        code = self.process.wait(PATIENCE_S)
        self.reader.join(PATIENCE_S)
        said = self.process.stderr.read()
        self.process.stderr.close()
        self.process.stdout.close()
        return code, said


@pytest.fixture
def monitor(bus):
    started = []

    def start(*words):
        started.append(Monitor("--bus", bus.address, "monitor", *words))
        return started[-1]

    yield start
    for each in started:
        if each.process.poll() is None:
            each.process.kill()
            each.end()


def test_what_there_is_then_what_happens(doed, client, monitor):
    client.wait_for(ENDPOINT_MAILBOX, MAILBOX, "State", "idle")
    each = monitor()
    lines = each.wait_for(lambda lines: len(lines) >= 5 and list(lines), "four mailboxes")
    assert lines[0].split() == ["TIME", "MAILBOX", "EVENT", "WHAT"]
    assert [line.split()[1:3] for line in lines[1:5]] == [[name, "present"] for name in (
        ENDPOINT, "0000:0e:00.0/1a8", "0000:3b:00.0/160", "0000:3b:00.0/180")]
    client.invoke(ENDPOINT_MAILBOX, MAILBOX, "Reset")
    each.wait_for(lambda lines: any(line.endswith("starting -> idle") for line in lines), "the end of the reset")
    new = [line.split(maxsplit=3)[1:] for line in each.lines[5:]]
    assert new[0] == [ENDPOINT, "state", "idle -> starting"]
    assert each.end() == (0, "")


def test_json_is_an_object_a_line(doed, client, monitor):
    each = monitor("0d:00.0", "--json=pretty")
    present = each.wait_for_event(event="present")
    assert (present["device"], present["mailbox"]) == ("0000:0d:00.0", ENDPOINT)
    client.invoke(ENDPOINT_MAILBOX, CDAT, "GetTable")
    changed = each.wait_for_event(event="cdat-changed")
    assert changed["sequence"] == client.get(ENDPOINT_MAILBOX, CDAT, "Sequence")
    client.invoke(f"{harness.ROOT}/device/0000_3b_00_0/mailbox_160", MAILBOX, "Reset")
    client.invoke(ENDPOINT_MAILBOX, MAILBOX, "Reset")
    each.wait_for_event(event="state", to="starting")
    assert {event["device"] for event in each.events()} == {"0000:0d:00.0"}, "of no other device"
    assert all(event["schema"] == 1 for event in each.events())
    assert each.end(signal.SIGINT) == (0, "")


def test_a_device_that_goes_and_comes_back(start_doed, client, monitor):
    # From its 150th register access on the device is gone, for a moment.
    faults = [{"kind": "all-ones", "at": 150, "time_us": 1_500_000}]
    mailbox = {"offset": "0x190", "protocols": ["1e98:02"], "faults": faults}
    start_doed(harness.topology(harness.endpoint(mailboxes=[mailbox])))
    each = monitor("--json")
    each.wait_for_event(event="present", state="idle")
    gone = client.signals("org.freedesktop.DBus.ObjectManager", "InterfacesRemoved")
    while not gone:
        try:
            client.invoke(ENDPOINT_MAILBOX, CDAT, "Refresh")
        except harness.DBusError:
            harness.wait_until(lambda: gone, "the device to go")
    each.wait_for_event(event="mailbox-removed", mailbox=ENDPOINT)
    each.wait_for_event(event="device-removed", device="0000:0d:00.0", mailbox=None)
    each.wait_for_event(event="device-added", vendor_id="8086", device_id="0d93", class_code="050210")
    each.wait_for_event(event="mailbox-added", mailbox=ENDPOINT)
    assert each.end() == (0, "")


def test_a_doed_that_goes_is_waited_for(start_doed, bus, client, monitor):
    first = start_doed()
    each = monitor("--json", "0d:00.0")
    each.wait_for_event(event="present")
    first.kill()
    each.wait_for_event(event="daemon-gone")
    start_doed()
    each.wait_for_event(event="daemon-restarted")
    each.wait_for(lambda lines: sum('"present"' in line for line in lines) == 2, "the state of the new doed")
    client.invoke(ENDPOINT_MAILBOX, MAILBOX, "Reset")
    each.wait_for_event(event="state", to="starting")
    assert each.end() == (0, "")


def test_without_doed_it_waits(bus, start_doed, monitor):
    each = monitor()
    each.wait_for(lambda lines: any("daemon-gone" in line for line in lines), "being told that there is no doed")
    start_doed()
    each.wait_for(lambda lines: any(f"{ENDPOINT}   present" in line for line in lines), "doed")
    assert each.end() == (0, "")


def test_the_bus_ends(doed, bus, monitor):
    each = monitor()
    each.wait_for(lambda lines: len(lines) >= 5, "the mailboxes")
    bus.process.kill()
    doed.killed = True
    code = each.process.wait(PATIENCE_S)
    assert (code, each.end()[1].count("\n")) == (7, 1)


@pytest.mark.parametrize("with_event", [False, True])
def test_a_reader_that_goes_ends_it_quietly(doed, bus, client, with_event):
    """With the next line, and when nothing comes at all."""
    out, into = os.pipe()
    process = subprocess.Popen([DOECTL, "--bus", bus.address, "monitor"], stdout=into, stderr=subprocess.PIPE)
    os.close(into)
    with os.fdopen(out) as lines:
        while "3b:00.0/180" not in lines.readline():
            pass
    if with_event:
        client.invoke(ENDPOINT_MAILBOX, MAILBOX, "Reset")
    assert process.communicate(timeout=PATIENCE_S)[1] == b""
    assert process.returncode == 0


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_reader_that_has_stopped_does_not_keep_it(doed, bus, client, number):
    """Its pipe is full, and it has more to say."""
    out, into = os.pipe()
    fcntl.fcntl(into, fcntl.F_SETPIPE_SZ, 4096)
    process = subprocess.Popen([DOECTL, "--bus", bus.address, "monitor", "--json"], stdout=into, stderr=subprocess.PIPE)
    try:
        harness.wait_until(lambda: not select.select([], [into], [], 0)[1], "something to be said")
        for _ in range(40):
            client.invoke(ENDPOINT_MAILBOX, MAILBOX, "Reset")
        process.send_signal(number)
        assert process.communicate(timeout=PATIENCE_S)[1] == b""
        assert process.returncode == 0
    finally:
        process.kill()
        process.wait(PATIENCE_S)
        os.close(out)
        os.close(into)


def test_lost_events_are_told(doed, bus, client):
    """A reader that does not read stops the monitor; what doed cannot keep for it is counted."""
    out, into = os.pipe()
    # The smallest pipe there is, so that few lines fill it.
    fcntl.fcntl(into, fcntl.F_SETPIPE_SZ, 4096)
    process = subprocess.Popen([DOECTL, "--bus", bus.address, "monitor", "--json"], stdout=into, stderr=subprocess.PIPE)
    os.close(into)
    deadline = threading.Timer(3 * PATIENCE_S, process.kill)
    deadline.start()
    with os.fdopen(out) as lines:
        while "3b:00.0/180" not in lines.readline():
            pass
        for _ in range(300):
            client.invoke(ENDPOINT_MAILBOX, MAILBOX, "Reset")
        events = iter(lambda: json.loads(lines.readline()), None)
        lost = next(event for event in events if event["event"] == "lost")
        assert lost["lost"] > 0
        assert [next(events)["event"] for _ in range(4)] == ["present"] * 4
        process.terminate()
        lines.read()
    deadline.cancel()
    assert process.communicate(timeout=PATIENCE_S)[1] == b""
    assert process.returncode == 0
