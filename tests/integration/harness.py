# SPDX-License-Identifier: Apache-2.0
"""The world of a test: a bus of its own, a doed on emulated devices, and clients.

Nothing here sleeps. Whoever waits, waits for a signal, a property or the end of a process, until a deadline.
"""

import ctypes
import json
import os
import pathlib
import signal
import subprocess
import time

import gi

gi.require_version("Gio", "2.0")
from gi.repository import Gio, GLib  # noqa: E402

TOP = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("MESON_BUILD_ROOT", TOP / "build"))
DOED = BUILD / "daemon" / "doed"
DOED_STUCK = BUILD / "tests" / "integration" / "doed-stuck"
POLICY = TOP / "dbus" / "org.doed1.conf"
DEMO_TOPOLOGY = TOP / "tests" / "topologies" / "demo.json"

NAME = "org.doed1"
ROOT = "/org/doed1"
MANAGER, DEVICE, MAILBOX, CDAT = (f"{NAME}.{part}" for part in ("Manager", "Device", "Mailbox", "Cdat"))
ENDPOINT = f"{ROOT}/device/0000_0d_00_0"
ENDPOINT_MAILBOX = f"{ENDPOINT}/mailbox_190"

# Slower programs (sanitizers) get more time; a deadline is for what hangs, not for what is slow.
FACTOR = float(os.environ.get("DOED_TIMEOUT_FACTOR", "1"))
PATIENCE_S = 10 * FACTOR
NOBODY = 65534


def introspected(what):
    """What Meson says of the build folder."""
    return json.loads((BUILD / "meson-info" / f"intro-{what}.json").read_text(encoding="utf-8"))


def build_options():
    return {option["name"]: option["value"] for option in introspected("buildoptions")}


def die_with_parent():
    """Run in a child: it is killed when the test process goes, however that ends."""
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)


def wait_until(condition, what, patience_s=PATIENCE_S, tick_ms=None):
    """Runs the main loop until condition() holds and returns its value. With a tick, it is looked at at least that often: for
    what wakes no main loop."""
    context = GLib.MainContext.default()
    deadline = time.monotonic() + patience_s
    value = condition()
    while not value:
        left_ms = int((deadline - time.monotonic()) * 1000)
        assert left_ms > 0, f"waited {patience_s} s in vain for {what}"
        alarm = GLib.timeout_add(min(left_ms, tick_ms or left_ms), lambda: GLib.SOURCE_CONTINUE)
        context.iteration(True)
        GLib.source_remove(alarm)
        value = condition()
    return value


class DBusError(Exception):
    """An error reply."""

    def __init__(self, error):
        self.name = Gio.dbus_error_get_remote_error(error)
        Gio.dbus_error_strip_remote_error(error)
        self.message = error.message
        super().__init__(f"{self.name}: {self.message}")


class PendingCall:
    """A call whose answer is still to come."""

    def __init__(self):
        self.done = False
        self.value = None
        self.error = None

    def finish(self, connection, result, _):
        try:
            answer, self.fds = connection.call_with_unix_fd_list_finish(result)
            self.value = answer.unpack()
        except GLib.Error as error:
            self.error = DBusError(error)
        self.done = True

    def result(self, patience_s=PATIENCE_S):
        wait_until(lambda: self.done, "the answer to a call", patience_s)
        if self.error:
            raise self.error
        return self.value[0] if len(self.value) == 1 else self.value


