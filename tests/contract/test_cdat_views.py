# SPDX-License-Identifier: Apache-2.0
"""What doectl cdat prints of every table in tests/vectors/cdat, compared with tests/vectors/cdat/golden. After a change that
is meant, write the files anew with DOED_WRITE_GOLDEN=1 and read the difference."""

import json
import os

import pytest

import cdat_tables
from cdat_tables import MEBIBYTE, VECTORS, doectl

WRITE = os.environ.get("DOED_WRITE_GOLDEN") == "1"

VIEWS = [(), ("--summary",), ("--check",), ("--hex",), ("--json=pretty",)]
# A problem shows in the report, its mark in the dump.
VIEWS_OF_A_PROBLEM = [(), ("--check",), ("--hex",)]
# The same as with fewer structures, but many times.
VIEWS_OF_A_LONG_TABLE = [(), ("--summary",), ("--check",)]


def views(name):
    if name == "tables/two-hundred":
        return VIEWS_OF_A_LONG_TABLE
    return VIEWS_OF_A_PROBLEM if name.startswith("problems/") else VIEWS


def shown(name):
    """Command and output of each view, as a transcript."""
    table = cdat_tables.table(name)
    text = ""
    for view in views(name):
        ended = doectl("cdat", "--file", "-", *view, stdin=table)
        assert ended.stderr == b""
        text += f"$ {' '.join(('doectl', 'cdat', '--file', name, *view))}\n"
        text += ended.stdout.decode("ascii").replace("standard input", name)
        text += f"[exit status {ended.returncode}]\n\n" if ended.returncode else "\n"
    return text


@pytest.mark.parametrize("name", cdat_tables.names())
def test_every_view_of_a_table(name):
    golden = VECTORS / "golden" / f"{name}.txt"
    text = shown(name)
    if WRITE:
        golden.parent.mkdir(parents=True, exist_ok=True)
        golden.write_text(text)
    assert text == golden.read_text()


def test_there_is_no_golden_file_without_a_table():
    golden = VECTORS / "golden"
    assert {str(path.relative_to(golden).with_suffix("")) for path in golden.rglob("*.txt")} == set(cdat_tables.names())


def test_every_kind_of_problem_has_its_table():
    """But for those that come from reading a device, which no file can have."""
    schema = json.loads((cdat_tables.TOP / "docs" / "cdat.schema.json").read_text())
    kinds = set(schema["$defs"]["problem"]["properties"]["kind"]["enum"])
    of_reading = {"entry-oversize", "changed-while-reading", "attempt-broken"}
    assert {path.stem for path in (VECTORS / "problems").glob("*.json")} == kinds - of_reading
    for kind in kinds - of_reading:
        document = json.loads(doectl("cdat", "--file", "-", "--json", stdin=cdat_tables.table(f"problems/{kind}")).stdout)
        assert kind in {problem["kind"] for problem in document["problems"]}


@pytest.mark.parametrize("name", cdat_tables.names())
def test_a_check_fails_on_what_is_more_than_a_notice(name):
    table = cdat_tables.table(name)
    problems = json.loads(doectl("cdat", "--file", "-", "--json", stdin=table).stdout)["problems"]
    defective = any(problem["severity"] != "notice" for problem in problems)
    ended = doectl("cdat", "--file", "-", "--check", "--no-legend", stdin=table)
    assert ended.returncode == (1 if defective else 0)
    assert len(ended.stdout.splitlines()) == len(problems)


@pytest.mark.parametrize("name", cdat_tables.names() + ["generated/largest"])
def test_a_tables_document_builds_the_table(name):
    table = cdat_tables.table(name)
    document = doectl("cdat", "--file", "-", "--json", stdin=table)
    assert doectl("cdat", "build", "-", stdin=document.stdout).stdout == table
    assert doectl("cdat", "--file", "-", "--raw", stdin=table).stdout == table


# --- The largest table -------------------------------------------------------------------------------


