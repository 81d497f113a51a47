# SPDX-License-Identifier: Apache-2.0
"""Devices whose config accesses block for seconds delay neither each other, nor sound devices, nor the service."""

import time

import pytest

import harness
from harness import CDAT, DBusError, FACTOR, MAILBOX, ROOT

BLOCKED_S = 4 * FACTOR
# Of what is to be answered although a device blocks: the default is shorter under a sanitizer.
DEADLINE = ("t", int(10 * BLOCKED_S * 1_000_000))
# More than doed has workers to begin with.
BLOCKED = 6
# A claim makes about 30 accesses, a table takes about 170 more.
IN_A_TABLE = 60
SOUND_MAILBOX = f"{ROOT}/device/0000_20_00_0/mailbox_190"


def blocked_mailbox(number):
    return f"{ROOT}/device/0000_{0x10 + number:02x}_00_0/mailbox_190"


def blocking(number):
    fault = {"kind": "slow-access", "at": IN_A_TABLE, "time_us": int(BLOCKED_S * 1_000_000)}
    return harness.endpoint(f"0000:{0x10 + number:02x}:00.0", response_time_us=0,
                            mailboxes=[{"offset": "0x190", "protocols": ["1e98:02"], "faults": [fault]}])


@pytest.fixture(name="readings")
def fixture_readings(start_doed, client):
    """Tables that are being read from devices that block all the while."""
    start_doed(harness.topology(*map(blocking, range(BLOCKED)), harness.endpoint("0000:20:00.0", response_time_us=0)))
    for number in range(BLOCKED):
        client.wait_for(blocked_mailbox(number), MAILBOX, "State", "idle")
    readings = [client.invoke_later(blocked_mailbox(number), CDAT, "GetTable", deadline_usec=DEADLINE)
                for number in range(BLOCKED)]
    for number in range(BLOCKED):
        client.wait_for(blocked_mailbox(number), MAILBOX, "State", "busy")
    # It is busy from its first exchange on, and blocks in a later one. The trace is given at once until then.
    with pytest.raises(DBusError):
        while not readings[0].done:
            client.invoke(blocked_mailbox(0), MAILBOX, "GetTrace", deadline_usec=("t", 200_000))
    return readings


def test_a_sound_device_is_read_meanwhile_and_the_rest_is_served_after_it(readings, client):
    for _ in range(5):
        assert len(client.invoke(SOUND_MAILBOX, CDAT, "GetTable", refresh=("b", True))) == 160
    assert not any(reading.done for reading in readings)
    for reading in readings:
        assert len(reading.result()) == 160


def test_properties_are_read_meanwhile(readings, client):
    slowest = 0.0
    for _ in range(100):
        begin = time.monotonic()
        client.get_all(blocked_mailbox(0), MAILBOX)
        slowest = max(slowest, time.monotonic() - begin)
    assert slowest < 0.1 * FACTOR
    assert not any(reading.done for reading in readings)


def test_who_waits_for_a_blocked_device_is_answered_at_the_deadline(readings, client):
    begin = time.monotonic()
    for method in "Discover", "Reset", "GetTrace", "Release":
        with pytest.raises(DBusError) as refused:
            client.invoke(blocked_mailbox(0), MAILBOX, method, deadline_usec=("t", 200_000))
        assert refused.value.name == "org.doed1.Error.DeadlineExceeded"
    assert time.monotonic() - begin < 0.8 + FACTOR
    assert not any(reading.done for reading in readings)


def test_what_was_given_up_still_counts_until_the_device_lets_go(readings, client):
    """Or whoever asks with short deadlines would fill the memory."""
    refusals = []
    for _ in range(40):
        with pytest.raises(DBusError) as refused:
            client.invoke(blocked_mailbox(0), MAILBOX, "Discover", deadline_usec=("t", 1))
        refusals.append(refused.value.name)
    assert refusals[0] == "org.doed1.Error.DeadlineExceeded"
    assert refusals[-1] == "org.doed1.Error.LimitsExceeded"
    for reading in readings:
        assert len(reading.result()) == 160
    assert client.invoke(blocked_mailbox(0), MAILBOX, "Discover") != []


def test_nobody_keeps_others_from_the_trace(readings, client):
    given_up = [client.invoke_later(blocked_mailbox(0), MAILBOX, "GetTrace", deadline_usec=("t", 1)) for _ in range(100)]
    for call in given_up:
        with pytest.raises(DBusError) as refused:
            call.result()
        assert refused.value.name == "org.doed1.Error.DeadlineExceeded"
    waits = client.invoke_later(blocked_mailbox(0), MAILBOX, "GetTrace", deadline_usec=DEADLINE)
    assert '"records"' in waits.result()
    for reading in readings:
        assert len(reading.result()) == 160


def test_calls_are_answered_when_doed_stops(start_doed, client):
    doed = start_doed(harness.topology(blocking(0)))
    client.wait_for(blocked_mailbox(0), MAILBOX, "State", "idle")
    calls = [client.invoke_later(blocked_mailbox(0), CDAT, "GetTable")]
    client.wait_for(blocked_mailbox(0), MAILBOX, "State", "busy")
    calls += [client.invoke_later(blocked_mailbox(0), MAILBOX, method) for method in ("Discover", "Reset", "GetTrace", "Release")]
    client.get(blocked_mailbox(0), MAILBOX, "State")  # they have come
    doed.signal()
    for call in calls:
        with pytest.raises(DBusError) as ended:
            call.result()
        assert ended.value.name == "org.doed1.Error.Cancelled"
        assert "mailbox 0x190" in ended.value.message