class Client:
    """A connection to the bus."""

    def __init__(self, address):
        flags = Gio.DBusConnectionFlags
        self.connection = Gio.DBusConnection.new_for_address_sync(
            address, flags.AUTHENTICATION_CLIENT | flags.MESSAGE_BUS_CONNECTION, None, None)
        self.connection.set_exit_on_close(False)

    def close(self):
        if not self.connection.is_closed():
            self.connection.close_sync(None)

    def start(self, path, interface, method, arguments=None, name=NAME):
        """Sends a call and returns at once; arguments is a GLib.Variant tuple."""
        pending = PendingCall()
        self.connection.call_with_unix_fd_list(
            name, path, interface, method, arguments, None, Gio.DBusCallFlags.NO_AUTO_START,
            int(PATIENCE_S * 1000), None, None, pending.finish, None)
        return pending

    def call(self, path, interface, method, arguments=None, name=NAME):
        return self.start(path, interface, method, arguments, name).result()

    def invoke_later(self, path, interface, method, **options):
        """A method of the contract: its only argument is the options, each an (signature, value) pair."""
        variants = {key.replace("_", "-"): GLib.Variant(*value) for key, value in options.items()}
        return self.start(path, interface, method, GLib.Variant("(a{sv})", (variants,)))

    def invoke(self, path, interface, method, **options):
        return self.invoke_later(path, interface, method, **options).result()

    def invoke_for_file(self, path, interface, method, **options):
        """The descriptor that the method hands out; the caller closes it."""
        pending = self.invoke_later(path, interface, method, **options)
        return pending.fds.get(pending.result()) if pending.result() is not None else None

    def get(self, path, interface, name):
        return self.call(path, "org.freedesktop.DBus.Properties", "Get", GLib.Variant("(ss)", (interface, name)))

    def get_all(self, path, interface):
        return self.call(path, "org.freedesktop.DBus.Properties", "GetAll", GLib.Variant("(s)", (interface,)))

    def objects(self):
        return self.call(ROOT, "org.freedesktop.DBus.ObjectManager", "GetManagedObjects")

    def introspect(self, path):
        return self.call(path, "org.freedesktop.DBus.Introspectable", "Introspect")

    def owner(self):
        """Who owns doed's name; None when nobody does."""
        try:
            return self.call("/org/freedesktop/DBus", "org.freedesktop.DBus", "GetNameOwner",
                             GLib.Variant("(s)", (NAME,)), name="org.freedesktop.DBus")
        except DBusError:
            return None

    def signals(self, interface, member, path=None, sender=NAME):
        """A list that grows with every signal from now on: (path, arguments)."""
        heard = []

        def hear(_connection, _sender, its_path, _interface, _member, arguments):
            heard.append((its_path, arguments.unpack()))

        self.connection.signal_subscribe(sender, interface, member, path, None, Gio.DBusSignalFlags.NONE, hear)
        return heard

    def wait_for(self, path, interface, name, value, patience_s=PATIENCE_S):
        """Until a property has a value."""
        heard = self.signals("org.freedesktop.DBus.Properties", "PropertiesChanged", path)

        def reached():
            # A signal that came while we asked has woken nobody yet to ask again.
            while True:
                heard.clear()
                if self.get(path, interface, name) == value:
                    return True
                if not heard:
                    return False

        if not reached():
            wait_until(lambda: heard and reached(), f"{name} of {path} to be {value!r}", patience_s)


class FakePolkit:
    """polkit's service on a test's bus, which says what the test wants: `verdict` is (is_authorized, is_challenge), or None for
    no answer until answer()."""

    XML = """<node><interface name="org.freedesktop.PolicyKit1.Authority">
      <method name="CheckAuthorization">
        <arg type="(sa{sv})" direction="in"/><arg type="s" direction="in"/><arg type="a{ss}" direction="in"/>
        <arg type="u" direction="in"/><arg type="s" direction="in"/><arg type="(bba{ss})" direction="out"/>
      </method>
      <method name="CancelCheckAuthorization"><arg type="s" direction="in"/></method>
    </interface></node>"""
    RULES = """<policy user="root"><allow own="org.freedesktop.PolicyKit1"/>
      <allow send_destination="org.freedesktop.PolicyKit1"/></policy>"""

    def __init__(self, address):
        self.verdict = (False, False)
        self.asked = []
        self.cancelled = []
        self.open = []
        self.client = Client(address)
        interface = Gio.DBusNodeInfo.new_for_xml(self.XML).interfaces[0]
        self.client.connection.register_object("/org/freedesktop/PolicyKit1/Authority", interface, self._called)
        self.client.call("/org/freedesktop/DBus", "org.freedesktop.DBus", "RequestName",
                         GLib.Variant("(su)", ("org.freedesktop.PolicyKit1", 4)), name="org.freedesktop.DBus")

    def _called(self, _connection, _sender, _path, _interface, method, arguments, invocation):
        if method == "CancelCheckAuthorization":
            self.cancelled.append(arguments.unpack()[0])
            invocation.return_value(None)
            return
        (kind, details), action, _, flags, cancellation = arguments.unpack()
        self.asked.append((kind, details, action, flags, cancellation))
        self.open.append(invocation)
        if self.verdict is not None:
            self.answer(*self.verdict)

    def answer(self, is_authorized, is_challenge=False):
        for invocation in self.open:
            invocation.return_value(GLib.Variant("((bba{ss}))", ((is_authorized, is_challenge, {}),)))
        self.open = []

    def stop(self):
        self.client.close()


class Bus:
    """A private dbus-daemon under the policy that doed ships."""

    def __init__(self, folder, policy=POLICY):
        self.address = f"unix:path={folder}/bus"
        config = folder / "bus.conf"
        config.write_text((TOP / "tests/integration/bus.conf.in").read_text()
                          .replace("@SOCKET@", f"{folder}/bus").replace("@POLICY@", str(policy))
                          .replace("@USER@", str(os.geteuid())))
        with open(folder / "bus.log", "wb") as log:
            self.process = subprocess.Popen(
                ["dbus-daemon", f"--config-file={config}", "--nofork", "--nopidfile", "--print-address"],
                stdout=subprocess.PIPE, stderr=log, preexec_fn=die_with_parent)
        # The address is printed once the socket listens; the end of the file means it never will.
        assert self.process.stdout.readline(), (folder / "bus.log").read_text()

    def stop(self):
        self.process.terminate()
        self.process.wait(PATIENCE_S)
        self.process.stdout.close()