def test_the_largest_table_is_shown_whole():
    table = cdat_tables.table("generated/largest")
    assert len(table) == MEBIBYTE
    report = doectl("cdat", "--file", "-", stdin=table).stdout.decode("ascii")
    document = json.loads(doectl("cdat", "--file", "-", "--json", stdin=table).stdout)
    assert document["problems"] == []
    entries = sum(len(one["entries"]) for one in document["structures"] if one["name"] == "SSLBIS")
    assert report.count("\n    Entry[") == entries + 6 * 256
    assert f"\n{len(document['structures'])} structures.\n" in report
    assert "    Entry[0]         105 = 105000 MB/s\n" in report
    dump = doectl("cdat", "--file", "-", "--hex", "--no-legend", stdin=table).stdout.decode("ascii")
    assert sum(len(line[10:33].split()) for line in dump.splitlines()) == MEBIBYTE


def test_the_summary_of_the_largest_table():
    summary = doectl("cdat", "--file", "-", "--summary", stdin=cdat_tables.table("generated/largest")).stdout.decode("ascii")
    assert summary.startswith("CDAT of standard input: no problems\n\nMemory range of handle 0\n")
    assert summary.count("\nMemory range of handle ") == 256
    assert "  DPA              0x3fc00000000 to 0x3ffffffffff, 16 GiB\n" in summary
    # Too many ports for a matrix.
    ways = [line.split() for line in summary.partition("\nPORT X ")[2].splitlines()]
    assert ways[0] == ["PORT", "Y", "READ", "LATENCY", "WRITE", "LATENCY", "READ", "BANDWIDTH", "WRITE", "BANDWIDTH"]
    assert ways[1] == ["0", "0", "0.01", "ns", "0.01", "ns", "10", "MB/s", "10", "MB/s"]


# --- Files -------------------------------------------------------------------------------------------


def test_a_file_needs_neither_bus_nor_doed(tmp_path):
    (tmp_path / "table.bin").write_bytes(cdat_tables.table("tables/endpoint"))
    ended = doectl("--bus", "unix:path=/nonexistent", "cdat", "--file", tmp_path / "table.bin")
    assert ended.returncode == 0
    assert ended.stdout.startswith(b"CDAT of " + bytes(tmp_path / "table.bin") + b": 160 bytes")


def test_files_that_are_no_tables(tmp_path):
    empty = tmp_path / "empty"
    empty.write_bytes(b"")
    ended = doectl("cdat", "--file", empty)
    assert (ended.returncode, ended.stdout) == (1, b"")
    assert b"is empty; the kernel leaves" in ended.stderr
    assert doectl("cdat", "--file", tmp_path / "absent").returncode == 3
    assert doectl("cdat", "--file", tmp_path).returncode == 1
    assert doectl("cdat", "--file", "-", stdin=bytes(5 << 20)).returncode == 1
    assert doectl("cdat", "--file", "-", "--check", stdin=b"{}").returncode == 1


def test_a_built_table_goes_where_it_is_told(tmp_path):
    out = tmp_path / "out.bin"
    ended = doectl("cdat", "build", VECTORS / "tables" / "endpoint.json", "-o", out)
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, b"", b"")
    assert out.read_bytes() == cdat_tables.table("tables/endpoint")
    assert doectl("cdat", "build", VECTORS / "tables" / "endpoint.json", "--output", tmp_path / "no" / "x").returncode == 3


def test_a_document_with_a_mistake_is_refused_with_its_place(tmp_path):
    wrong = tmp_path / "wrong.json"
    wrong.write_text('{"structures": [{"name": "DSMAS", "handle": 300}]}')
    ended = doectl("cdat", "build", wrong, "-o", tmp_path / "out")
    assert ended.returncode == 1
    assert b"wrong.json: /structures/0/handle: expected a whole number" in ended.stderr
    assert not (tmp_path / "out").exists()
