# SPDX-License-Identifier: Apache-2.0
"""doectl where standard input, output or error are closed, or take nothing: its exit code is what it always is, and what is
for people is not sent to the bus."""

import fcntl
import json
import os
import select
import subprocess

import pytest

import harness
from harness import BUILD, PATIENCE_S

DOECTL = BUILD / "lib" / "client" / "doectl"


def in_shell(bus, words):
    return subprocess.run(["sh", "-c", f'exec "$0" --bus "$1" {words}', DOECTL, bus.address], stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True, timeout=PATIENCE_S, check=False)


@pytest.mark.parametrize("redirection", ["2>&-", "2>/dev/full"])
@pytest.mark.parametrize("words, code", [("frob", 2), ("show 7f:00.0", 3), ("release 0d:00.0 -- /nonexistent", 127)])
def test_a_failure_that_nobody_can_be_told_has_its_exit_code(doed, bus, words, code, redirection):
    assert in_shell(bus, f"{words} {redirection}").returncode == code


@pytest.mark.parametrize("command", ["list", "monitor", "cdat 0d:00.0 --raw", "stats --textfile"])
def test_a_closed_output_is_said_to_be_one(doed, bus, command):
    ended = in_shell(bus, f"{command} >&-")
    assert (ended.returncode, ended.stderr.split(";")[0]) == (
        1, "doectl: cannot write to standard output: Bad file descriptor")


def test_with_all_closed_the_answer_is_an_exit_code(doed, bus):
    assert in_shell(bus, "list <&- >&- 2>&-").returncode == 1


def test_without_input_and_error_there_is_output(doed, bus):
    ended = in_shell(bus, "list --no-legend <&- 2>&-")
    assert (ended.returncode, len(ended.stdout.splitlines())) == (0, 4)


def test_an_output_that_does_not_block_gets_everything(doed, bus):
    """As ssh makes it of what it shares with doectl: the smallest pipe, and a reader that comes late."""
    out, into = os.pipe()
    fcntl.fcntl(into, fcntl.F_SETPIPE_SZ, 4096)
    os.set_blocking(into, False)
    process = subprocess.Popen([DOECTL, "--bus", bus.address, "list", "--json=pretty"], stdout=into, stderr=subprocess.PIPE)
    harness.wait_until(lambda: not select.select([], [into], [], 0)[1], "the pipe to be full")
    os.close(into)
    with os.fdopen(out) as reader:
        assert len(json.loads(reader.read())["devices"]) == 3
    assert process.communicate(timeout=PATIENCE_S)[1] == b""
    assert process.returncode == 0
