# SPDX-License-Identifier: Apache-2.0
"""SIGTERM: waiters are answered, the exchange on the wire ends, the name is released, exit code 0, within 3 s."""

import signal
import time

import pytest

import harness
from harness import CDAT, DBusError, ENDPOINT_MAILBOX, FACTOR, MAILBOX

TIME_TO_STOP_S = 3 * FACTOR


def stop(doed, number=signal.SIGTERM):
    begin = time.monotonic()
    doed.signal(number)
    code = doed.wait()
    return code, time.monotonic() - begin


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_an_idle_service_stops_at_once(doed, client, number):
    code, time_s = stop(doed, number)
    assert (code, client.owner()) == (0, None)
    assert time_s < TIME_TO_STOP_S


def test_a_hangup_that_is_ignored_stays_so(bus, client, tmp_path):
    doed = harness.Doed(bus.address, tmp_path / "doed.log", "--backend", f"emulator:{harness.DEMO_TOPOLOGY}",
                        runner=["env", "--ignore-signal=HUP"])
    try:
        doed.await_name(client)
        doed.signal(signal.SIGHUP)
        # Had it been taken, this would be answered Cancelled, or not at all.
        assert client.invoke(ENDPOINT_MAILBOX, MAILBOX, "Discover")
        assert doed.process.poll() is None
    finally:
        code = doed.stop()
    assert code == 0


def test_a_stop_in_the_middle_of_an_exchange_answers_and_waits_for_the_device(start_doed, client):
    doed = start_doed(harness.topology(harness.endpoint(response_time_us=800_000)))
    running = client.invoke_later(ENDPOINT_MAILBOX, CDAT, "GetTable")
    waiting = client.invoke_later(ENDPOINT_MAILBOX, CDAT, "Refresh")
    client.wait_for(ENDPOINT_MAILBOX, MAILBOX, "State", "busy")
    code, time_s = stop(doed)
    assert (code, client.owner()) == (0, None)
    assert time_s < TIME_TO_STOP_S
    for call in (running, waiting):
        with pytest.raises(DBusError) as ended:
            call.result()
        assert ended.value.name == "org.doed1.Error.Cancelled"
    assert "did not let go" not in doed.log()


def test_a_device_that_hangs_does_not_hold_the_service(start_doed, client):
    doed = start_doed(harness.topology(harness.endpoint(response_time_us=60_000_000)),
                      config={"exchange_timeout_ms": 60_000})
    code, time_s = stop(doed)
    assert (code, client.owner()) == (0, None)
    assert time_s < TIME_TO_STOP_S
    assert "did not let go" in doed.log()


def test_a_lost_bus_ends_the_service_with_a_failure(bus, client, tmp_path):
    doed = harness.Doed(bus.address, tmp_path / "doed.log", "--backend", f"emulator:{harness.DEMO_TOPOLOGY}")
    doed.await_name(client)
    bus.process.terminate()
    assert doed.wait() == 1
    assert "connection to the bus is lost" in doed.log().splitlines()[-1]
