# SPDX-License-Identifier: Apache-2.0
"""GetTable, GetTableFd and Refresh: one table, three ways, read once."""

import errno
import fcntl
import json
import os
import subprocess

import pytest

import harness
from harness import BUILD, CDAT, ENDPOINT_MAILBOX, MAILBOX, PATIENCE_S

DOECTL = BUILD / "lib" / "client" / "doectl"

# Discovery at claim is two exchanges, a reading of the whole table is seven.
FIRST_OF_SECOND_READING = 2 + 7 + 1
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


# --- GetJson -----------------------------------------------------------------------------------------


def get_json(client, **options):
    return json.loads(client.invoke(ENDPOINT_MAILBOX, CDAT, "GetJson", **options))


def doectl(bus, *arguments):
    return subprocess.run([DOECTL, "--bus", bus.address, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          timeout=PATIENCE_S, check=False)


def test_the_document_has_the_table(doed, client):
    document = get_json(client)
    assert (document["schema"], document["mailbox"], document["source"]) == (1, "0000:0d:00.0/190", "mailbox")
    assert (document["size"], document["checksum_valid"], document["problems"]) == (160, True, [])
    assert [structure["name"] for structure in document["structures"]] == ["DSMAS"] + 4 * ["DSLBIS"] + ["DSEMTS"]
    assert document["summary"]["memory_ranges"][0]["read_latency"] == {
        "state": "given", "from": "read latency", "ns": "150"}


def test_the_document_is_the_one_that_doectl_prints_and_builds(doed, bus, client):
    printed = doectl(bus, "cdat", "0d:00.0", "--json")
    assert printed.returncode == 0, printed.stderr
    assert printed.stdout.decode("ascii") == client.invoke(ENDPOINT_MAILBOX, CDAT, "GetJson") + "\n"
    built = subprocess.run([DOECTL, "cdat", "build", "-"], input=printed.stdout, stdout=subprocess.PIPE,
                           timeout=PATIENCE_S, check=True)
    assert built.stdout == get_table(client)


def test_the_document_is_made_of_the_copy_unless_a_refresh_is_asked_for(doed, client):
    get_table(client)
    before = exchanges(client)
    get_json(client)
    assert exchanges(client) == before
    get_json(client, refresh=("b", True))
    assert exchanges(client) == before + 7
    with pytest.raises(harness.DBusError) as refused:
        get_json(client, novelty=("b", True))
    assert refused.value.name == "org.freedesktop.DBus.Error.InvalidArgs"


def test_the_document_and_the_property_tell_the_same_problems(start_doed, bus, client, tmp_path):
    document = {"header": {"checksum": 1}, "structures": [
        {"name": "DSLBIS", "handle": 3, "data_type": 1, "base_unit": "1", "entries": [1]}]}
    (tmp_path / "bad.json").write_text(json.dumps(document))
    assert doectl(bus, "cdat", "build", tmp_path / "bad.json", "-o", tmp_path / "bad.cdat").returncode == 0
    start_doed(harness.topology(harness.endpoint(cdat="bad.cdat")))
    problems = get_json(client)["problems"]
    assert [(problem["kind"], problem["severity"], problem["offset"]) for problem in problems] == [
        ("checksum", "error", 5), ("dangling-handle", "warning", 20)]
    assert client.get(ENDPOINT_MAILBOX, CDAT, "Problems") == [
        f"{problem['severity']} at byte {problem['offset']}: {problem['text']}" for problem in problems]
    checked = doectl(bus, "cdat", "0d:00.0", "--check")
    assert checked.returncode == 1
    assert checked.stdout.decode().splitlines() == [
        f"0000:0d:00.0/190: {line}" for line in client.get(ENDPOINT_MAILBOX, CDAT, "Problems")]


def test_a_document_above_its_limit_is_refused_and_made_by_doectl(start_doed, bus, client, tmp_path):
    # A switch of many ports: each way between two of them is told in the structures and in the summary.
    ways = range(120_000)
    table = bytearray(b"".join(
        bytes([5, 0]) + (16 + 8 * 8000).to_bytes(2, "little") + bytes(4) + (1000).to_bytes(8, "little")
        + b"".join((way % 500).to_bytes(2, "little") + (way // 500).to_bytes(2, "little") + bytes([1, 0, 0, 0])
                   for way in ways[first:first + 8000]) for first in range(0, 120_000, 8000)))
    table[:0] = (16 + len(table)).to_bytes(4, "little") + bytes([1]) + bytes(11)
    table[5] = -sum(table) & 0xFF
    (tmp_path / "long.cdat").write_bytes(table)
    start_doed(harness.topology(harness.endpoint(cdat="long.cdat", response_time_us=0)))
    with pytest.raises(harness.DBusError) as refused:
        get_json(client)
    assert refused.value.name == "org.doed1.Error.TooLarge"
    assert "the document has" in refused.value.message and "use GetTableFd" in refused.value.message
    printed = doectl(bus, "cdat", "0d:00.0", "--json")
    assert printed.returncode == 0, printed.stderr
    assert len(json.loads(printed.stdout)["summary"]["port_pairs"]) == 120_000
    assert b"what the kernel made of the CDAT of 0000:0d:00.0/190 is not shown" in printed.stderr
    # Each way has its line where one switch is looked at, not where a host is.
    lines = doectl(bus, "cdat", "--all", "--summary", "--no-legend").stdout.decode().splitlines()
    assert "switch, 500 ports, 120000 ways" in lines[0]
    assert len(lines) == 1 + 64 + 1 and "64 of 120000 ways" in lines[-1]


def test_the_view_of_a_host_hides_no_device(start_doed, bus, tmp_path):
    """One that is only an initiator, and one whose table tells of nothing, have their lines; the latter is marked."""
    documents = {
        "initiator": {"structures": [
            {"name": "DSIS", "handle": 9, "flags": 0},
            {"name": "DSLBIS", "handle": 9, "data_type": 1, "base_unit": "1000", "entries": [330]}]},
        "broken": {"header": {"checksum": 1}, "structures": []}}
    for name, document in documents.items():
        (tmp_path / f"{name}.json").write_text(json.dumps(document))
        made = doectl(bus, "cdat", "build", tmp_path / f"{name}.json", "-o", tmp_path / f"{name}.cdat")
        assert made.returncode == 0, made.stderr
    start_doed(harness.topology(
        harness.endpoint(), harness.endpoint("0000:0e:00.0", cdat="initiator.cdat"),
        harness.endpoint("0000:0f:00.0", cdat="broken.cdat")))
    shown = doectl(bus, "cdat", "--all", "--summary")
    assert (shown.returncode, shown.stderr) == (0, b"")
    lines = shown.stdout.decode().splitlines()
    assert lines[1].startswith("  0000:0d:00.0/") and "  memory 0 " in lines[1]
    assert lines[2].startswith("  0000:0e:00.0/") and "  initiator 9 " in lines[2] and "  330 ns " in lines[2]
    assert lines[3].startswith("! 0000:0f:00.0/") and "  no memory told " in lines[3] and lines[3].endswith("1, an error")


def test_doectl_reads_all_tables_of_the_host(doed, bus, client):
    tables = json.loads(doectl(bus, "cdat", "--all", "--json").stdout)["tables"]
    assert [table["mailbox"] for table in tables] == ["0000:0d:00.0/190", "0000:0e:00.0/1a8"]
    assert tables[0] == get_json(client)
    lines = doectl(bus, "cdat", "--all", "--summary", "--no-legend").stdout.decode().splitlines()
    assert [line.split()[:2] for line in lines] == [
        ["0000:0d:00.0/190", "memory"], ["0000:0e:00.0/1a8", "switch,"], ["0000:0e:00.0/1a8", "upstream"]]


@pytest.mark.parametrize("latency_ns, seen", [(310, "310 ns"), (149, "149 ns (!)")])
def test_the_view_of_a_host_has_what_the_kernel_made(start_on_fake_host, fake_host, bus, tmp_path, latency_ns, seen):
    """A figure that is better than the device's own, 150 ns, is marked."""
    document = harness.TOP / "tests" / "vectors" / "cdat" / "tables" / "endpoint.json"
    assert doectl(bus, "cdat", "build", document, "-o", tmp_path / "endpoint.cdat").returncode == 0
    fake_host.add_cxl_port((tmp_path / "endpoint.cdat").read_bytes())
    (fake_host.device / "mem0").mkdir()
    region = fake_host.root / "bus/cxl/devices/region0"
    (region / "access0").mkdir(parents=True)
    (region / "dax_region0/dax0.0").mkdir(parents=True)
    for name, text in {"target0": "decoder2.0", "dax_region0/dax0.0/target_node": 1,
                       "access0/read_latency": latency_ns, "access0/read_bandwidth": 9600}.items():
        (region / name).write_text(f"{text}\n")
    start_on_fake_host()
    shown = doectl(bus, "cdat", "--all", "--summary")
    assert (shown.returncode, shown.stderr) == (0, b"")
    titles, line = shown.stdout.decode().splitlines()[:2]
    assert titles.index("REGION") == line.index("region0")
    assert line[titles.index("NUMA NODE")] == "1"
    assert line[titles.index("KERNEL'S READ LATENCY"):].startswith(seen + "  ")
    assert line[titles.index("KERNEL'S READ BANDWIDTH"):].startswith("9600 MB/s")
    assert line.startswith("! " if "(!)" in seen else "  ")


@pytest.mark.parametrize("kind", ["table-changes", "table-sequence-changes"])
def test_a_table_that_changes_is_seen_with_the_next_reading(start_doed, client, kind):
    # Header and six structures are seven exchanges; the first one after the first reading brings the change.
    start_doed(harness.topology(harness.endpoint(response_time_us=0, mailboxes=[
        {"offset": "0x190", "protocols": ["1e98:02"], "faults": [{"kind": kind, "at": FIRST_OF_SECOND_READING}]}])))
    changed = client.signals(CDAT, "Changed", ENDPOINT_MAILBOX)
    first = get_json(client)
    assert get_json(client) == first
    second = get_json(client, refresh=("b", True))
    harness.wait_until(lambda: len(changed) == 2, "Changed")
    assert [arguments for _, arguments in changed] == [(0,), (1,)]
    assert second["header"]["sequence"] == first["header"]["sequence"] + 1
    assert second["problems"] == []
    assert (second["structures"] == first["structures"]) == (kind == "table-sequence-changes")
    assert client.get(ENDPOINT_MAILBOX, CDAT, "Sequence") == 1
    assert get_json(client) == second
