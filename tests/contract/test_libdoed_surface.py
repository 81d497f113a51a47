# SPDX-License-Identifier: Apache-2.0
"""libdoed's surface: what the headers declare, the version script names, the library exports, Debian's symbols file lists and
the man page describes is the same; the headers are C11 and C++20."""

import re
import subprocess

import pytest

from harness import BUILD, PATIENCE_S, TOP

INCLUDE = TOP / "lib" / "client" / "include"
LIBRARY = BUILD / "lib" / "client" / "libdoed" / "libdoed.so.0"
MAP = TOP / "lib" / "client" / "libdoed" / "libdoed.map"
NODE = "LIBDOED_0"
CXX = ["g++", "-Wall", "-Wextra", "-Wshadow", "-Wconversion", "-Werror"]


def run(*command, **keys):
    ended = subprocess.run([*map(str, command)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                           timeout=6 * PATIENCE_S, check=False, **keys)
    assert ended.returncode == 0, ended.stdout
    return ended.stdout


def declared():
    """The functions of the C headers, without comments, macros and inline functions."""
    text = "".join((INCLUDE / "doed" / name).read_text(encoding="utf-8") for name in ("doed.h", "cdat.h"))
    text = re.sub(r"/\*.*?\*/|^#.*?[^\\]$", "", text, flags=re.DOTALL | re.MULTILINE)
    return set(re.findall(r"^[a-z][\w *]*[ *](doed_\w+)\([^{;]*\);", text, re.MULTILINE))


def exported():
    lines = run("nm", "--dynamic", "--defined-only", "--format=posix", LIBRARY).splitlines()
    return {line.split()[0] for line in lines}


def test_the_version_script_names_what_the_headers_declare():
    text = MAP.read_text(encoding="utf-8")
    names = re.findall(r"^    (doed_\w+);$", text, re.MULTILINE)
    assert len(names) > 100
    assert names == sorted(names)
    assert set(names) == declared()


def test_the_library_exports_what_the_headers_declare_and_nothing_of_cpp():
    assert exported() - {NODE} == {f"{name}@@{NODE}" for name in declared()}


def test_debian_lists_the_same_symbols():
    lines = (TOP / "debian" / "libdoed0.symbols").read_text(encoding="utf-8").splitlines()
    assert lines[0] == "libdoed.so.0 libdoed0 #MINVER#"
    entries = [line.split()[0] for line in lines if line.startswith(" ")]
    assert entries == sorted(entries)
    assert set(entries) - {f"{NODE}@{NODE}"} == {f"{name}@{NODE}" for name in declared()}


def test_the_man_page_has_every_symbol():
    page = (TOP / "docs" / "man" / "libdoed.3.scd").read_text(encoding="utf-8")
    named = set(re.findall(r"\*(doed_\w+)\*\(\)", page.replace("\\_", "_")))
    assert named - {"doed_device_foreach", "doed_mailbox_foreach", "doed_value_given"} == declared()


def test_the_man_page_has_every_error_that_the_library_tells():
    source = (TOP / "lib" / "client" / "libdoed" / "errors.cpp").read_text(encoding="utf-8")
    pairs = re.findall(r'\{"(\w+)", (E\w+)\}', source)
    assert len(pairs) > 25
    for text in ((TOP / "docs" / "man" / "libdoed.3.scd").read_text(encoding="utf-8"),
                 (INCLUDE / "doed" / "doed.h").read_text(encoding="utf-8")):
        for name, error in pairs:
            assert re.search(rf"\b{name}\b", text), name
            assert re.search(rf"-{error}(?![A-Z0-9])", text), error


def test_every_error_of_doed_has_a_number():
    ours = set(re.findall(r'"org\.doed1\.Error\.(\w+)"', (TOP / "daemon/bus/errors.cpp").read_text(encoding="utf-8")))
    known = set(re.findall(r'\{"(\w+)", E\w+\}', (TOP / "lib/client/libdoed/errors.cpp").read_text(encoding="utf-8")))
    assert len(ours) > 10
    assert ours <= known


@pytest.mark.parametrize("header", ["doed.h", "cdat.h"])
@pytest.mark.parametrize("compiler", [
    ["gcc", "-x", "c", "-std=c11", "-pedantic", "-Wall", "-Wextra", "-Wc++-compat", "-Wstrict-prototypes", "-Werror"],
    [*CXX, "-x", "c++", "-std=c++11", "-pedantic"],
], ids=["c11", "c++11"])
def test_a_c_header_stands_alone(header, compiler):
    run(*compiler, f"-I{INCLUDE}", "-fsyntax-only", "-", input=f"#include <doed/{header}>\n")


@pytest.mark.parametrize("header", ["doed.hpp", "context.hpp", "asio.hpp"])
def test_a_cpp_header_stands_alone_in_cpp20(header):
    run(*CXX, "-x", "c++", "-std=c++20", f"-I{INCLUDE}", "-fsyntax-only", "-", input=f"#include <doed/{header}>\n")


def test_the_headers_need_nothing_of_the_tree():
    for path in (INCLUDE / "doed").iterdir():
        includes = re.findall(r'^#include (\S+)$', path.read_text(encoding="utf-8"), re.MULTILINE)
        assert includes
        for name in includes:
            assert re.match(r"<(doed/\w+\.h(pp)?|boost/asio/.*|[a-z_]+(\.h)?)>$", name), (path.name, name)
