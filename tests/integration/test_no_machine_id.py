# SPDX-License-Identifier: Apache-2.0
"""A host, or a container, whose /etc/machine-id is empty: the D-Bus library fails when somebody asks for it."""

import harness
from harness import ENDPOINT_MAILBOX, MAILBOX

HIDDEN = ("unshare", "--mount", "--propagation", "private", "sh", "-ec", 'mount --bind /dev/null /etc/machine-id; exec "$@"', "sh")


def test_nobody_ends_doed_by_asking_for_it(bus, client, tmp_path):
    doed = harness.Doed(bus.address, tmp_path / "doed.log", "--backend", f"emulator:{harness.DEMO_TOPOLOGY}", runner=HIDDEN)
    try:
        doed.await_name(client)
        for _ in range(3):
            client.start(harness.ROOT, "org.freedesktop.DBus.Peer", "GetMachineId")
        assert client.invoke(ENDPOINT_MAILBOX, MAILBOX, "Discover")
        assert doed.process.poll() is None
    finally:
        code = doed.stop()
    assert code == 0, doed.log()
