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

# The same when it is told to end by a signal: says so and goes on. The signal may come within print(), which a handler must not
# enter again.
STUBBORN_TOOL = ("/usr/bin/python3", "-c", r"""
import os, signal, sys
signal.signal(signal.SIGTERM, lambda *_: os.write(1, b"SIGTERM\n"))
print(os.environ["DOED_MAILBOX"], flush=True)
sys.stdin.readline()
sys.exit(7)
""")

# Does everything in a child process.
PARENT = ("/usr/bin/python3", "-c", """
import subprocess, sys
subprocess.run(sys.argv[1:], close_fds=False)
""")


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


def end_of_lease(doectl, client):
    """Lets what runs under the lease end, without waiting for doectl; true when the mailbox is back."""
    doectl.stdin.write("go\n")
    doectl.stdin.flush()
    client.wait_for(ENDPOINT_MAILBOX, MAILBOX, "State", "idle")
    return read_line(doectl.stdout) == ""


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


def test_one_command_after_the_other_gets_the_mailbox(doed, bus):
    """As in a script: nothing is waited for in between."""
    for _ in range(10):
        assert run_doectl(bus, "release", LENT, "--", "true") == (0, "", "")


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


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT, signal.SIGQUIT])
def test_a_signal_that_ends_doectl_ends_the_command_and_its_children_first(doed, bus, client, number):
    with lent(bus, command=(*PARENT, "sh", "-c", 'echo "$DOED_MAILBOX"; exec sleep 1000')) as doectl:
        doectl.send_signal(number)
        client.wait_for(ENDPOINT_MAILBOX, MAILBOX, "State", "idle")
        assert read_line(doectl.stdout) == "", "nobody is left to write anything"
        # Python ends with 1 at SIGINT, after its child.
        assert doectl.wait(PATIENCE_S) in (128 + number, 1)


def test_doectl_waits_for_a_command_that_takes_its_time_to_end(doed, bus, client):
    with lent(bus, command=STUBBORN_TOOL) as doectl:
        doectl.send_signal(signal.SIGTERM)
        assert read_line(doectl.stdout) == "SIGTERM"
        assert client.get(ENDPOINT_MAILBOX, MAILBOX, "State") == "released"
        assert doectl.poll() is None
        assert end(doectl) == 7
    client.wait_for(ENDPOINT_MAILBOX, MAILBOX, "State", "idle")


def test_a_child_that_outlives_command_and_doectl_keeps_the_mailbox(doed, bus, client):
    with lent(bus, command=(*PARENT, *STUBBORN_TOOL)) as doectl:
        doectl.send_signal(signal.SIGTERM)
        assert doectl.wait(PATIENCE_S) == 128 + signal.SIGTERM
        assert read_line(doectl.stdout) == "SIGTERM"
        assert client.get(ENDPOINT_MAILBOX, MAILBOX, "State") == "released"
        assert end_of_lease(doectl, client)


def test_a_killed_doectl_leaves_the_mailbox_to_its_command(doed, bus, client):
    with lent(bus, command=(*PARENT, *TOOL)) as doectl:
        doectl.kill()
        doectl.wait(PATIENCE_S)
        for _ in range(20):
            assert error_of(client, ENDPOINT_MAILBOX, MAILBOX, "Discover").name == "org.doed1.Error.Released"
        assert end_of_lease(doectl, client)


def test_a_command_holds_the_lease_by_the_descriptor_it_is_told(doed, bus, client):
    close = 'echo "$DOED_MAILBOX"; eval "exec $DOED_LEASE_FD>&-"; read -r word; exit 7'
    with lent(bus, command=("sh", "-c", close)) as doectl:
        doectl.kill()
        client.wait_for(ENDPOINT_MAILBOX, MAILBOX, "State", "idle")


def test_a_command_that_is_not_found_is_127(doed, bus, client):
    code, _, message = run_doectl(bus, "release", LENT, "--", "/nonexistent/tool", "--option")
    assert (code, message) == (127, "doectl: cannot run /nonexistent/tool: No such file or directory; "
                                    "see whether the name is right\n")
    assert run_doectl(bus, "release", LENT, "--", "a-command-that-nobody-has")[0] == 127
    client.wait_for(ENDPOINT_MAILBOX, MAILBOX, "State", "idle")


def test_a_command_that_is_no_program_is_126(doed, bus, client, tmp_path):
    (tmp_path / "text").write_text("not a program\n")
    code, _, message = run_doectl(bus, "release", LENT, "--", tmp_path / "text")
    assert (code, message) == (126, f"doectl: cannot run {tmp_path}/text: Permission denied; "
                                    "see whether it is a program, and yours to run\n")
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