class Doed:
    """A doed process. Its log is self.log(), its exit code comes from stop() or wait()."""

    def __init__(self, bus_address, log_file, *options, env=None, runner=(), stderr=subprocess.STDOUT,
                 program=DOED):
        self.log_file = log_file
        self.killed = False
        with open(log_file, "wb") as log:
            self.process = subprocess.Popen(
                [*runner, program, "--bus", bus_address, *map(str, options)], stdout=log, stderr=stderr,
                env={**os.environ, **(env or {})}, preexec_fn=die_with_parent)

    def log(self):
        return self.log_file.read_text()

    def await_name(self, client):
        """Until it serves."""
        changes = client.signals("org.freedesktop.DBus", "NameOwnerChanged", sender="org.freedesktop.DBus")
        ended = []
        watch = GLib.child_watch_add(GLib.PRIORITY_DEFAULT, self.process.pid,
                                     lambda _pid, status: ended.append(status))

        def decided():
            # As in wait_for(): what came while we asked is asked for again.
            while not ended and not client.owner():
                if not changes and not ended:
                    return False
                changes.clear()
            return True

        wait_until(decided, "doed to take its name")
        if ended:
            # The watch has taken the exit status from under subprocess.
            self.process.returncode = os.waitstatus_to_exitcode(ended[0])
            raise AssertionError(f"doed ended with {self.process.returncode}: {self.log()}")
        GLib.source_remove(watch)
        changes.clear()

    def signal(self, number=signal.SIGTERM):
        self.process.send_signal(number)

    def kill(self):
        """Ends it as a crash would."""
        self.killed = True
        self.process.kill()
        self.wait()

    def wait(self, patience_s=PATIENCE_S):
        return self.process.wait(patience_s)

    def stop(self):
        """Ends it and returns its exit code; the log shows what sanitizers had to say."""
        if self.process.poll() is None:
            self.signal()
            try:
                self.wait()
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.wait()
                raise
        return self.process.returncode


def endpoint(address="0000:0d:00.0", **keys):
    """A topology with one CXL endpoint; keys as docs/topology.md has them."""
    return {"address": address, "kind": "cxl-endpoint", **keys}


def topology(*devices):
    return {"version": 1, "devices": list(devices)}


def write_json(path, value):
    path.write_text(json.dumps(value))
    return path


def run_doed(*options, env=None, **process):
    """Runs a doed that is expected to end by itself, and returns (exit code, its one line)."""
    ended = subprocess.run([DOED, *map(str, options)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                           timeout=PATIENCE_S, env={**os.environ, **(env or {})}, check=False, **process)
    return ended.returncode, ended.stdout.splitlines()


class FakeHost:
    """A tree that looks like /sys, with one CXL endpoint whose config space is a plain file."""

    def __init__(self, root):
        self.root = root
        self.device = root / "bus/pci/devices/0000:0d:00.0"
        self.device.mkdir(parents=True)
        config = bytearray(4096)
        config[0:4] = bytes.fromhex("8680930d")
        config[0x100:0x104] = (0x1002E).to_bytes(4, "little")  # DOE, version 1, end of the chain
        (self.device / "config").write_bytes(config)
        for name, text in {"vendor": "0x8086", "device": "0x0d93", "class": "0x050210"}.items():
            (self.device / name).write_text(text + "\n")

    MAILBOX = f"{ENDPOINT}/mailbox_100"

    def lock_down(self, mode):
        folder = self.root / "kernel/security"
        folder.mkdir(parents=True)
        modes = " ".join(f"[{m}]" if m == mode else m for m in ("none", "integrity", "confidentiality"))
        (folder / "lockdown").write_text(modes + "\n")

    def add_cxl_port(self, table):
        """What the kernel's CXL drivers make of an endpoint: a port, and the table they read."""
        port = self.root / "bus/cxl/devices/endpoint2"
        port.mkdir(parents=True)
        (port / "uport").symlink_to("../../../../pci0000:0c/0000:0c:00.0/0000:0d:00.0/mem0")
        (port / "CDAT").write_bytes(table)
        driver = self.root / "bus/pci/drivers/cxl_pci"
        driver.mkdir(parents=True)
        (self.device / "driver").symlink_to(driver)

    def options(self):
        return ["--backend", "sysfs", "--sysfs-root", self.root]


def make_table(size_bytes, sequence=1):
    """A CDAT of the given size: its header and structures of a reserved type, with a valid checksum."""
    table = bytearray(size_bytes.to_bytes(4, "little") + bytes([1, 0]) + bytes(6) + sequence.to_bytes(4, "little"))
    while len(table) < size_bytes:
        length = min(size_bytes - len(table), 0x8000)
        table += bytes([0xC0, 0]) + length.to_bytes(2, "little") + bytes(length - 4)
    table[5] = -sum(table) & 0xFF
    return bytes(table)
