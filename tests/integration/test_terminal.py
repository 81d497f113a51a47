# SPDX-License-Identifier: Apache-2.0
"""What doectl shows on a terminal only: colours, a line for what takes long, polkit's question."""

import os
import subprocess

import pytest

import harness
from harness import BUILD, ENDPOINT_MAILBOX, MAILBOX, NOBODY, PATIENCE_S, FakePolkit
from terminal import Terminal

DOECTL = BUILD / "lib" / "client" / "doectl"
SLOW = {"response_time_us": 300_000}  # seven exchanges: two seconds


@pytest.fixture
def bus(tmp_path):
    """A bus with room for polkit."""
    policy = tmp_path / "policy.conf"
    policy.write_text(harness.POLICY.read_text().replace("</busconfig>", FakePolkit.RULES + "</busconfig>"))
    bus = harness.Bus(tmp_path, policy)
    yield bus
    bus.stop()


@pytest.fixture
def polkit(bus):
    polkit = FakePolkit(bus.address)
    polkit.verdict = None
    yield polkit
    polkit.stop()


@pytest.fixture
def on_terminal(bus):
    """A function that runs doectl to its end on a terminal, and returns (exit code, what was seen)."""

    def run(*words, **variables):
        env = {**os.environ, "TERM": "xterm", **variables}
        if "NO_COLOR" not in variables:
            env.pop("NO_COLOR", None)
        terminal = Terminal([DOECTL, "--bus", bus.address, *words], env)
        try:
            return terminal.wait(), terminal.seen.replace("\r\n", "\n")
        finally:
            terminal.close()

    return run


def in_pipes(bus, *words):
    return subprocess.run([DOECTL, "--bus", bus.address, *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                          timeout=PATIENCE_S, check=False, env={**os.environ, "TERM": "xterm"})


def test_colours_are_for_terminals(start_on_fake_host, fake_host, bus, on_terminal):
    fake_host.lock_down("integrity")
    start_on_fake_host()
    assert on_terminal("list")[1].count("\x1b[33mnone\x1b[0m") == 2, "state and owner"
    plain = in_pipes(bus, "list").stdout
    assert plain.count("none") == 2 and "\x1b" not in plain
    for variables in ({"NO_COLOR": "1"}, {"TERM": "dumb"}):
        assert on_terminal("list", **variables) == (0, plain)


def test_what_takes_long_is_told_and_taken_away(start_doed, bus, client, on_terminal):
    start_doed(harness.topology(harness.endpoint(**SLOW)))
    client.wait_for(ENDPOINT_MAILBOX, MAILBOX, "State", "idle")
    code, seen = on_terminal("cdat", "0d:00.0", "--refresh")
    assert code == 0
    shown, erased, report = seen.rpartition("\r\x1b[K")
    assert shown.startswith("\r\x1b[Kreading the CDAT of 0000:0d:00.0/190 (0 s)")
    assert erased and report.replace("\x1b[1m", "").startswith("CDAT of 0000:0d:00.0/190")
    ended = in_pipes(bus, "cdat", "0d:00.0", "--refresh")
    assert (ended.returncode, ended.stderr) == (0, "")


AS_NOBODY = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"]


@pytest.mark.parametrize("words,code", [((), 0), (("--no-ask-password",), 4)])
def test_polkit_may_ask_on_a_terminal_unless_told_not_to(doed, bus, polkit, words, code):
    """As somebody without any right: polkit says that somebody has to be asked, and yes once it may ask."""
    terminal = Terminal([*AS_NOBODY, DOECTL, "--bus", bus.address, *words, "discover", "0d:00.0"],
                        {**os.environ, "TERM": "dumb"})
    try:
        harness.wait_until(lambda: len(polkit.asked) == 1, "polkit to be asked")
        polkit.answer(False, True)
        if code == 0:
            harness.wait_until(lambda: len(polkit.asked) == 2, "polkit to be asked with a person")
            polkit.answer(True)
        assert terminal.wait() == code, terminal.seen
        assert ("0001:00" if code == 0 else "AccessDenied") in terminal.seen
        assert [flags for *_, flags, _ in polkit.asked] == [0, 1][:len(polkit.asked)]
    finally:
        terminal.close()


AGENT = """#!/bin/bash
echo "$@" >"$NOTES/words"
descriptor=${1#--notify-fd=}
exec {descriptor}>&-
trap 'echo ended >>"$NOTES/words"; exit' TERM
while :; do read -r -t 1000 <> <(:); done
"""


def test_the_agent_of_the_terminal_is_there_while_it_may_be_needed(doed, bus, polkit, tmp_path):
    (tmp_path / "pkttyagent").write_text(AGENT)
    (tmp_path / "pkttyagent").chmod(0o755)
    notes = tmp_path / "notes"
    notes.mkdir(mode=0o777)
    notes.chmod(0o777)
    terminal = Terminal([*AS_NOBODY, DOECTL, "--bus", bus.address, "discover", "0d:00.0"],
                        {**os.environ, "TERM": "dumb", "PATH": f"{tmp_path}:{os.environ['PATH']}", "NOTES": str(notes)})
    try:
        harness.wait_until(lambda: len(polkit.asked) == 1, "polkit to be asked")
        assert not (notes / "words").exists(), "nobody has to be asked yet"
        polkit.answer(False, True)
        harness.wait_until(lambda: len(polkit.asked) == 2, "polkit to be asked with a person")
        words = (notes / "words").read_text().split()
        assert words[0].startswith("--notify-fd=") and words[1:] == ["--fallback"]
        polkit.answer(True)
        assert terminal.wait() == 0, terminal.seen
        assert (notes / "words").read_text().endswith("\nended\n")
    finally:
        terminal.close()


def test_polkit_asks_nobody_without_a_terminal(doed, bus, polkit):
    process = subprocess.Popen([*AS_NOBODY, DOECTL, "--bus", bus.address, "discover", "0d:00.0"], stdin=subprocess.DEVNULL,
                               stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    harness.wait_until(lambda: polkit.asked, "polkit to be asked")
    polkit.answer(False, True)
    assert "join the group doe" in process.communicate(timeout=PATIENCE_S)[1]
    assert process.returncode == 4
    assert len(polkit.asked) == 1
