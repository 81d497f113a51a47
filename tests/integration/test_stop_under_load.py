# SPDX-License-Identifier: Apache-2.0
"""SIGTERM while many calls are in flight: doed ends with 0, and nothing is answered on a connection that is gone."""

import signal

import harness

CALLS = 100


def test_calls_in_flight_do_not_outlive_the_connection(tmp_path):
    bus = harness.Bus(tmp_path)
    try:
        client = harness.Client(bus.address)
        host = harness.FakeHost(tmp_path / "sys")
        host.add_cxl_port(harness.make_table(1 << 20))
        environment = {"RUNTIME_DIRECTORY": str(tmp_path / "run"), "MALLOC_PERTURB_": "165"}
        doed = harness.Doed(bus.address, tmp_path / "log", *host.options(), env=environment)
        doed.await_name(client)
        # Held while the calls arrive, so that they and the signal are there at the same time.
        doed.signal(signal.SIGSTOP)
        for _ in range(CALLS):
            client.invoke_later(host.MAILBOX, harness.CDAT, "GetTableFd")
        client.connection.flush_sync(None)
        doed.signal(signal.SIGTERM)
        doed.signal(signal.SIGCONT)
        assert doed.wait(30) == 0, doed.log()
    finally:
        bus.stop()
