# SPDX-License-Identifier: Apache-2.0
"""A mailbox is lent: nobody else gets it meanwhile, and doed has it back however the lease ends."""

import contextlib
import os
import select
import signal
import subprocess

import pytest

import harness
from harness import BUILD, CDAT, DBusError, ENDPOINT_MAILBOX, MAILBOX, PATIENCE_S, ROOT

DOECTL = BUILD / "lib" / "client" / "doectl"
LENT = "0d:00.0/190"
SWITCH_MAILBOX = f"{ROOT}/device/0000_0e_00_0/mailbox_1a8"
ACCELERATOR = f"{ROOT}/device/0000_3b_00_0"

# Tells that it runs, and of what; lasts until it is told something, and then ends with 7.
TOOL = ("sh", "-c", 'echo "$DOED_MAILBOX"; read -r word; exit 7')


def run_doectl(bus, *words):
    """Runs doectl to its end: exit code, standard output, standard error."""
    ended = subprocess.run([DOECTL, "--bus", bus.address, *map(str, words)], stdin=subprocess.DEVNULL, text=True,
                           capture_output=True, timeout=PATIENCE_S, check=False)
    return ended.returncode, ended.stdout, ended.stderr


def read_line(stream):
    """The next line, empty at the end; fails when neither comes."""
    assert select.select([stream], [], [], PATIENCE_S)[0], "waited in vain for a line"
    return stream.readline().rstrip("\n")


@contextlib.contextmanager
def lent(bus, device=LENT, command=TOOL):
    """A doectl under whose lease a command runs."""
    with subprocess.Popen([DOECTL, "--bus", bus.address, "release", device, "--", *command], text=True,
                          stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          preexec_fn=harness.die_with_parent) as doectl:
        try:
            doectl.mailbox = read_line(doectl.stdout)
            assert doectl.mailbox, doectl.stderr.read()
            yield doectl
        finally:
            doectl.kill()


def end(doectl):
    """Lets the command end; the exit code of doectl."""
    doectl.stdin.write("go\n")
    doectl.stdin.flush()
    return doectl.wait(PATIENCE_S)


def error_of(client, path, interface, method, **options):
    with pytest.raises(DBusError) as refused:
        client.invoke(path, interface, method, **options)
    return refused.value


def owners(heard):
    """What Owner has become, one signal after the other."""
    return [changed["Owner"] for _path, (_interface, changed, _invalidated) in heard if "Owner" in changed]


# ---- doectl release ----


def test_a_command_runs_knowing_its_mailbox_and_its_exit_code_is_doectls(doed, bus):
    with lent(bus) as doectl:
        assert doectl.mailbox == "0000:0d:00.0/190"
        assert end(doectl) == 7
        assert doectl.stderr.read() == ""


def test_a_mailbox_is_released_for_the_time_of_the_command(doed, bus, client):
    table = client.invoke(ENDPOINT_MAILBOX, CDAT, "GetTable")
    heard = client.signals("org.freedesktop.DBus.Properties", "PropertiesChanged", ENDPOINT_MAILBOX)
    with lent(bus) as doectl:
        properties = client.get_all(ENDPOINT_MAILBOX, MAILBOX)
        assert (properties["Owner"], properties["State"]) == ("released", "released")
        assert (properties["Backend"], properties["Completion"]) == ("", "")
        assert properties["OwnerReason"].startswith("lent to :1.")
        assert end(doectl) == 7
    client.wait_for(ENDPOINT_MAILBOX, MAILBOX, "State", "idle")
    assert owners(heard) == ["released", "daemon"]
    properties = client.get_all(ENDPOINT_MAILBOX, MAILBOX)
    assert (properties["Owner"], properties["OwnerReason"]) == ("daemon", "no kernel driver is bound")
    assert (properties["Backend"], properties["Completion"]) == ("emulator", "poll")
    assert client.invoke(ENDPOINT_MAILBOX, CDAT, "GetTable", refresh=("b", True)) == table


