# SPDX-License-Identifier: Apache-2.0
"""The pages show what doectl prints."""

import re
import subprocess

from harness import BUILD, PATIENCE_S, TOP

CAPTURE = TOP / "docs" / "capture"


def capture(*words):
    return subprocess.run(["/usr/bin/python3", CAPTURE, *words], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          timeout=4 * PATIENCE_S, check=False, env={"MESON_BUILD_ROOT": str(BUILD), "PATH": "/usr/bin:/bin",
                                                                    "PYTHONDONTWRITEBYTECODE": "1"})


def test_every_screen_is_of_today():
    ended = capture("--check")
    assert ended.returncode == 0, ended.stdout


def test_no_line_is_cut_or_too_wide():
    """What is for people fits into 100 columns; the text format of stats is for programs."""
    blocks = re.findall(r"^<!-- screen: .*?^<!-- end -->", (TOP / "docs/screens.md").read_text(encoding="utf-8"),
                        re.MULTILINE | re.DOTALL)
    assert len(blocks) == 9
    for line in (line for block in blocks if "--textfile" not in block for line in block.splitlines()):
        assert len(line) <= 100 and not line.endswith("…"), line


def test_an_old_screen_is_noticed_and_replaced(tmp_path):
    page = tmp_path / "page.md"
    page.write_text("before\n<!-- screen: list -->\n```\n$ doectl list\nnothing\n```\n<!-- end -->\nafter\n")
    ended = capture("--check", str(page))
    assert ended.returncode == 1
    assert "the screen list is an old one" in ended.stdout
    assert capture(str(page)).returncode == 0
    assert capture("--check", str(page)).returncode == 0
    text = page.read_text()
    assert text.startswith("before\n<!-- screen: list -->\n```\n$ doectl list\nDEVICE")
    assert text.endswith("4 mailboxes.\n```\n<!-- end -->\nafter\n")
