# SPDX-License-Identifier: Apache-2.0
"""Every D-Bus error name that can be brought about from outside, and that its message names mailbox and cause."""

import pytest

import harness
from harness import CDAT, DBusError, ENDPOINT_MAILBOX, MAILBOX

WHERE = "0000:0d:00.0 mailbox 0x190"


def error_of(call, *arguments, **options):
    with pytest.raises(DBusError) as ended:
        call(*arguments, **options)
    return ended.value


def test_deadline_exceeded(start_doed, client):
    start_doed(harness.topology(harness.endpoint(response_time_us=100_000)))
    error = error_of(client.invoke, ENDPOINT_MAILBOX, CDAT, "GetTable", deadline_usec=("t", 150_000))
    assert error.name == "org.doed1.Error.DeadlineExceeded"
    assert WHERE in error.message


def test_the_configured_deadline_holds_for_calls_that_name_none(start_doed, client):
    start_doed(harness.topology(harness.endpoint(response_time_us=100_000)), config={"default_deadline_ms": 150})
    assert error_of(client.invoke, ENDPOINT_MAILBOX, CDAT, "GetTable").name == "org.doed1.Error.DeadlineExceeded"


def test_limits_exceeded(start_doed, client):
    start_doed(harness.topology(harness.endpoint(response_time_us=100_000)), config={"queue_limit": 2})
    calls = [client.invoke_later(ENDPOINT_MAILBOX, CDAT, "Refresh") for _ in range(3)]
    error = error_of(calls[2].result)
    assert error.name == "org.doed1.Error.LimitsExceeded"
    assert WHERE in error.message
    for call in calls[:2]:
        call.result()


def test_dead(start_doed, client):
    doed = start_doed(harness.topology(harness.endpoint(abort_time_us=60_000_000)))
    client.wait_for(ENDPOINT_MAILBOX, MAILBOX, "State", "dead")
    assert WHERE in client.get(ENDPOINT_MAILBOX, MAILBOX, "LastError")
    error = error_of(client.invoke, ENDPOINT_MAILBOX, MAILBOX, "Discover")
    assert error.name == "org.doed1.Error.Dead"
    assert WHERE in error.message
    assert CDAT not in client.objects()[ENDPOINT_MAILBOX]
    assert doed.log().count(WHERE) == 1, "it is logged once, however often it is tried again"


def test_timeout(start_doed, client):
    # With this seed discovery is answered within 100 ms each, and the exchange after it not for 8.9 s.
    start_doed(harness.topology(harness.endpoint(response_time_us={"min": 0, "max": 10_000_000}, seed=6433)))
    client.wait_for(ENDPOINT_MAILBOX, MAILBOX, "State", "idle")
    error = error_of(client.invoke, ENDPOINT_MAILBOX, CDAT, "GetTable")
    assert error.name == "org.doed1.Error.Timeout"
    assert WHERE in error.message
    assert WHERE in client.get(ENDPOINT_MAILBOX, MAILBOX, "LastError")
    assert client.get(ENDPOINT_MAILBOX, MAILBOX, "Timeouts") == 1
    client.wait_for(ENDPOINT_MAILBOX, MAILBOX, "State", "idle")


# A claim makes two exchanges and about 30 accesses; a table takes seven exchanges and about 170 accesses.
@pytest.mark.parametrize("kind, keys, name, cause", [
    ("error-at-go", {"at": 5}, "DeviceError", "Error is set instead of a response"),
    ("error-in-read", {"at": 5, "dwords": 2}, "DeviceError", "Error was set while the response was read"),
    ("wrong-type", {"at": 5}, "Malformed", "1e98:82"),
    ("length-one", {"at": 5}, "Malformed", "1 dwords"),
    ("never-ready", {"at": 5}, "Timeout", "no response"),
    ("stuck-busy", {"at": 5}, "Busy", "Busy did not clear"),
    ("access-fails", {"at": 100}, "IOError", "refused by the fault script"),
])
def test_a_misbehaving_device_costs_one_call(start_doed, client, kind, keys, name, cause):
    fault = {"kind": kind, **keys}
    start_doed(harness.topology(harness.endpoint(
        response_time_us=0, mailboxes=[{"offset": "0x190", "protocols": ["1e98:02"], "faults": [fault]}])))
    client.wait_for(ENDPOINT_MAILBOX, MAILBOX, "State", "idle")
    error = error_of(client.invoke, ENDPOINT_MAILBOX, CDAT, "GetTable")
    assert error.name.rpartition(".")[2] == name
    assert WHERE + ": " in error.message and cause in error.message
    assert len(client.invoke(ENDPOINT_MAILBOX, CDAT, "GetTable")) == 160


def test_a_device_that_vanishes_in_the_middle(start_doed, client):
    fault = {"kind": "all-ones", "at": 100, "time_us": 60_000_000}
    start_doed(harness.topology(harness.endpoint(
        response_time_us=0, mailboxes=[{"offset": "0x190", "protocols": ["1e98:02"], "faults": [fault]}])))
    client.wait_for(ENDPOINT_MAILBOX, MAILBOX, "State", "idle")
    error = error_of(client.invoke, ENDPOINT_MAILBOX, CDAT, "GetTable")
    assert error.name == "org.doed1.Error.DeviceGone"
    assert WHERE in error.message


def test_unknown_object(doed, client):
    error = error_of(client.invoke, f"{harness.ROOT}/device/0000_7f_1f_7/mailbox_190", MAILBOX, "Discover")
    assert error.name == "org.freedesktop.DBus.Error.UnknownObject"
