# SPDX-License-Identifier: Apache-2.0
"""Who may do what, as the shipped bus policy says: everybody looks, group doe reads, root resets and borrows."""

import grp
import subprocess

import pytest

import harness
from harness import CDAT, ENDPOINT_MAILBOX, MAILBOX, NOBODY, PATIENCE_S

METHODS = {"Discover": MAILBOX, "GetTrace": MAILBOX, "Reset": MAILBOX, "Release": MAILBOX, "GetTable": CDAT,
           "GetTableFd": CDAT, "Refresh": CDAT}


def busctl(bus, *words, groups=()):
    """busctl as nobody, with these additional groups; whether it succeeded and what it printed."""
    ended = subprocess.run(["busctl", f"--address={bus.address}", *words], stdout=subprocess.PIPE,
                           stderr=subprocess.STDOUT, text=True, timeout=PATIENCE_S, check=False, user=NOBODY,
                           group=NOBODY, extra_groups=list(groups), cwd="/")
    return ended.returncode == 0, ended.stdout


def invoke(bus, method, **who):
    return busctl(bus, "call", harness.NAME, ENDPOINT_MAILBOX, METHODS[method], method, "a{sv}", "0", **who)


def test_nobody_may_look(doed, bus):
    for words in (("tree", harness.NAME), ("introspect", harness.NAME, ENDPOINT_MAILBOX),
                  ("get-property", harness.NAME, ENDPOINT_MAILBOX, MAILBOX, "State"),
                  ("call", harness.NAME, harness.ROOT, "org.freedesktop.DBus.ObjectManager", "GetManagedObjects"),
                  ("call", harness.NAME, harness.ROOT, "org.freedesktop.DBus.Peer", "Ping")):
        succeeded, text = busctl(bus, *words)
        assert succeeded, text


@pytest.mark.parametrize("method", METHODS)
def test_nobody_may_not_use_a_device(doed, bus, method):
    succeeded, text = invoke(bus, method)
    assert not succeeded
    assert "Access denied" in text


def test_nobody_may_not_set_a_property(doed, bus):
    succeeded, text = busctl(bus, "set-property", harness.NAME, ENDPOINT_MAILBOX, MAILBOX, "Owner", "s", "me")
    assert not succeeded
    assert "Access denied" in text


@pytest.fixture
def group(tmp_path):
    """A group of this machine that stands for doe, which need not exist here."""
    return grp.getgrnam("users")


@pytest.fixture
def bus(tmp_path, group):
    policy = tmp_path / "policy.conf"
    policy.write_text(harness.POLICY.read_text().replace('group="doe"', f'group="{group.gr_name}"'))
    bus = harness.Bus(tmp_path, policy)
    yield bus
    bus.stop()


@pytest.mark.parametrize("method,may", [("Discover", True), ("GetTrace", True), ("GetTable", True),
                                        ("GetTableFd", True), ("Refresh", True), ("Reset", False),
                                        ("Release", False)])
def test_the_group_may_read_and_no_more(doed, bus, group, method, may):
    succeeded, text = invoke(bus, method, groups=[group.gr_gid])
    assert succeeded == may, text
