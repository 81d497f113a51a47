# SPDX-License-Identifier: Apache-2.0
"""GetTable, GetTableFd and Refresh: one table, three ways, read once."""

import errno
import fcntl
import os

import pytest

import harness
from harness import CDAT, ENDPOINT_MAILBOX, MAILBOX

ALL_SEALS = fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_WRITE | fcntl.F_SEAL_SEAL


def exchanges(client):
    return client.get(ENDPOINT_MAILBOX, MAILBOX, "Exchanges")


def get_table(client, **options):
    return bytes(client.invoke(ENDPOINT_MAILBOX, CDAT, "GetTable", **options))


def test_get_table_returns_the_devices_table(doed, client):
    table = get_table(client)
    assert len(table) == 160
    assert int.from_bytes(table[:4], "little") == 160
    assert sum(table) & 0xFF == 0


def test_the_properties_describe_the_copy(doed, client):
    empty = client.get_all(ENDPOINT_MAILBOX, CDAT)
    assert empty == {"Length": 0, "Revision": 0, "Sequence": 0, "ChecksumValid": False, "Source": "mailbox",
                     "Problems": []}
    table = get_table(client)
    assert client.get_all(ENDPOINT_MAILBOX, CDAT) == {
        "Length": 160, "Revision": table[4], "Sequence": int.from_bytes(table[12:16], "little"),
        "ChecksumValid": True, "Source": "mailbox", "Problems": []}


def test_only_the_first_read_reaches_the_device(doed, client):
    before = exchanges(client)
    first = get_table(client)
    read = exchanges(client)
    assert read == before + 7
    assert get_table(client) == first
    assert exchanges(client) == read


def test_refresh_reads_the_device_again(doed, client):
    get_table(client)
    before = exchanges(client)
    assert get_table(client, refresh=("b", True))
    assert exchanges(client) == before + 7
    assert client.invoke(ENDPOINT_MAILBOX, CDAT, "Refresh") == client.get(ENDPOINT_MAILBOX, CDAT, "Sequence")
    assert exchanges(client) == before + 14


def test_a_read_of_the_whole_table_stays_in_its_budget_of_accesses(start_doed, client):
    # A device that answers at once needs no polls, whose number depends on timing.
    start_doed(harness.topology(harness.endpoint(response_time_us=0)))

    def accesses():
        return sum(client.get(ENDPOINT_MAILBOX, MAILBOX, name) for name in ("ConfigReads", "ConfigWrites"))

    before = accesses()
    get_table(client, refresh=("b", True))
    assert 0 < accesses() - before <= 172


def test_the_first_copy_is_announced_and_an_equal_one_is_not(doed, client):
    changed = client.signals(CDAT, "Changed", ENDPOINT_MAILBOX)
    properties = client.signals("org.freedesktop.DBus.Properties", "PropertiesChanged", ENDPOINT_MAILBOX)
    sequence = client.invoke(ENDPOINT_MAILBOX, CDAT, "Refresh")
    harness.wait_until(lambda: changed, "Changed")
    assert changed == [(ENDPOINT_MAILBOX, (sequence,))]
    about_cdat = [values for _, (interface, values, _) in properties if interface == CDAT]
    assert about_cdat[0]["Length"] == 160

    client.invoke(ENDPOINT_MAILBOX, CDAT, "Refresh")
    client.get(ENDPOINT_MAILBOX, CDAT, "Length")  # whatever was sent before has come by now
    assert len(changed) == 1


def test_the_file_has_the_table_and_is_sealed(doed, client):
    fd = client.invoke_for_file(ENDPOINT_MAILBOX, CDAT, "GetTableFd")
    try:
        assert fcntl.fcntl(fd, fcntl.F_GET_SEALS) == ALL_SEALS
        assert os.pread(fd, 4096, 0) == get_table(client)
        assert os.fstat(fd).st_size == 160
        with pytest.raises(OSError) as refused:
            os.pwrite(fd, b"x", 0)
        assert refused.value.errno in (errno.EPERM, errno.EBADF)
        with pytest.raises(OSError):
            os.ftruncate(fd, 0)
        # Not even who opens it anew for writing.
        with pytest.raises(OSError):
            writer = os.open(f"/proc/self/fd/{fd}", os.O_RDWR)
            try:
                os.pwrite(writer, b"x", 0)
            finally:
                os.close(writer)
    finally:
        os.close(fd)


def test_two_files_have_offsets_of_their_own(doed, client):
    first = client.invoke_for_file(ENDPOINT_MAILBOX, CDAT, "GetTableFd")
    second = client.invoke_for_file(ENDPOINT_MAILBOX, CDAT, "GetTableFd")
    try:
        assert os.read(first, 4096) == os.read(second, 4096) != b""
    finally:
        os.close(first)
        os.close(second)


def test_a_large_table_comes_as_a_file_only(start_doed, client, tmp_path):
    table = harness.make_table(70000)
    (tmp_path / "large.cdat").write_bytes(table)
    start_doed(harness.topology(harness.endpoint(cdat="large.cdat", response_time_us=0)))
    with pytest.raises(harness.DBusError) as refused:
        get_table(client)
    assert refused.value.name == "org.doed1.Error.TooLarge"
    assert "70000" in refused.value.message and "GetTableFd" in refused.value.message
    fd = client.invoke_for_file(ENDPOINT_MAILBOX, CDAT, "GetTableFd")
    try:
        assert os.pread(fd, 1 << 20, 0) == table
    finally:
        os.close(fd)


def test_a_table_with_a_wrong_checksum_is_served_and_marked(start_doed, client, tmp_path):
    table = bytearray(harness.make_table(64))
    table[5] ^= 0xFF
    (tmp_path / "bad.cdat").write_bytes(table)
    start_doed(harness.topology(harness.endpoint(cdat="bad.cdat")))
    assert get_table(client) == bytes(table)
    properties = client.get_all(ENDPOINT_MAILBOX, CDAT)
    assert properties["ChecksumValid"] is False
    assert any("checksum" in problem or "add up" in problem for problem in properties["Problems"])