def test_what_needs_the_mailbox_is_refused_meanwhile_and_nothing_else(doed, bus, client):
    with lent(bus):
        for interface, method, options in (
                (MAILBOX, "Discover", {}), (MAILBOX, "Reset", {}), (MAILBOX, "Release", {}), (CDAT, "Refresh", {}),
                (CDAT, "GetTable", {}), (CDAT, "GetTable", {"refresh": ("b", True)}),
                (CDAT, "GetTableFd", {"refresh": ("b", True)})):
            error = error_of(client, ENDPOINT_MAILBOX, interface, method, **options)
            assert error.name == "org.doed1.Error.Released", method
            assert "0000:0d:00.0 mailbox 0x190: lent to :1." in error.message
        assert len(client.invoke(SWITCH_MAILBOX, CDAT, "GetTable", refresh=("b", True))) == 64
        assert client.get(SWITCH_MAILBOX, MAILBOX, "Owner") == "daemon"


def test_one_mailbox_of_two_is_lent_alone(doed, bus, client):
    code, _, message = run_doectl(bus, "release", "3b:00.0", "--", "true")
    assert (code, "3b:00.0" in message) == (2, True), "it has to be said which"
    with lent(bus, "3b:00.0/180") as doectl:
        assert doectl.mailbox == "0000:3b:00.0/180"
        assert client.get(f"{ACCELERATOR}/mailbox_180", MAILBOX, "Owner") == "released"
        assert client.get(f"{ACCELERATOR}/mailbox_160", MAILBOX, "Owner") == "daemon"
        client.invoke(f"{ACCELERATOR}/mailbox_160", MAILBOX, "Discover")
        assert end(doectl) == 7
    client.wait_for(f"{ACCELERATOR}/mailbox_180", MAILBOX, "State", "idle")


def test_a_mailbox_that_is_lent_cannot_be_lent_to_another(doed, bus, tmp_path):
    with lent(bus) as doectl:
        code, _, message = run_doectl(bus, "release", LENT, "--", "touch", tmp_path / "ran")
        assert (code, "org.doed1.Error.Released" in message) == (5, True), message
        assert end(doectl) == 7
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGHUP])
def test_the_end_of_doectl_ends_lease_and_command(doed, bus, client, number):
    with lent(bus) as doectl:
        doectl.send_signal(number)
        client.wait_for(ENDPOINT_MAILBOX, MAILBOX, "State", "idle")
        assert client.get(ENDPOINT_MAILBOX, MAILBOX, "Owner") == "daemon"
        assert doectl.wait(PATIENCE_S) == -number
        assert read_line(doectl.stdout) == "", "the command has ended too"


def test_a_command_that_is_not_found_is_127(doed, bus, client):
    code, _, message = run_doectl(bus, "release", LENT, "--", "/nonexistent/tool", "--option")
    assert (code, message) == (127, "doectl: cannot run /nonexistent/tool: No such file or directory\n")
    assert run_doectl(bus, "release", LENT, "--", "a-command-that-nobody-has")[0] == 127
    client.wait_for(ENDPOINT_MAILBOX, MAILBOX, "State", "idle")


def test_a_command_that_is_no_program_is_126(doed, bus, client, tmp_path):
    (tmp_path / "text").write_text("not a program\n")
    code, _, message = run_doectl(bus, "release", LENT, "--", tmp_path / "text")
    assert (code, message) == (126, f"doectl: cannot run {tmp_path}/text: Permission denied\n")
    assert run_doectl(bus, "release", LENT, "--", tmp_path)[0] == 126
    client.wait_for(ENDPOINT_MAILBOX, MAILBOX, "State", "idle")


def test_a_command_that_is_killed_is_128_and_the_signal(doed, bus, client):
    assert run_doectl(bus, "release", LENT, "--", "sh", "-c", "kill -KILL $$")[0] == 128 + signal.SIGKILL
    client.wait_for(ENDPOINT_MAILBOX, MAILBOX, "State", "idle")


