# SPDX-License-Identifier: Apache-2.0
"""Who may do what: everybody looks, the readers' group has devices read, root resets and borrows, and polkit lets others."""

import grp
import json
import subprocess

import pytest

import harness
from harness import CDAT, ENDPOINT_MAILBOX, MAILBOX, NOBODY, PATIENCE_S

METHODS = {"Discover": MAILBOX, "GetTrace": MAILBOX, "Reset": MAILBOX, "Release": MAILBOX, "GetTable": CDAT,
           "GetTableFd": CDAT, "GetJson": CDAT, "Refresh": CDAT}


def busctl(bus, *words, groups=()):
    """busctl as nobody, with these additional groups; whether it succeeded and what it printed."""
    ended = subprocess.run(["busctl", f"--address={bus.address}", *words], stdout=subprocess.PIPE,
                           stderr=subprocess.STDOUT, text=True, timeout=PATIENCE_S, check=False, user=NOBODY,
                           group=NOBODY, extra_groups=list(groups), cwd="/")
    return ended.returncode == 0, ended.stdout


def test_nobody_may_look(doed, bus):
    for words in (("tree", harness.NAME), ("introspect", harness.NAME, ENDPOINT_MAILBOX),
                  ("get-property", harness.NAME, ENDPOINT_MAILBOX, MAILBOX, "State"),
                  ("call", harness.NAME, harness.ROOT, "org.freedesktop.DBus.ObjectManager", "GetManagedObjects"),
                  ("call", harness.NAME, harness.ROOT, "org.freedesktop.DBus.Peer", "Ping")):
        succeeded, text = busctl(bus, *words)
        assert succeeded, text


@pytest.fixture
def group():
    """A group of this machine that stands for doe, which need not exist here."""
    return grp.getgrnam("users")


@pytest.fixture
def doed(start_doed, group):
    return start_doed(config={"reader_group": group.gr_name})


@pytest.fixture
def bus(tmp_path):
    """A bus with room for polkit."""
    policy = tmp_path / "policy.conf"
    policy.write_text(harness.POLICY.read_text().replace("</busconfig>", harness.FakePolkit.RULES + "</busconfig>"))
    bus = harness.Bus(tmp_path, policy)
    yield bus
    bus.stop()


@pytest.fixture
def polkit(bus):
    polkit = harness.FakePolkit(bus.address)
    yield polkit
    polkit.stop()


@pytest.fixture
def nobody(bus):
    """A client of nobody's: a process of its own makes its calls."""
    return NobodysCalls(bus)


# busctl has a sentence of its own for a call that is denied, and does not print ours.
CALL = """
import json, sys
import gi
gi.require_version("Gio", "2.0")
from gi.repository import Gio, GLib
address, path, interface, method, options = sys.argv[1:]
flags = Gio.DBusConnectionFlags
bus = Gio.DBusConnection.new_for_address_sync(
    address, flags.AUTHENTICATION_CLIENT | flags.MESSAGE_BUS_CONNECTION, None, None)
options = {key: GLib.Variant(*value) for key, value in json.loads(options).items()}
try:
    bus.call_with_unix_fd_list_sync("org.doed1", path, interface, method, GLib.Variant("(a{sv})", (options,)), None,
                                    Gio.DBusCallFlags.NO_AUTO_START, 60000, None, None)
except GLib.Error as error:
    sys.exit(error.message)
"""


class NobodysCalls:
    def __init__(self, bus):
        self.bus = bus

    def start(self, method, groups=(), **options):
        """A call that goes on by itself, so that this process can be polkit meanwhile."""
        words = ["/usr/bin/python3", "-c", CALL, self.bus.address, ENDPOINT_MAILBOX, METHODS[method], method,
                 json.dumps({key.replace("_", "-"): value for key, value in options.items()})]
        return subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, user=NOBODY,
                                group=NOBODY, extra_groups=list(groups), cwd="/", preexec_fn=harness.die_with_parent)

    def call(self, method, groups=(), patience_s=harness.PATIENCE_S, **options):
        process = self.start(method, groups, **options)
        harness.wait_until(lambda: process.poll() is not None, f"{method} to end", patience_s, tick_ms=20)
        return process.returncode == 0, process.communicate()[0]


