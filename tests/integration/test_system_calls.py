# SPDX-License-Identifier: Apache-2.0
"""What an exchange costs in system calls, on emulated devices, whose accesses take none: nothing when the response is there at
once, and what looking at the device needs when it is not."""

import re
import subprocess

import harness
from harness import CDAT, ENDPOINT_MAILBOX

ENTRIES = 200
# Of one refresh beside its exchanges: the call, its answer, signals, and the ways between the threads.
OF_A_CALL = 100


def many_entries():
    """A table of ENTRIES structures of a reserved type, each an exchange of its own."""
    size = 16 + ENTRIES * 8
    table = bytearray(size.to_bytes(4, "little") + bytes([1, 0]) + bytes(6) + (1).to_bytes(4, "little"))
    for number in range(ENTRIES):
        table += bytes([0xC0, 0, 8, 0]) + number.to_bytes(4, "little")
    table[5] = -sum(table) & 0xFF
    return bytes(table)


def calls_of_a_refresh(start_doed, client, tmp_path, response_time_us):
    """System calls of doed, by name, while it reads the table once more."""
    (tmp_path / "table").write_bytes(many_entries())
    doed = start_doed(harness.topology(harness.endpoint(response_time_us=response_time_us, cdat="table")))
    client.invoke(ENDPOINT_MAILBOX, CDAT, "Refresh")
    trace = tmp_path / "trace"
    with subprocess.Popen(["strace", "-f", "-o", trace, "-p", str(doed.process.pid)], stderr=subprocess.PIPE,
                          text=True, preexec_fn=harness.die_with_parent) as strace:
        assert "attached" in strace.stderr.readline()
        client.invoke(ENDPOINT_MAILBOX, CDAT, "Refresh")
        strace.terminate()
    names = re.findall(r"^\d+ +(\w+)\(", trace.read_text(), re.M)
    return {name: names.count(name) for name in names}


def test_exchanges_whose_responses_are_there_at_once_take_no_system_call(start_doed, client, tmp_path):
    calls = calls_of_a_refresh(start_doed, client, tmp_path, 0)
    assert calls["sendmsg"] > 0, "the answer was not seen being sent"
    assert sum(calls.values()) < OF_A_CALL * harness.FACTOR, calls


def test_exchanges_that_wait_take_only_what_timers_and_their_threads_need(start_doed, client, tmp_path):
    calls = calls_of_a_refresh(start_doed, client, tmp_path, 1000)
    of_waiting = {"epoll_wait", "epoll_ctl", "timerfd_settime", "futex", "read", "write"}
    beside = sum(count for name, count in calls.items() if name not in of_waiting)
    assert calls["timerfd_settime"] >= ENTRIES, "nobody waited"
    assert beside < OF_A_CALL * harness.FACTOR, calls
    # A few looks for each response, which are a timer, the wait for it, and a thread that takes its turn at waiting.
    assert sum(calls.values()) < 60 * ENTRIES, calls
