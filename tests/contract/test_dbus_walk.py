# SPDX-License-Identifier: Apache-2.0
"""docs/dbus-api.md walks through the objects of the demonstration host; what busctl is said to print there is what it prints."""

import os
import re
import subprocess

import pytest

from harness import BUILD, ENDPOINT, ENDPOINT_MAILBOX, MAILBOX, PATIENCE_S, TOP, Bus

PAGE = TOP / "docs" / "dbus-api.md"

# What differs from run to run: counters, which are properties of type t; times; unique names; how far the device was with a
# request when its deadline passed, and which of them are in the trace therefore.
VARYING = [
    (re.compile(r"^(\.\w+ +property +t) .*", re.MULTILINE), r"\1"),
    (re.compile(r"\d{4}-\d\d-\d\dT[\d:.]+Z"), "TIME"),
    (re.compile(r'^\[\d+,"TIME","request",.*\]$', re.MULTILINE), "REQUEST"),
    (re.compile(r":1\.\d+"), ":1.N"),
    (re.compile(r"(?<=mailbox 0x190: )[a-z ]+(?=: the deadline passed)"), "SOMEWHERE"),
]


def commands():
    """(command, output) of each command on the demonstration's bus, in the order of the page. A command goes on in the next line
    after a pipe, and while a quotation is open."""
    for block in re.findall(r"^```(?:\w*)\n(.*?)^```$", PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL):
        lines = iter([*block.splitlines(), "$"])
        command, output = "", []
        for line in lines:
            if not re.match(r"\$( |$)", line):
                output.append(line)
                continue
            if command.startswith("busctl --address=$BUS") and " monitor " not in command:
                yield command, "\n".join(output)
            command, output = line[2:], []
            while command.rstrip().endswith("|") or command.count("'") % 2:
                command += "\n" + next(lines)


def comparable(text):
    for pattern, replacement in VARYING:
        text = pattern.sub(replacement, text)
    # busctl makes its columns as wide as their values.
    return [re.sub(r" +", " ", line).strip() for line in text.strip().splitlines()]


@pytest.fixture
def bus(tmp_path):
    """As the demonstration has it: a session bus, where no policy stands between its user and doed."""
    policy = tmp_path / "everything.conf"
    policy.write_text('<busconfig><policy context="default"><allow own="*"/><allow send_destination="*"/></policy></busconfig>')
    bus = Bus(tmp_path, policy)
    yield bus
    bus.stop()


@pytest.fixture(scope="module")
def walk():
    found = list(commands())
    assert len(found) >= 15
    return found


def test_busctl_prints_what_the_page_says(doed, bus, client, walk):
    environment = {**os.environ, "BUS": bus.address, "DEVICE": ENDPOINT, "MAILBOX": ENDPOINT_MAILBOX,
                   "PATH": f"{BUILD / 'lib' / 'client'}:{os.environ['PATH']}"}
    for command, said in walk:
        ended = subprocess.run(["bash", "-c", command], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                               env=environment, timeout=PATIENCE_S, check=False)
        printed, expected = comparable(ended.stdout), comparable(said)
        if expected and expected[-1].endswith("..."):
            # Cut short: the last line, or within the last line.
            last = expected.pop().removesuffix("...").strip()
            assert printed[len(expected)].startswith(last), command
            printed = printed[:len(expected)]
        assert printed == expected, command
        # A reader who types takes longer than a mailbox that has been lent or reset takes to come back.
        client.wait_for(ENDPOINT_MAILBOX, MAILBOX, "State", "idle")


def test_every_member_of_the_contract_is_walked_by(walk):
    text = PAGE.read_text(encoding="utf-8")
    for path in (TOP / "dbus").glob("org.doed1.*.xml"):
        for name in re.findall(r'<(?:method|property|signal) name="(\w+)"', path.read_text(encoding="utf-8")):
            assert re.search(rf"\b{name}\b", text), name