@pytest.mark.parametrize("method", METHODS)
def test_nobody_may_not_use_a_device(doed, nobody, group, method):
    """There is no polkit on this bus."""
    succeeded, text = nobody.call(method)
    assert not succeeded
    needed = "root or polkit" if method in ("Reset", "Release") else f"group {group.gr_name}, root, or polkit"
    assert f"{METHODS[method]}.{method} needs {needed}" in text
    assert "polkit cannot be asked: " in text
    assert doed.log().count(" is denied to user 65534") == 1


def test_nobody_may_not_set_a_property(doed, bus):
    succeeded, text = busctl(bus, "set-property", harness.NAME, ENDPOINT_MAILBOX, MAILBOX, "Owner", "s", "me")
    assert not succeeded
    assert "Access denied" in text


@pytest.mark.parametrize("method,may", [("Discover", True), ("GetTrace", True), ("GetTable", True),
                                        ("GetTableFd", True), ("GetJson", True), ("Refresh", True), ("Reset", False),
                                        ("Release", False)])
def test_the_group_may_read_and_no_more(doed, nobody, group, method, may):
    succeeded, text = nobody.call(method, groups=[group.gr_gid])
    assert succeeded == may, text


@pytest.mark.parametrize("method", METHODS)
def test_polkit_lets_others(doed, polkit, nobody, method):
    polkit.verdict = (True, False)
    succeeded, text = nobody.call(method)
    assert succeeded, text
    [(kind, details, action, flags, _)] = polkit.asked
    assert kind == "system-bus-name"
    assert details["name"].startswith(":")
    assert action == ("org.doed1.manage" if method in ("Reset", "Release") else "org.doed1.read-cdat")
    assert flags == 0


def test_polkit_does_not_let_others(doed, polkit, nobody):
    succeeded, text = nobody.call("GetTable")
    assert not succeeded
    assert "polkit does not allow it" in text


def test_nobody_is_asked_unless_the_caller_wants_so(doed, polkit, nobody):
    polkit.verdict = (False, True)
    succeeded, text = nobody.call("Reset")
    assert not succeeded
    assert 'somebody would have to be asked, which takes the option "interactive"' in text
    nobody.call("Reset", interactive=("b", True))
    assert [flags for _, _, _, flags, _ in polkit.asked] == [0, 1]


def test_a_question_ends_with_who_asked(doed, polkit, nobody, client):
    polkit.verdict = None
    process = nobody.start("GetTable")
    harness.wait_until(lambda: polkit.asked, "the question")
    process.kill()
    process.communicate()
    harness.wait_until(lambda: polkit.cancelled, "its end")
    assert polkit.cancelled == [polkit.asked[0][4]]
    polkit.answer(True)
    assert client.invoke(ENDPOINT_MAILBOX, CDAT, "GetTable")


def test_a_question_ends_at_the_deadline(doed, polkit, nobody):
    polkit.verdict = None
    succeeded, text = nobody.call("GetTable", deadline_usec=("t", 200000))
    assert not succeeded
    assert "DeadlineExceeded" in text or "polkit has not decided in time" in text
    harness.wait_until(lambda: polkit.cancelled, "its end")


def test_a_question_for_which_nobody_has_to_be_asked_ends_long_before_a_long_deadline(doed, polkit, nobody):
    polkit.verdict = None
    succeeded, text = nobody.call("GetTable", patience_s=30, deadline_usec=("t", 60_000_000))
    assert not succeeded
    assert "AccessDenied" in text
    assert "polkit cannot be asked" in text
    harness.wait_until(lambda: polkit.cancelled, "its end")


def test_a_reader_that_refreshes_too_often_needs_more(start_doed, polkit, nobody, group):
    start_doed(config={"reader_group": group.gr_name, "refresh_limit": 2})
    outcomes = [nobody.call("Refresh", groups=[group.gr_gid])[0] for _ in range(2)]
    assert outcomes == [True, True]
    while nobody.call("Refresh", groups=[group.gr_gid])[0]:
        pass
    assert {action for _, _, action, _, _ in polkit.asked} == {"org.doed1.manage"}
