# SPDX-License-Identifier: Apache-2.0
"""doectl -H: the doed of another host, through a real ssh and sshd."""

import subprocess

import pytest

import harness
from harness import BUILD, PATIENCE_S
from ssh_host import ALIAS, SshHost

DOECTL = BUILD / "lib" / "client" / "doectl"
LONG_TABLE_SIZE = 100_000


@pytest.fixture
def host(bus, tmp_path):
    host = SshHost(tmp_path)
    yield host
    host.stop()


def far(host, *words, where=ALIAS):
    return host.run(DOECTL, "-H", where, *words)


def here(bus, *words):
    return subprocess.run([DOECTL, "--bus", bus.address, *words], stdout=subprocess.PIPE, text=True, timeout=PATIENCE_S,
                          check=True).stdout


def test_everything_that_needs_no_descriptor(host, doed, bus):
    for words in (("list",), ("show", "0d:00.0"), ("cdat", "0d:00.0", "--summary"), ("cdat", "--all", "--json"),
                  ("discover", "3b:00.0/180")):
        ended = far(host, *words)
        assert ended.returncode == 0, ended.stderr
        assert ended.stdout == here(bus, *words), words
    assert far(host, "reset", "0d:00.0", where=f"root@{ALIAS}").returncode == 0
    assert here(bus, "trace", "0d:00.0", "--no-legend").count("reset") == 3


def test_a_table_that_is_too_long_for_a_message(host, start_doed, bus, tmp_path):
    (tmp_path / "table.bin").write_bytes(harness.make_table(LONG_TABLE_SIZE))
    start_doed(harness.topology(harness.endpoint(cdat=str(tmp_path / "table.bin"))))
    assert here(bus, "cdat", "0d:00.0").startswith(f"CDAT of 0000:0d:00.0/190, from the mailbox: {LONG_TABLE_SIZE}")
    ended = far(host, "cdat", "0d:00.0")
    assert (ended.returncode, ended.stdout) == (1, "")
    assert "64 KiB" in ended.stderr
    assert f"run it on that host: ssh {ALIAS} doectl cdat 0000:0d:00.0/190 --raw" in ended.stderr
    assert far(host, "list").returncode == 0, "the connection is not to blame"


def test_a_lease_stays_where_it_is(host, doed):
    ended = far(host, "release", "0d:00.0", "--", "true")
    assert ended.returncode == 2
    assert f"ssh {ALIAS} doectl release 0d:00.0 -- COMMAND" in ended.stderr


def test_no_doed_over_there(host):
    ended = far(host, "list")
    assert ended.returncode == 7
    assert f"systemctl -H {ALIAS} status doed" in ended.stderr


def test_no_such_host(host):
    ended = far(host, "list", where="no-such-host.invalid")
    assert ended.returncode == 7
    lines = ended.stderr.splitlines()
    assert "no-such-host.invalid" in lines[0], "what ssh says"
    assert lines[-1].startswith("doectl: cannot connect to the system bus of no-such-host.invalid: ")
    assert "see whether ssh comes there" in lines[-1]


def test_a_host_whose_name_the_bus_does_not_take(tmp_path):
    ended = subprocess.run([DOECTL, "-H", "::1", "list"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                           timeout=PATIENCE_S, check=False)
    assert ended.returncode == 2
    assert "--host takes [USER@]HOST" in ended.stderr
