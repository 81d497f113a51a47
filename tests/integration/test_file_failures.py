# SPDX-License-Identifier: Apache-2.0
"""A file that cannot be read or written ends doectl with one exit code for each reason, whatever the command wanted with it."""

import pathlib
import subprocess

import pytest

from harness import BUILD, NOBODY, PATIENCE_S, make_table

DOECTL = BUILD / "lib" / "client" / "doectl"
TABLE = '{"header": {"revision": 1}}'

READING = ["cdat --file {file}", "cdat build {file}"]
WRITING = ["cdat --file {table} --raw {file}", "cdat build {document} -o {file}"]


@pytest.fixture
def doectl(bus, tmp_path):
    """A function that runs a command on a file, and returns its exit code, the beginning of its message, and its output."""
    (tmp_path / "table").write_bytes(make_table(16))
    (tmp_path / "document").write_text(TABLE)

    def run(command, file, user=None):
        words = command.format(file=file, table=tmp_path / "table", document=tmp_path / "document").split()
        ended = subprocess.run([DOECTL, "--bus", bus.address, *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                               stdin=subprocess.DEVNULL, timeout=PATIENCE_S, check=False, user=user)
        return ended.returncode, ended.stderr.decode().split(";")[0], ended.stdout

    return run


@pytest.mark.parametrize("command", [*READING, *WRITING])
@pytest.mark.parametrize("file, why", [("no-folder/file", "No such file or directory"), ("table/file", "Not a directory")])
def test_what_is_not_there_is_3(doectl, tmp_path, command, file, why):
    assert doectl(command, tmp_path / file) == (3, f"doectl: cannot open {tmp_path / file}: {why}", b"")


@pytest.mark.parametrize("command", [*READING, *WRITING])
def test_what_is_for_others_is_4(doectl, tmp_path, command):
    folder = tmp_path / "private"
    folder.mkdir(mode=0o700)
    (folder / "file").write_bytes(make_table(16))
    assert doectl(command, folder / "file", user=NOBODY) == (
        4, f"doectl: cannot open {folder / 'file'}: Permission denied", b"")


@pytest.mark.parametrize("command", [*READING, *WRITING])
def test_a_folder_is_1(doectl, tmp_path, command):
    code, message, output = doectl(command, tmp_path)
    assert (code, output) == (1, b"")
    assert message.endswith(f"{tmp_path}: Is a directory")


@pytest.mark.parametrize("command", WRITING)
def test_a_full_disk_is_1(doectl, command):
    assert doectl(command, "/dev/full") == (1, "doectl: cannot write to /dev/full: No space left on device", b"")


def test_a_table_that_doed_has_read_makes_no_difference(doed, doectl, tmp_path):
    file = tmp_path / "no-folder" / "table"
    assert doectl("cdat 0d:00.0 --raw {file}", file) == (
        3, f"doectl: cannot open {file}: No such file or directory", b"")
    assert doectl("cdat 0d:00.0 --raw {file}", tmp_path / "read") == (0, "", b"")
    assert pathlib.Path(tmp_path / "read").stat().st_size == 160
