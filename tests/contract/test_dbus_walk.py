# SPDX-License-Identifier: Apache-2.0
"""docs/dbus-api.md walks through the objects of the demonstration host; what busctl and Python are said to print there, and in
README.md, is what they print. What doectl prints is captured (test_screens.py)."""

import os
import re
import subprocess

import pytest

from harness import BUILD, ENDPOINT, ENDPOINT_MAILBOX, MAILBOX, PATIENCE_S, TOP, Bus, die_with_parent

PAGE = TOP / "docs" / "dbus-api.md"
README = TOP / "README.md"

# What differs from run to run: counters, which are properties of type t; times; unique names; numbers of descriptors, of which
# newer systemd has one more open; how far the device was with a request when its deadline passed, and which of them are in the
# trace therefore.
VARYING = [
    (re.compile(r"^(\.\w+ +property +t) .*", re.MULTILINE), r"\1"),
    (re.compile(r"\d{4}-\d\d-\d\dT[\d:.]+Z"), "TIME"),
    (re.compile(r'^\[\d+,"TIME","request",.*\]$', re.MULTILINE), "REQUEST"),
    (re.compile(r":1\.\d+"), ":1.N"),
    (re.compile(r"^h \d+$", re.MULTILINE), "h N"),
    (re.compile(r"(?<=mailbox 0x190: )([a-z ]+: )?(?=the deadline passed)"), "SOMEWHERE: "),
]


def blocks(page):
    """(language, text) of each block of code"""
    return re.findall(r"^```(\w*)\n(.*?)^```$", page.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)


def commands(page, begin):
    """(command, output) of each command that begins so, in the order of the page. A command goes on in the next line after a
    pipe, and while a quotation is open."""
    for _, block in blocks(page):
        lines = iter([*block.splitlines(), "$"])
        command, output = "", []
        for line in lines:
            if not re.match(r"\$( |$)", line):
                output.append(line)
                continue
            if command.startswith(begin) and not re.search(r"\bmonitor\b", command):
                yield command, "\n".join(output)
            command, output = line[2:], []
            while command.rstrip().endswith("|") or command.count("'") % 2:
                command += "\n" + next(lines)


def comparable(text):
    for pattern, replacement in VARYING:
        text = pattern.sub(replacement, text)
    # busctl of newer systemd has a space between a branch and its leaf.
    text = re.sub(r"(?<=[├└]─) ", "", text)
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


@pytest.fixture
def environment(bus):
    return {**os.environ, "DBUS_SYSTEM_BUS_ADDRESS": bus.address, "BUS": bus.address, "DEVICE": ENDPOINT,
            "MAILBOX": ENDPOINT_MAILBOX, "PATH": f"{BUILD / 'lib' / 'client'}:{os.environ['PATH']}"}


def printed_by(*command, environment):
    return subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment,
                          timeout=PATIENCE_S, check=False).stdout


def first_line_of(*command, environment):
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment,
                          preexec_fn=die_with_parent) as process:
        line = process.stdout.readline()
        assert process.poll() is None, line + process.stdout.read()
        process.kill()
    return line.rstrip("\n")


@pytest.mark.parametrize("page, begin, at_least", [(PAGE, "busctl --address=$BUS", 20), (README, "busctl ", 1)])
def test_busctl_prints_what_the_page_says(doed, client, environment, page, begin, at_least):
    walk = list(commands(page, begin))
    assert len(walk) >= at_least
    for command, said in walk:
        printed, expected = comparable(printed_by("bash", "-c", command, environment=environment)), comparable(said)
        if expected and expected[-1].endswith("..."):
            # Cut short: the last line, or within the last line.
            last = expected.pop().removesuffix("...").strip()
            assert printed[len(expected)].startswith(last), command
            printed = printed[:len(expected)]
        assert printed == expected, command
        # A reader who types takes longer than a mailbox that has been lent or reset takes to come back.
        client.wait_for(ENDPOINT_MAILBOX, MAILBOX, "State", "idle")


@pytest.mark.parametrize("page, at_least", [(PAGE, 2), (README, 1)])
def test_python_prints_what_the_page_says(doed, client, environment, page, at_least):
    """A program's output is the block that follows it; of one that runs until it is ended, the first line is waited for."""
    found = blocks(page)
    programs = [(text, found[index + 1][1]) for index, (language, text) in enumerate(found) if language == "python"]
    assert len(programs) >= at_least
    for program, said in programs:
        if "while " in program:
            assert first_line_of("/usr/bin/python3", "-u", "-c", program, environment=environment) == said.partition("\n")[0]
            continue
        assert printed_by("/usr/bin/python3", "-c", program, environment=environment) == said
        client.wait_for(ENDPOINT_MAILBOX, MAILBOX, "State", "idle")


def test_every_member_of_the_contract_is_walked_by():
    text = PAGE.read_text(encoding="utf-8")
    for path in (TOP / "dbus").glob("org.doed1.*.xml"):
        for name in re.findall(r'<(?:method|property|signal) name="(\w+)"', path.read_text(encoding="utf-8")):
            assert re.search(rf"\b{name}\b", text), name
