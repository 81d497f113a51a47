# SPDX-License-Identifier: Apache-2.0
"""Completion in the real bash, zsh and fish: commands, options, and the devices of the doed that runs."""

import os
import re
import shutil
import subprocess

import pytest

from harness import BUILD, PATIENCE_S, TOP
from terminal import Terminal

FILES = TOP / "lib" / "client" / "completion"
DEVICES = {"0000:0d:00.0", "0000:0d:00.0/190", "0000:0e:00.0", "0000:0e:00.0/1a8", "0000:3b:00.0", "0000:3b:00.0/160",
           "0000:3b:00.0/180"}
COMMANDS = {"list", "show", "discover", "cdat", "stats", "monitor", "trace", "reset", "release"}
BEGIN, END = "<begin>", "<end>"


def environment(bus_address, home):
    home.mkdir(exist_ok=True)
    return {"HOME": str(home), "PATH": f"{BUILD}/lib/client:{os.environ['PATH']}", "TERM": "dumb", "LC_ALL": "C.UTF-8",
            "DBUS_SYSTEM_BUS_ADDRESS": bus_address}


class ShellOnTerminal:
    """A shell that somebody types to; it inserts all completions of the last word, and prints the words that it has then."""

    def __init__(self, words, env, setup, insert_all):
        self.insert_all = insert_all
        self.terminal = Terminal(words, env)
        self.terminal.type(setup + "\n")
        self.terminal.read_until(lambda seen: "rea-dy" in seen, "the shell's prompt")

    def complete(self, line):
        self.terminal.seen = ""
        # Ctrl-A: to the begin of the line, where what is completed becomes the arguments of a command.
        self.terminal.type(f"{line}{self.insert_all}\x01show_words \n")
        shown = self.terminal.read_until(
            lambda seen: re.search(rf"{BEGIN}\r?\n(.*?){END}", seen, re.DOTALL), "the completed words")
        words = shown[1].replace("\r", "").splitlines()
        return set(words[len(line.split()) - (not line.endswith(" ")):])

    def close(self):
        self.terminal.close()


SHOW_WORDS = f"show_words() {{ printf '%s\\n' '{BEGIN[:3]}''{BEGIN[3:]}' \"$@\" '{END[:3]}''{END[3:]}'; }}"


class Bash(ShellOnTerminal):
    def __init__(self, env, folder):
        rc = folder / "bashrc"
        rc.write_text(f". /usr/share/bash-completion/bash_completion\n. {FILES}/doectl.bash\n{SHOW_WORDS}\n"
                      "bind 'set bell-style none'\nbind 'set enable-bracketed-paste off'\n")
        super().__init__(["bash", "--rcfile", rc, "-i"], env, "echo rea''-dy", "\x1b*")

    def complete(self, line):
        # To readline the word begins behind the last colon: what comes before stays once.
        begin = line.split(" ")[-1].rpartition(":")[0]
        return {word if not begin or word.startswith(begin + ":") else f"{begin}:{word}" for word in super().complete(line)}


class Zsh(ShellOnTerminal):
    def __init__(self, env, folder):
        functions = folder / "functions"
        functions.mkdir()
        shutil.copy(FILES / "_doectl", functions)
        (folder / ".zshrc").write_text(
            f"fpath=({functions} $fpath)\nautoload -Uz compinit && compinit -u -D\n{SHOW_WORDS}\n"
            "zle -C all-matches complete-word _generic\nbindkey -e\nbindkey '^X^A' all-matches\n"
            "zstyle ':completion:all-matches::::' completer _all_matches _complete\n"
            "zstyle ':completion:all-matches:*' insert true\nunset zle_bracketed_paste\nsetopt no_beep\n")
        super().__init__(["zsh", "-i"], {**env, "ZDOTDIR": str(folder)}, "echo rea''-dy", "\x18\x01")


