# SPDX-License-Identifier: Apache-2.0
"""Whoever reads the log may go away: the service goes on and ends as it should."""

import os

import harness
from harness import ENDPOINT_MAILBOX, MAILBOX


def test_a_log_that_nobody_reads_does_not_end_the_service(bus, client, tmp_path):
    reader, writer = os.pipe()
    os.close(reader)
    doed = harness.Doed(bus.address, tmp_path / "unused.log", "--backend", f"emulator:{harness.DEMO_TOPOLOGY}",
                        stderr=writer)
    os.close(writer)
    try:
        doed.await_name(client)
        assert client.get(ENDPOINT_MAILBOX, MAILBOX, "State") == "idle"
    finally:
        assert doed.stop() == 0
