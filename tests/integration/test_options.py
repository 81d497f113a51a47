# SPDX-License-Identifier: Apache-2.0
"""Options: what a method does not know is refused, naming the key, and nothing is done."""

import os
import pathlib
import re
import subprocess

import pytest

from harness import CDAT, DBusError, ENDPOINT_MAILBOX, FACTOR, MAILBOX, NAME, PATIENCE_S

METHODS = [(MAILBOX, "Discover"), (MAILBOX, "Reset"), (CDAT, "GetTable"), (CDAT, "GetTableFd"), (CDAT, "Refresh")]


@pytest.mark.parametrize("interface,method", METHODS)
def test_an_unknown_key_is_refused_by_every_method(doed, client, interface, method):
    before = client.get(ENDPOINT_MAILBOX, MAILBOX, "Exchanges")
    with pytest.raises(DBusError) as refused:
        client.invoke(ENDPOINT_MAILBOX, interface, method, payload=("ay", b"\1\2"))
    assert refused.value.name == "org.freedesktop.DBus.Error.InvalidArgs"
    assert "'payload'" in refused.value.message
    assert client.get(ENDPOINT_MAILBOX, MAILBOX, "Exchanges") == before


@pytest.mark.parametrize("interface,method", METHODS)
def test_the_common_options_are_known_to_every_method(doed, client, interface, method):
    client.invoke(ENDPOINT_MAILBOX, interface, method, deadline_usec=("t", 5_000_000), interactive=("b", False))


@pytest.mark.parametrize("key,signature,value", [
    ("deadline_usec", "u", 5), ("deadline_usec", "s", "5"), ("refresh", "s", "yes"), ("interactive", "i", 1)])
def test_a_wrong_type_is_refused_naming_key_and_types(doed, client, key, signature, value):
    with pytest.raises(DBusError) as refused:
        client.invoke(ENDPOINT_MAILBOX, CDAT, "GetTable", **{key: (signature, value)})
    assert refused.value.name == "org.freedesktop.DBus.Error.InvalidArgs"
    assert f"'{key.replace('_', '-')}'" in refused.value.message
    assert f"'{signature}'" in refused.value.message


def test_refresh_is_an_option_of_reads_only(doed, client):
    for interface, method in ((MAILBOX, "Discover"), (CDAT, "Refresh")):
        with pytest.raises(DBusError) as refused:
            client.invoke(ENDPOINT_MAILBOX, interface, method, refresh=("b", True))
        assert refused.value.name == "org.freedesktop.DBus.Error.InvalidArgs"


def test_a_long_key_in_any_script_is_answered(doed, client):
    with pytest.raises(DBusError) as refused:
        client.invoke(ENDPOINT_MAILBOX, CDAT, "GetTable", **{"x" * 63 + "\u20ac" * 5000: ("b", True)})
    assert refused.value.name == "org.freedesktop.DBus.Error.InvalidArgs"


def test_options_that_nobody_knows_are_not_read(doed, client):
    """Or else one message could take hundreds of MiB and keep everybody waiting."""
    process = pathlib.Path(f"/proc/{doed.process.pid}")

    def spent():
        """MiB of memory at most so far, seconds of processor time."""
        peak = re.search(r"VmHWM:\s*(\d+) kB", (process / "status").read_text()).group(1)
        ticks = (process / "stat").read_text().rpartition(")")[2].split()[11:13]
        return int(peak) / 1024, sum(map(int, ticks)) / os.sysconf("SC_CLK_TCK")

    client.invoke(ENDPOINT_MAILBOX, CDAT, "GetTable")
    before = spent()
    with pytest.raises(DBusError) as refused:
        client.invoke(ENDPOINT_MAILBOX, CDAT, "GetTable", **{str(number): ("y", 1) for number in range(100_000)})
    assert refused.value.name == "org.freedesktop.DBus.Error.InvalidArgs"
    memory_mib, time_s = (after - then for after, then in zip(spent(), before))
    # The message itself as it comes in piece by piece, and no more. Sanitizers keep every piece.
    assert memory_mib < 16 * FACTOR**2
    assert time_s < 0.2 * FACTOR


def test_an_option_may_not_be_named_over_and_over(doed, bus):
    """No library's dictionary has a key twice; busctl sends what it is told."""
    words = [word for _ in range(17) for word in ("interactive", "b", "false")]
    ended = subprocess.run(["busctl", f"--address={bus.address}", "call", NAME, ENDPOINT_MAILBOX, CDAT, "GetTable",
                            "a{sv}", "17", *words], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                           timeout=PATIENCE_S, check=False)
    assert ended.returncode != 0
    assert "more than 16 options" in ended.stdout
