# SPDX-License-Identifier: Apache-2.0
"""A slow device delays nobody but those who wait for it."""

import time

import harness
from harness import CDAT, ENDPOINT, ENDPOINT_MAILBOX, FACTOR, MAILBOX, ROOT

FAST_MAILBOX = f"{ROOT}/device/0000_0e_00_0/mailbox_190"


def slow_and_fast():
    return harness.topology(harness.endpoint(response_time_us=400_000),
                            harness.endpoint("0000:0e:00.0", response_time_us=0))


def test_properties_are_read_while_a_device_is_slow(start_doed, client):
    start_doed(slow_and_fast())
    slow = client.invoke_later(ENDPOINT_MAILBOX, CDAT, "GetTable")
    client.wait_for(ENDPOINT_MAILBOX, MAILBOX, "State", "busy")
    slowest = 0.0
    for _ in range(100):
        begin = time.monotonic()
        client.get_all(ENDPOINT_MAILBOX, MAILBOX)
        slowest = max(slowest, time.monotonic() - begin)
    assert not slow.done
    assert slowest < 0.1 * FACTOR


def test_another_device_is_read_meanwhile(start_doed, client):
    start_doed(slow_and_fast())
    slow = client.invoke_later(ENDPOINT_MAILBOX, CDAT, "GetTable")
    client.wait_for(ENDPOINT_MAILBOX, MAILBOX, "State", "busy")
    assert len(client.invoke(FAST_MAILBOX, CDAT, "GetTable")) == 160
    assert not slow.done


def test_a_device_that_is_slow_to_be_claimed_does_not_hold_up_the_service(start_doed, client):
    start_doed(harness.topology(harness.endpoint(response_time_us=3_000_000)), config={"exchange_timeout_ms": 10_000})
    assert client.get(ENDPOINT, "org.doed1.Device", "Address") == "0000:0d:00.0"
    assert client.get(ENDPOINT_MAILBOX, MAILBOX, "State") == "starting"
    assert CDAT not in client.objects()[ENDPOINT_MAILBOX]
    # What the mailbox offers is announced once it is known.
    added = client.signals("org.freedesktop.DBus.ObjectManager", "InterfacesAdded", ROOT)
    harness.wait_until(lambda: added, "InterfacesAdded")
    path, interfaces = added[0][1]
    assert path == ENDPOINT_MAILBOX
    assert interfaces[CDAT]["Source"] == "mailbox"
    client.wait_for(ENDPOINT_MAILBOX, MAILBOX, "State", "idle")
