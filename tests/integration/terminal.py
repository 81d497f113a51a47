# SPDX-License-Identifier: Apache-2.0
"""A program on a terminal of its own, which a test types to and reads from."""

import os
import pty
import select
import signal
import time

from harness import PATIENCE_S


class Terminal:
    def __init__(self, words, env):
        self.seen = ""
        self.pid, self.master = pty.fork()
        if self.pid == 0:
            try:
                os.execvpe(words[0], list(map(str, words)), env)
            finally:
                os._exit(127)

    def type(self, text):
        os.write(self.master, text.encode())

    def read_until(self, done, what):
        """Until done(everything seen so far) is true, whose value is returned; or the end of the program."""
        deadline = time.monotonic() + PATIENCE_S
        while not (value := done(self.seen)):
            left = deadline - time.monotonic()
            assert left > 0 and select.select([self.master], [], [], left)[0], f"waited in vain for {what}: {self.seen!r}"
            try:
                part = os.read(self.master, 65536)
            except OSError:
                part = b""
            assert part, f"ended before {what}: {self.seen!r}"
            self.seen += part.decode(errors="replace")
        return value

    def wait(self):
        """Reads to the end, and returns the exit code."""
        deadline = time.monotonic() + PATIENCE_S
        while True:
            left = deadline - time.monotonic()
            assert left > 0 and select.select([self.master], [], [], left)[0], f"waited in vain for the end: {self.seen!r}"
            try:
                part = os.read(self.master, 65536)
            except OSError:
                part = b""
            if not part:
                break
            self.seen += part.decode(errors="replace")
        _, status = os.waitpid(self.pid, 0)
        self.pid = None
        return os.waitstatus_to_exitcode(status)

    def close(self):
        if self.pid is not None:
            os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)
        os.close(self.master)
