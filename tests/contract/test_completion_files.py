# SPDX-License-Identifier: Apache-2.0
"""Each shell's completion knows every command and option of doectl --help, and no other."""

import re

import pytest

from harness import TOP
from test_man_pages import DOECTL, all_commands, help_of, helped_commands, helped_options

FILES = TOP / "lib" / "client" / "completion"


def all_options():
    options = set(helped_options(help_of(DOECTL)))
    for words in all_commands():
        options |= helped_options(help_of(DOECTL, *words))
    return options


def bash_words(text):
    words = set()
    for line in re.findall(r"(?:local (?:common|commands)='(.*)'|_doectl_words \"(.*)\")", text):
        words |= set(" ".join(line).replace("$common", "").split())
    return {word for word in words if word.startswith("-")}, {word for word in words if word.isalpha()}


def zsh_words(text):
    options = set(re.findall(r"'(?:\([^)]*\))?(--[a-z-]+?)(?:=-?)?\[", text))
    for group in re.findall(r"\{(-[^}]*)\}", text):
        options |= {word.rstrip("+=") for word in group.split(",")}
    commands = set(re.findall(r"^        '([a-z]+):", text, re.MULTILINE))
    return options, commands


def fish_words(text):
    rules = re.findall(r"^complete -c doectl .*$", text, re.MULTILINE)
    options = {f"--{word}" for rule in rules for word in re.findall(r" -l ([a-z-]+)", rule)}
    options |= {f"-{word}" for rule in rules for word in re.findall(r" -s (\w)", rule)}
    return options, {word for rule in rules for word in re.findall(r'-n "\$needs_command" -a (\w+)', rule)}


@pytest.mark.parametrize("name,words_of", [("doectl.bash", bash_words), ("_doectl", zsh_words), ("doectl.fish", fish_words)])
def test_commands_and_options(name, words_of):
    text = (FILES / name).read_text(encoding="utf-8")
    options, commands = words_of(text)
    assert options == all_options()
    assert commands == helped_commands(help_of(DOECTL))
    assert "build" in text