def test_a_device_that_is_not_there_cannot_be_lent(doed, bus, tmp_path):
    for device in ("7f:00.0", "0d:00.0/1a8"):
        code, _, message = run_doectl(bus, "release", device, "--", "touch", tmp_path / "ran")
        assert (code, device.split("/", maxsplit=1)[0] in message) == (3, True), message
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("owner,error", [("kernel", "KernelOwned"), ("ignore", "NotSupported")])
def test_a_mailbox_that_is_not_ours_is_not_lent(start_doed, bus, client, tmp_path, owner, error):
    start_doed(config={"devices": {"0d:00.0": {"owner": owner}}})
    assert error_of(client, ENDPOINT_MAILBOX, MAILBOX, "Release").name == f"org.doed1.Error.{error}"
    code, _, message = run_doectl(bus, "release", LENT, "--", "touch", tmp_path / "ran")
    assert (code, f"org.doed1.Error.{error}" in message) == (5, True), message
    assert not (tmp_path / "ran").exists()


# ---- Release ----


def release(client):
    """The lease, a descriptor."""
    lease = client.invoke_for_file(ENDPOINT_MAILBOX, MAILBOX, "Release")
    assert client.get(ENDPOINT_MAILBOX, MAILBOX, "State") == "released"
    return lease


def has_ended(lease):
    """Whether its holder is told that the lease is over, in some time."""
    poller = select.poll()
    poller.register(lease, 0)
    return poller.poll(PATIENCE_S * 1000) == [(lease, select.POLLERR)]


def test_the_end_of_all_copies_of_the_descriptor_ends_the_lease(doed, client):
    lease = release(client)
    copy = os.dup(lease)
    os.close(lease)
    assert client.get(ENDPOINT_MAILBOX, MAILBOX, "State") == "released"
    os.close(copy)
    client.wait_for(ENDPOINT_MAILBOX, MAILBOX, "State", "idle")


def test_a_holder_that_leaves_the_bus_has_no_lease_any_more(doed, bus, client):
    holder = harness.Client(bus.address)
    lease = release(holder)
    holder.close()
    client.wait_for(ENDPOINT_MAILBOX, MAILBOX, "State", "idle")
    assert has_ended(lease)
    os.close(lease)


def slow():
    return harness.topology(harness.endpoint(response_time_us=300_000))


def test_what_runs_is_let_end_and_who_waits_is_refused(start_doed, client):
    start_doed(slow())
    client.wait_for(ENDPOINT_MAILBOX, MAILBOX, "State", "idle")
    running = client.invoke_later(ENDPOINT_MAILBOX, CDAT, "GetTable")
    waiting = client.invoke_later(ENDPOINT_MAILBOX, MAILBOX, "Discover")
    client.wait_for(ENDPOINT_MAILBOX, MAILBOX, "State", "busy")
    pending = client.invoke_later(ENDPOINT_MAILBOX, MAILBOX, "Release")
    for call in (running, waiting):
        with pytest.raises(DBusError) as refused:
            call.result()
        assert refused.value.name == "org.doed1.Error.Released"
    assert not pending.done, "the device still works on what ran"
    handle = pending.result()
    os.close(pending.fds.steal_fds()[handle])
    client.wait_for(ENDPOINT_MAILBOX, MAILBOX, "State", "idle")


def test_a_lease_that_comes_too_late_is_not_given(start_doed, client):
    start_doed(slow())
    client.wait_for(ENDPOINT_MAILBOX, MAILBOX, "State", "idle")
    running = client.invoke_later(ENDPOINT_MAILBOX, CDAT, "GetTable")
    client.wait_for(ENDPOINT_MAILBOX, MAILBOX, "State", "busy")
    error = error_of(client, ENDPOINT_MAILBOX, MAILBOX, "Release", deadline_usec=("t", 1000))
    assert error.name == "org.doed1.Error.DeadlineExceeded"
    assert "0000:0d:00.0 mailbox 0x190" in error.message
    with pytest.raises(DBusError):
        running.result()
    client.wait_for(ENDPOINT_MAILBOX, MAILBOX, "State", "idle")


def test_the_end_of_doed_ends_the_lease(start_doed, client):
    doed = start_doed()
    lease = release(client)
    assert doed.stop() == 0
    assert has_ended(lease)
    os.close(lease)
