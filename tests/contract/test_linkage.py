# SPDX-License-Identifier: Apache-2.0
"""doectl is a program as others may write it: whatever it asks doed, it asks through libdoed."""

import subprocess

from test_man_pages import DOECTL


def lines_of(*words):
    return subprocess.run(words, stdout=subprocess.PIPE, text=True, check=True).stdout.splitlines()


def test_doectl_asks_through_libdoed_alone():
    needed = [line.split("[")[1].rstrip("]") for line in lines_of("readelf", "-dW", DOECTL) if "(NEEDED)" in line]
    assert "libdoed.so.0" in needed
    assert not [name for name in needed if "systemd" in name or "dbus" in name]


def test_doectl_uses_what_libdoed_exports():
    symbols = [line.split() for line in lines_of("nm", "-D", DOECTL)]
    used = {words[-1] for words in symbols if words[0] == "U" and words[-1].startswith("doed_")}
    assert used and all("@LIBDOED_" in name for name in used), used
    assert not [words[-1] for words in symbols if words[-1].startswith("sd_")]