class Fish:
    def __init__(self, env, folder):
        del folder
        self.env = env

    def complete(self, line):
        ended = subprocess.run(["fish", "--no-config", "--command", f"source {FILES}/doectl.fish; complete --do-complete $argv[1]",
                                line], stdout=subprocess.PIPE, text=True, env=self.env, timeout=PATIENCE_S, check=True)
        return {offer.partition("\t")[0] for offer in ended.stdout.splitlines()}

    def close(self):
        pass


@pytest.fixture(params=[Bash, Zsh, Fish])
def shell(request, tmp_path):
    """A function that starts the shell with a bus as the system bus."""
    if not shutil.which(request.param.__name__.lower()):
        pytest.fail(f"{request.param.__name__} is not installed; tests/setup test does that")
    started = []

    def start(bus_address):
        started.append(request.param(environment(bus_address, tmp_path / "home"), tmp_path))
        return started[-1]

    yield start
    for each in started:
        each.close()


def test_devices_are_those_that_doed_serves_now(shell, doed, bus):
    shell = shell(bus.address)
    for command in ("show", "stats", "monitor", "trace", "reset", "release", "discover"):
        assert shell.complete(f"doectl {command} ") == DEVICES, command
    assert shell.complete("doectl cdat ") == DEVICES | {"build"}
    assert shell.complete("doectl show 0000:3b") == {name for name in DEVICES if "3b" in name}
    assert shell.complete("doectl show 0e:0") == {"0e:00.0", "0e:00.0/1a8"}, "without the domain, as doectl takes it"
    assert shell.complete("doectl --no-legend show 0000:0d:00.0/") == {"0000:0d:00.0/190"}


def test_commands_and_options_are_offered(shell, bus):
    shell = shell(bus.address)
    assert shell.complete("doectl ") == COMMANDS
    assert shell.complete("doectl r") == {"reset", "release"}
    # fish 4 offers each option that has these letters in this order: here it is one.
    assert shell.complete("doectl stats --tex") == {"--textfile"}
    assert shell.complete("doectl cdat --su") == {"--summary"}
    assert "--json" in {word.rstrip("=") for word in shell.complete("doectl list --js")}


def test_nothing_is_offered_and_nothing_told_without_doed(shell, bus, tmp_path):
    silent = shell(bus.address)
    assert silent.complete("doectl show ") <= {""}
    nowhere = shell(f"unix:path={tmp_path}/no-such-bus") if isinstance(silent, Fish) else silent
    assert nowhere.complete("doectl show ") <= {""}


def test_completion_does_not_start_doed(tmp_path):
    """A bus that would start it is asked not to: what it would have run leaves no trace."""
    trace = tmp_path / "started"
    (tmp_path / "services").mkdir()
    (tmp_path / "services" / "org.doed1.service").write_text(
        f"[D-BUS Service]\nName=org.doed1\nExec=/usr/bin/touch {trace}\n")
    (tmp_path / "bus.conf").write_text(
        f"<busconfig><type>session</type><listen>unix:path={tmp_path}/bus</listen><servicedir>{tmp_path}/services</servicedir>"
        '<policy context="default"><allow send_destination="*"/><allow own="*"/><allow receive_sender="*"/>'
        '<allow user="*"/></policy></busconfig>')
    bus = subprocess.Popen(["dbus-daemon", f"--config-file={tmp_path}/bus.conf", "--nofork", "--print-address"],
                           stdout=subprocess.PIPE)
    try:
        assert bus.stdout.readline()
        doectl = [BUILD / "lib" / "client" / "doectl", "--bus", f"unix:path={tmp_path}/bus", "list"]
        silent = subprocess.run([*doectl, "--names"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=PATIENCE_S,
                                check=False)
        assert (silent.returncode, silent.stdout) == (7, b"")
        assert not trace.exists()
        subprocess.run([*doectl, "--timeout", "1"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=PATIENCE_S, check=False)
        assert trace.exists(), "the bus does start it for others"
    finally:
        bus.terminate()
        bus.wait()
        bus.stdout.close()
