# SPDX-License-Identifier: Apache-2.0
"""tests/fuzz/dbus_fuzz.py for a short time: whatever is sent to doed, it answers, takes no harm and keeps nothing."""

import json
import os
import random
import subprocess

import pytest

import harness
from harness import FACTOR, TOP

FUZZER = TOP / "tests/fuzz/dbus_fuzz.py"
# The lane fuzz gives each run a time; without one they make so many calls.
SECONDS = os.environ.get("DOED_FUZZ_SECONDS")
CALLS = 1000 if SECONDS is None else 1_000_000_000
# That of "nobody", who then may have devices read.
READERS = "nogroup"
# The address sanitizer keeps 256 MiB of what is freed, and looks for leaks itself.
MEMORY_MIB = 8 if FACTOR == 1 else 512
SEED = random.SystemRandom().randrange(1 << 32)


def host():
    """The demonstration's devices, a slow one, and one whose exchanges go wrong in several ways."""
    demo = json.loads(harness.DEMO_TOPOLOGY.read_text())["devices"]
    slow = harness.endpoint("0000:10:00.0", response_time_us={"min": 1000, "max": 20_000}, seed=1)
    faults = [{"kind": kind, "rate": 0.02} for kind in ("error-in-response", "error-in-read", "wrong-vendor", "long-object")]
    faulty = harness.endpoint("0000:11:00.0", response_time_us=500, seed=2, mailboxes=[
        {"offset": "0x190", "protocols": ["1e98:02"], "faults": [*faults, {"kind": "never-ready", "rate": 0.002}]}])
    return harness.topology(*demo, slow, faulty)


@pytest.mark.parametrize("user,group,seed", [
    ("root", None, 1), ("root", None, SEED), ("nobody", None, 1), ("nobody", READERS, SEED)],
    ids=["root", "root-random", "nobody", "reader-random"])
def test_no_call_does_harm(start_doed, bus, user, group, seed):
    doed = start_doed(host(), config={"reader_group": group} if group else None)
    seconds = float(SECONDS or 60 * FACTOR)
    words = ["--user", user, "--seed", seed, "--seconds", seconds, "--calls", CALLS, "--largest", 1,
             "--service-pid", doed.process.pid, "--memory", MEMORY_MIB, "--ping-ms", 50 * FACTOR,
             "--patience", 30 * FACTOR]
    ended = subprocess.run(["/usr/bin/python3", FUZZER, "--bus", bus.address, *map(str, words)], stdout=subprocess.PIPE,
                           stderr=subprocess.STDOUT, text=True, check=False, timeout=2 * seconds + 60 * FACTOR)
    print(ended.stdout)
    assert ended.returncode == 0, ended.stdout
