# SPDX-License-Identifier: Apache-2.0
"""libdoed in a program in C, against the real daemon: tables, thousands of calls, the end of doed in the middle of them, and
events across it."""

import os
import re
import select
import signal
import subprocess
import time

import pytest

from harness import BUILD, CDAT, ENDPOINT_MAILBOX, MAILBOX, PATIENCE_S, die_with_parent

USER = BUILD / "tests" / "integration" / "libdoed-user"
CALLS = 10_000


class User:
    """The program, and what it prints line by line."""

    def __init__(self, *arguments, env=None):
        self.process = subprocess.Popen([USER, *map(str, arguments)], env={**os.environ, **(env or {})}, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        text=True, bufsize=1, preexec_fn=die_with_parent)
        self.lines = []

    def line(self, patience_s=PATIENCE_S):
        """The next one."""
        deadline = time.monotonic() + patience_s
        # A byte at a time: what Python buffers, select does not see.
        text = ""
        while not text.endswith("\n"):
            ready, _, _ = select.select([self.process.stdout], [], [], max(0, deadline - time.monotonic()))
            assert ready, f"the program said no more than {self.lines} {text!r}"
            byte = self.process.stdout.buffer.raw.read(1).decode()
            assert byte, f"the program ended after {self.lines}"
            text += byte
        self.lines.append(text.rstrip("\n"))
        return self.lines[-1]

    def line_with(self, word):
        """The next one that begins so."""
        while not self.line().startswith(word):
            pass
        return self.lines[-1]

    def go_on(self):
        self.process.stdin.write("\n")

    def end(self, patience_s=PATIENCE_S):
        self.process.stdin.close()
        return self.process.wait(patience_s)


@pytest.fixture
def start_user(bus):
    users = []

    def start(command, *arguments, where=bus.address, env=None):
        users.append(User(command, where, *arguments, env=env))
        return users[-1]

    yield start
    for user in users:
        user.process.kill()
        user.process.wait()
        user.process.stdout.close()


def test_a_strangers_program_prints_each_range(doed, start_user):
    user = start_user("table")
    assert user.line() == "0000:0d:00.0/190 268435456 150000 16000"
    assert user.end() == 0


def test_without_doed_the_error_says_so(bus, client, start_user):
    user = start_user("table")
    assert user.line().startswith("snapshot: -3 org.freedesktop.DBus.Error.")
    assert user.end() == 1


def test_every_callback_of_ten_thousand_calls_comes_once_though_doed_is_killed(doed, start_user):
    user = start_user("storm", ENDPOINT_MAILBOX, CALLS)
    assert user.line(6 * PATIENCE_S) == "middle"
    # The second half reaches a doed that takes nothing any more.
    doed.signal(signal.SIGSTOP)
    user.go_on()
    assert user.line(6 * PATIENCE_S) == "sent"
    doed.kill()
    user.go_on()
    last = user.line(6 * PATIENCE_S)
    count = {word: int(number) for word, number in re.findall(r"(\w+) (\d+)", last)}
    assert (count["told"], count["wrong"]) == (CALLS, 0), last
    assert count["cancelled"] == CALLS // 2
    # Those that doed had when it was killed, and those that were to follow.
    assert count["restart"] == 64
    assert count["away"] >= CALLS // 4 - 64
    assert count["good"] >= CALLS // 16
    assert count["good"] + count["again"] + count["restart"] + count["away"] == CALLS // 2
    assert user.end() == 0


def test_events_come_across_a_restart_of_doed(start_doed, client, start_user):
    doed = start_doed()
    user = start_user("events")
    assert user.line().startswith("subscribed ")
    assert user.line() == "snapshot 3"

    client.invoke(ENDPOINT_MAILBOX, MAILBOX, "Discover")
    assert user.line_with("state ").startswith("state 0000:0d:00.0/190 idle>busy")
    client.invoke(ENDPOINT_MAILBOX, CDAT, "GetTable")
    user.line_with("cdat-changed 0000:0d:00.0/190 ")

    doed.kill()
    user.line_with("daemon-gone ")
    start_doed()
    user.line_with("daemon-restarted ")
    assert user.line() == "snapshot 3"
    client.invoke(ENDPOINT_MAILBOX, CDAT, "GetTable")
    assert user.line_with("cdat-changed 0000:0d:00.0/190 ").endswith("lost 0")
    assert user.end() == 0


def test_events_begin_when_doed_does(bus, client, start_doed, start_user):
    user = start_user("events")
    assert user.line().startswith("daemon-gone ")
    start_doed()
    assert user.line().startswith("subscribed ")
    assert user.line() == "snapshot 3"
    assert user.end() == 0


@pytest.fixture
def remote(bus, tmp_path):
    """An environment in which ssh to the host "far" reaches the private bus, as systemd's bridge does it there. Through
    pipes, which carry no descriptors."""
    ssh = tmp_path / "ssh"
    ssh.write_text(f"""#!/bin/sh
case " $* " in *" far systemd-stdio-bridge "*) cat | systemd-stdio-bridge --bus-path={bus.address} | cat ;; *) exit 255 ;; esac
""")
    ssh.chmod(0o755)
    return {"PATH": f"{tmp_path}:{os.environ['PATH']}"}


def test_another_hosts_tables_come_over_ssh(doed, start_user, remote):
    user = start_user("table", where="far", env=remote)
    assert user.line() == "0000:0d:00.0/190 268435456 150000 16000"
    assert user.end() == 0


def test_events_do_not_come_over_ssh(doed, start_user, remote):
    user = start_user("events", where="far", env=remote)
    assert user.line().startswith("refused ")


def test_a_host_that_ssh_does_not_reach_is_told(start_user, remote):
    user = start_user("table", where="nowhere", env=remote)
    assert re.match(r"snapshot: -\d+  cannot connect to the system bus of nowhere: ", user.line())
    assert user.end() == 1
