# SPDX-License-Identifier: Apache-2.0
"""A slow device delays nobody but those who wait for it."""

import subprocess
import time

import harness
from harness import BUILD, CDAT, ENDPOINT, ENDPOINT_MAILBOX, FACTOR, MAILBOX, PATIENCE_S, ROOT

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


def slow_to_be_claimed(start_doed, client):
    """A doed whose only mailbox is being claimed: it takes its name after two seconds, with three left."""
    fault = {"kind": "late-ready", "at": 1, "time_us": 5_000_000}
    mailbox = {"offset": "0x190", "protocols": ["1e98:02"], "faults": [fault]}
    start_doed(harness.topology(harness.endpoint(response_time_us=0, mailboxes=[mailbox])),
               config={"exchange_timeout_ms": 10_000})
    assert client.get(ENDPOINT_MAILBOX, MAILBOX, "State") == "starting"
    assert CDAT not in client.objects()[ENDPOINT_MAILBOX]


def doectl(bus, *words):
    return subprocess.run([BUILD / "lib/client/doectl", "--bus", bus.address, *words], stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, text=True, timeout=6 * PATIENCE_S, check=False)


def test_doectl_waits_until_a_mailbox_tells_whether_it_has_a_table(start_doed, bus, client):
    slow_to_be_claimed(start_doed, client)
    for command in (("cdat", "0d:00.0", "--check"), ("cdat", "--all", "--check")):
        ended = doectl(bus, "--timeout", str(int(5 * PATIENCE_S)), *command)
        assert (ended.returncode, ended.stdout, ended.stderr) == (0, "0000:0d:00.0/190: no problems\n", "")


def test_doectl_waits_no_longer_than_it_was_told(start_doed, bus, client):
    slow_to_be_claimed(start_doed, client)
    ended = doectl(bus, "--timeout", "0.1", "cdat", "0d:00.0")
    assert (ended.returncode, ended.stdout) == (6, "")
    assert ended.stderr.startswith("doectl: cannot tell whether 0000:0d:00.0/190 offers a CDAT: ")
    assert ended.stderr.endswith("(org.doed1.Error.DeadlineExceeded); allow more time with --timeout\n")
    assert client.get(ENDPOINT_MAILBOX, MAILBOX, "State") == "starting"
