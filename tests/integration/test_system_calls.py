# SPDX-License-Identifier: Apache-2.0
"""What an exchange costs in looks, system calls and wake-ups, on emulated devices, whose accesses take none: nothing when the response is
there at once, and what looking at the device needs when it is not."""

import pathlib
import re
import subprocess

import pytest

import harness
from harness import CDAT, ENDPOINT_MAILBOX, MAILBOX

ENTRIES = 200
# The header of this table, whose sequence is not 0, is asked for once more at the end.
EXCHANGES = ENTRIES + 2
# Of a refresh by 8 + 2R accesses for the first exchange and 7 + 2R for each that follows, one look in each: the header comes in 7
# dwords, each entry in 5.
ACCESSES = 1 + 7 * EXCHANGES + 2 * (2 * 7 + 5 * ENTRIES)
# Of one refresh beside its exchanges: the call, its answer, signals, and the ways between the threads.
OF_A_CALL = 100
# For one response of a device that always takes as long, in the mean.
MOST_LOOKS = 3 * harness.FACTOR


def many_entries():
    """A table of ENTRIES structures of a reserved type, each an exchange of its own."""
    size = 16 + ENTRIES * 8
    table = bytearray(size.to_bytes(4, "little") + bytes([1, 0]) + bytes(6) + (1).to_bytes(4, "little"))
    for number in range(ENTRIES):
        table += bytes([0xC0, 0, 8, 0]) + number.to_bytes(4, "little")
    table[5] = -sum(table) & 0xFF
    return bytes(table)


def switches(doed):
    """How often threads of doed have given up their processor, to be woken later."""
    texts = (path.read_text() for path in pathlib.Path(f"/proc/{doed.process.pid}/task").glob("*/status"))
    return sum(int(re.search(r"^voluntary_ctxt_switches:\s+(\d+)", text, re.M)[1]) for text in texts)


def calls_of_a_refresh(doed, client, tmp_path):
    """System calls of doed, by name, while it reads the table once more; futex() by what it is for. And its looks for one response."""
    trace = tmp_path / "trace"
    with subprocess.Popen(["strace", "-f", "-o", trace, "-p", str(doed.process.pid)], stderr=subprocess.PIPE,
                          text=True, preexec_fn=harness.die_with_parent) as strace:
        assert "attached" in strace.stderr.readline()
        looks = looks_of_a_refresh(client)
        strace.terminate()
    names = [futex or name for name, futex in
             re.findall(r"^\d+ +(\w+)\((?:.*, (FUTEX_WAKE|FUTEX_WAIT))?", trace.read_text(), re.M)]
    return {name: names.count(name) for name in names}, looks


def looks_of_a_refresh(client):
    """How often doed looks at the device for one response, in the mean: what it does more is look again."""
    def accesses():
        return sum(client.get(ENDPOINT_MAILBOX, MAILBOX, name) for name in ("ConfigReads", "ConfigWrites"))

    before = accesses()
    client.invoke(ENDPOINT_MAILBOX, CDAT, "Refresh")
    return 1 + (accesses() - before - ACCESSES) / EXCHANGES


@pytest.fixture
def start(start_doed, client, tmp_path):
    def begin(response_time_us):
        (tmp_path / "table").write_bytes(many_entries())
        doed = start_doed(harness.topology(harness.endpoint(response_time_us=response_time_us, cdat="table")))
        client.invoke(ENDPOINT_MAILBOX, CDAT, "Refresh")
        return doed
    return begin


def test_exchanges_whose_responses_are_there_at_once_take_no_system_call(start, client, tmp_path):
    calls, _ = calls_of_a_refresh(start(0), client, tmp_path)
    assert calls["sendmsg"] > 0, "the answer was not seen being sent"
    assert sum(calls.values()) < OF_A_CALL * harness.FACTOR, calls


def test_exchanges_whose_responses_are_there_at_once_wake_no_thread(start, client):
    doed = start(0)
    before = switches(doed)
    client.invoke(ENDPOINT_MAILBOX, CDAT, "Refresh")
    assert switches(doed) - before < OF_A_CALL * harness.FACTOR


def test_responses_that_are_there_at_once_take_one_look(start, client):
    start(0)
    assert looks_of_a_refresh(client) == 1


@pytest.mark.parametrize("response_time_us", [1000, 5000])
def test_a_device_that_is_steady_is_looked_at_twice_for_a_response(start, client, response_time_us):
    start(response_time_us)
    # At the time that is usual, and now and then a little before it. A thread that is woken late leaves doed with a wrong idea of the
    # device, and that with more looks: one quiet refresh will do, with a few of these in it.
    means = []
    while len(means) < 8 and (not means or means[-1] >= MOST_LOOKS):
        means.append(looks_of_a_refresh(client))
    assert 1 < means[-1] < MOST_LOOKS, means


def test_exchanges_that_wait_take_only_what_timers_and_their_threads_need(start, client, tmp_path):
    calls, looks = calls_of_a_refresh(start(1000), client, tmp_path)
    of_waiting = {"epoll_wait", "epoll_ctl", "timerfd_settime", "FUTEX_WAKE", "FUTEX_WAIT", "read", "write"}
    beside = sum(count for name, count in calls.items() if name not in of_waiting)
    assert beside < OF_A_CALL * harness.FACTOR, calls
    # strace makes threads late.
    assert 1 < looks < 2 * MOST_LOOKS, calls
    looks *= EXCHANGES
    # Each look is a timer that is set, perhaps anew by the thread that it wakes, or comes after a pause that is too short to sleep.
    assert ENTRIES <= calls["timerfd_settime"] < 2 * looks + OF_A_CALL, calls
    # The thread that the timer wakes has another one take its turn at waiting for timers, and waits for its own turn: one of each,
    # and no more than another where threads are late, or meet at a lock; and a few for what an exchange posts.
    most = 2 * looks + 3 * EXCHANGES + OF_A_CALL
    wakes = sum(calls.get(name, 0) for name in ("FUTEX_WAKE", "epoll_ctl", "write"))
    waits = sum(calls.get(name, 0) for name in ("FUTEX_WAIT", "epoll_wait", "read"))
    assert wakes < most, calls
    assert waits < most, calls