def test_the_end_of_all_copies_of_the_descriptor_ends_the_lease(doed, client):
    lease = release(client)
    copy = os.dup(lease)
    os.close(lease)
    assert client.get(ENDPOINT_MAILBOX, MAILBOX, "State") == "released"
    os.close(copy)
    client.wait_for(ENDPOINT_MAILBOX, MAILBOX, "State", "idle")


def test_a_holder_that_leaves_the_bus_keeps_what_its_descriptor_holds(doed, bus, client):
    holder = harness.Client(bus.address)
    lease = release(holder)
    holder.close()
    assert error_of(client, ENDPOINT_MAILBOX, MAILBOX, "Discover").name == "org.doed1.Error.Released"
    os.close(lease)
    client.wait_for(ENDPOINT_MAILBOX, MAILBOX, "State", "idle")


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


# ---- doed ends and begins ----


@pytest.fixture
def start_again(start_doed, tmp_path):
    """A function that starts a doed; each finds the leases of the one before."""
    return lambda: start_doed(env={"RUNTIME_DIRECTORY": str(tmp_path / "run")})


def stop(doed):
    assert doed.stop() == 0


def kill(doed):
    doed.kill()


@pytest.mark.parametrize("leave", [stop, kill])
def test_a_lease_outlives_doed(start_again, bus, client, tmp_path, leave):
    doed = start_again()
    with lent(bus) as doectl:
        reason = client.get(ENDPOINT_MAILBOX, MAILBOX, "OwnerReason")
        leave(doed)
        start_again()
        properties = client.get_all(ENDPOINT_MAILBOX, MAILBOX)
        assert (properties["Owner"], properties["State"]) == ("released", "released")
        assert properties["OwnerReason"] == reason
        assert (properties["ConfigReads"], properties["ConfigWrites"]) == (0, 0), "nothing was done to it"
        for method in ("Discover", "Reset", "Release"):
            assert error_of(client, ENDPOINT_MAILBOX, MAILBOX, method).name == "org.doed1.Error.Released"
        assert client.get(SWITCH_MAILBOX, MAILBOX, "State") == "idle"
        assert end(doectl) == 7
    client.wait_for(ENDPOINT_MAILBOX, MAILBOX, "State", "idle")
    assert client.get(ENDPOINT_MAILBOX, MAILBOX, "OwnerReason") == "no kernel driver is bound"
    assert len(client.invoke(ENDPOINT_MAILBOX, CDAT, "GetTable")) > 0
    assert not list((tmp_path / "run" / "leases").iterdir())


def test_a_lease_outlives_doed_after_doed(start_again, client):
    doed = start_again()
    lease = release(client)
    for leave in (kill, stop, kill):
        leave(doed)
        doed = start_again()
        assert client.get(ENDPOINT_MAILBOX, MAILBOX, "State") == "released"
    os.close(lease)
    client.wait_for(ENDPOINT_MAILBOX, MAILBOX, "State", "idle")


@pytest.mark.parametrize("leave", [stop, kill])
def test_a_lease_that_ends_while_there_is_no_doed_is_over(start_again, client, leave):
    doed = start_again()
    lease = release(client)
    leave(doed)
    os.close(lease)
    start_again()
    client.wait_for(ENDPOINT_MAILBOX, MAILBOX, "State", "idle")
    os.close(release(client))
    client.wait_for(ENDPOINT_MAILBOX, MAILBOX, "State", "idle")


def test_the_file_of_a_lease_says_who_has_it(start_again, client, tmp_path):
    start_again()
    lease = release(client)
    assert [(file.name, file.read_text()) for file in (tmp_path / "run" / "leases").iterdir()] == [
        ("0000:0d:00.0_190", client.connection.get_unique_name() + "\n")]
    os.close(lease)
    client.wait_for(ENDPOINT_MAILBOX, MAILBOX, "State", "idle")
    assert not list((tmp_path / "run" / "leases").iterdir())


def test_leases_of_an_emulated_host_leave_nothing_behind(start_doed, client, tmp_path):
    doed = start_doed(env={"RUNTIME_DIRECTORY": ""})
    lease = release(client)
    assert len(list(tmp_path.glob("tmp/doed-leases-*/0000:0d:00.0_190"))) == 1
    assert doed.stop() == 0
    assert not list((tmp_path / "tmp").iterdir())
    os.close(lease)


def test_a_doed_that_cannot_keep_leases_does_not_start(bus, tmp_path):
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "leases").write_text("no directory")
    code, lines = harness.run_doed("--bus", bus.address, "--backend", f"emulator:{harness.DEMO_TOPOLOGY}",
                                   env={"RUNTIME_DIRECTORY": str(tmp_path / "run")})
    assert (code, len(lines)) == (1, 1), lines
    assert f"cannot keep leases: {tmp_path}/run/leases: " in lines[0]
