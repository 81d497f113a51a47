# SPDX-License-Identifier: Apache-2.0
"""doectl release on a terminal: its command is the job that a user sees, and gives the terminal back."""

import os
import pty
import select
import signal
import time

import pytest

from harness import BUILD, PATIENCE_S

DOECTL = BUILD / "lib" / "client" / "doectl"
LENT = "0d:00.0/190"
INTERRUPT, SUSPEND = b"\x03", b"\x1a"

# As a shell treats one job: gives it the terminal, takes it back when the job stops or ends, and at "fg" lets it go on.
SHELL = """
import os, signal, sys
signal.signal(signal.SIGTTOU, signal.SIG_IGN)
job = os.fork()
if job == 0:
    os.setpgid(0, 0)
    os.tcsetpgrp(0, os.getpid())
    signal.signal(signal.SIGTTOU, signal.SIG_DFL)
    os.execv(sys.argv[1], sys.argv[1:])
while True:
    _, status = os.waitpid(job, os.WUNTRACED)
    whose = "the job" if os.tcgetpgrp(0) == job else "another"
    os.tcsetpgrp(0, os.getpgrp())
    if not os.WIFSTOPPED(status):
        print("<ended", os.waitstatus_to_exitcode(status), "terminal of", whose + ">", flush=True)
        break
    print("<stopped, terminal of", whose + ">", flush=True)
    sys.stdin.readline()
    os.tcsetpgrp(0, job)
    os.killpg(job, signal.SIGCONT)
"""

# Says whether it is in the foreground, at its beginning and when it is continued, and what it is told. A signal may come within
# print(), which a handler must not enter again.
TOOL = r"""
import os, signal, sys
def say_where(*_):
    os.write(1, b"<foreground>\n" if os.tcgetpgrp(0) == os.getpgrp() else b"<background>\n")
signal.signal(signal.SIGINT, signal.SIG_DFL)
signal.signal(signal.SIGCONT, say_where)
say_where()
print("<told " + sys.stdin.readline().strip() + ">", flush=True)
sys.exit(7)
"""
PYTHON = "/usr/bin/python3"


class Terminal:
    """What a user at a terminal types and reads."""

    def __init__(self, *job):
        self.shown = b""
        self.pid, self.screen = pty.fork()
        if self.pid == 0:
            os.execv(PYTHON, [PYTHON, "-c", SHELL, *map(str, job)])

    def type(self, text):
        os.write(self.screen, text)

    def expect(self, text):
        deadline = time.monotonic() + PATIENCE_S
        while text not in self.shown:
            ready = select.select([self.screen], [], [], max(0, deadline - time.monotonic()))[0]
            assert ready, f"waited in vain for {text}: {self.shown}"
            try:
                self.shown += os.read(self.screen, 4096)
            except OSError:
                pytest.fail(f"ended before {text}: {self.shown}")
        self.shown = self.shown.partition(text)[2]

    def close(self):
        os.close(self.screen)  # hangs up on all of them
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)


@pytest.fixture
def terminal(doed, bus):
    opened = []

    def start(*words, runner=()):
        opened.append(Terminal(*runner, DOECTL, "--bus", bus.address, "release", LENT, "--", *words))
        return opened[0]

    yield start
    for one in opened:
        one.close()


def test_the_command_has_the_terminal_and_gives_it_back(terminal):
    user = terminal(PYTHON, "-c", TOOL)
    user.expect(b"<foreground>")
    user.type(b"this\n")
    user.expect(b"<told this>")
    user.expect(b"<ended 7 terminal of the job>")


def test_ctrl_c_is_for_the_command(terminal):
    user = terminal(PYTHON, "-c", TOOL)
    user.expect(b"<foreground>")
    user.type(INTERRUPT)
    user.expect(b"<ended %d terminal of the job>" % (128 + signal.SIGINT))


def test_ctrl_z_stops_the_job_and_fg_lets_it_go_on(terminal):
    user = terminal(PYTHON, "-c", TOOL)
    user.expect(b"<foreground>")
    for _ in range(3):
        user.type(SUSPEND)
        user.expect(b"<stopped, terminal of the job>")
        user.type(b"fg\n")
        user.expect(b"<foreground>")
    user.type(b"that\n")
    user.expect(b"<told that>")
    user.expect(b"<ended 7 terminal of the job>")


def test_a_command_whose_output_is_piped_gets_the_terminal_when_it_asks_for_it(terminal):
    user = terminal(PYTHON, "-c", TOOL, runner=("/bin/bash", "-c", 'set -o pipefail; "$@" | cat', "bash"))
    user.expect(b"<background>")
    user.type(b"this\n")
    user.expect(b"<told this>")
    user.expect(b"<ended 7 terminal of the job>")


def test_ctrl_c_reaches_a_command_whose_output_is_piped(terminal):
    tool = ("sh", "-c", "echo '<begun>'; exec sleep 1000")
    script = """trap : INT; "$@" | (trap '' INT; exec cat); echo "<over ${PIPESTATUS[0]}>" """
    user = terminal(*tool, runner=("/bin/bash", "-c", script, "bash"))
    user.expect(b"<begun>")
    user.type(INTERRUPT)
    user.expect(b"<over %d>" % (128 + signal.SIGINT))


def test_a_command_with_other_input_may_ask_at_the_terminal(terminal):
    tool = """
with open("/dev/tty") as terminal:
    print("<asks>", flush=True)
    print("<told " + terminal.readline().strip() + ">", flush=True)
"""
    user = terminal(PYTHON, "-c", tool, runner=("/bin/bash", "-c", '"$@" </dev/null; echo "<over $?>"', "bash"))
    user.expect(b"<asks>")
    user.type(b"this\n")
    user.expect(b"<told this>")
    user.expect(b"<over 0>")
