#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The real doed on a private bus, measured from outside: calls per second, answers while devices block and long tables are
read, memory, start-up, many devices that appear at once, where its processor time goes. One line of JSON for each figure.

usage: MESON_BUILD_ROOT=FOLDER end_to_end.py [dbus|stall|idle|functions|hotplug|profile]...
"""

import contextlib
import json
import os
import pathlib
import platform
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "integration"))
import harness  # noqa: E402
from harness import CDAT, MAILBOX  # noqa: E402

CLIENT = harness.BUILD / "tests/bench/bench-client"
STALL_S = 10


def tell(**about):
    print(json.dumps(about), flush=True)


def address(number):
    return f"{number >> 8:04x}:{number & 0xFF:02x}:00.0"


def mailbox(number):
    return f"{harness.ROOT}/device/{number >> 8:04x}_{number & 0xFF:02x}_00_0/mailbox_190"


def device(number, faults=(), **keys):
    box = {"offset": "0x190", "protocols": ["1e98:02"], "faults": list(faults)}
    return harness.endpoint(address(number), mailboxes=[box], **keys)


class World:
    """A folder, a bus and a client; what it starts ends with it."""

    def __enter__(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="doed-bench-"))
        self.folder.chmod(0o755)
        self.bus = harness.Bus(self.folder)
        self.client = harness.Client(self.bus.address)
        self.doed = None
        return self

    def __exit__(self, *_):
        if self.doed:
            self.doed.stop()
        self.client.close()
        self.bus.stop()
        shutil.rmtree(self.folder)

    def start(self, *devices, config=None, options=None, env=None):
        """Starts doed and returns the seconds until it has its name."""
        options = list(options or ())
        if devices:
            topology = harness.write_json(self.folder / "topology.json", harness.topology(*devices))
            options += ["--backend", f"emulator:{topology}"]
        if config:
            options += ["--config", harness.write_json(self.folder / "doed.json", config)]
        begin = time.monotonic()
        self.doed = harness.Doed(self.bus.address, self.folder / "doed.log", *options, env=env)
        self.doed.await_name(self.client)
        return time.monotonic() - begin

    def table(self, size_bytes):
        path = self.folder / f"table{size_bytes}"
        path.write_bytes(harness.make_table(size_bytes))
        return path.name

    def refresh(self, path):
        return self.client.invoke(path, CDAT, "Refresh", deadline_usec=("t", 600_000_000))

    def processor_s(self):
        fields = pathlib.Path(f"/proc/{self.doed.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def memory_bytes(self):
        status = pathlib.Path(f"/proc/{self.doed.process.pid}/status").read_text()
        return 1024 * int(re.search(r"^VmRSS:\s+(\d+) kB", status, re.M)[1])


def lines_of(*words):
    ended = subprocess.run([CLIENT, *map(str, words)], stdout=subprocess.PIPE, text=True, check=True)
    return [json.loads(line) for line in ended.stdout.splitlines()]


def library_version(name):
    """The version of a library that the build folder was configured with."""
    dependencies = json.loads((harness.BUILD / "meson-info/intro-dependencies.json").read_text())
    return next(dependency["version"] for dependency in dependencies if dependency["name"] == name)


@contextlib.contextmanager
def bare_service(bus, size_bytes):
    """In doed's place, a service that does nothing but answer GetTable."""
    with subprocess.Popen([CLIENT, "serve", bus.address, str(size_bytes)], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                          text=True) as service:
        assert service.stdout.readline() == "ready\n"
        yield
        service.stdin.close()


def measure_dbus():
    about = {"sdbus": library_version("sdbus-c++"), "system": platform.freedesktop_os_release()["PRETTY_NAME"]}
    # What is longer than a message may be has GetTableFd alone.
    tables = {1: (160, ["GetTable", "GetTableFd"]), 2: (64 << 10, ["GetTable", "GetTableFd"]), 3: (1 << 20, ["GetTableFd"])}
    with World() as world:
        def rates(service, number, size, *calls):
            for line in lines_of("rates", world.bus.address, mailbox(number), *calls):
                tell(**line, size_bytes=size, service=service, **about)

        world.start(*(device(number, response_time_us=0, cdat="default" if size == 160 else world.table(size))
                      for number, (size, _) in tables.items()))
        for number, (size, calls) in tables.items():
            world.refresh(mailbox(number))
            rates("doed", number, size, *calls)
        world.doed.stop()
        for number, (size, calls) in tables.items():
            if "GetTable" in calls:
                with bare_service(world.bus, size):
                    rates("bare", number, size, "GetTable")


class Refreshing:
    """Keeps tables being read, each anew as soon as it is there, or has failed."""

    def __init__(self, client, **kinds):
        self.client = client
        self.kinds = {path: kind for kind, paths in kinds.items() for path in paths}
        self.read = dict.fromkeys(kinds, 0)
        self.failed = dict.fromkeys(kinds, 0)
        self.calls = {path: self.begin(path) for path in self.kinds}

    def begin(self, path):
        return self.client.invoke_later(path, CDAT, "Refresh", deadline_usec=("t", 3_000_000))

    def turn(self):
        for path, call in self.calls.items():
            if call.done:
                try:
                    call.result()
                    self.read[self.kinds[path]] += 1
                except harness.DBusError:
                    self.failed[self.kinds[path]] += 1
                self.calls[path] = self.begin(path)


def measure_stall():
    """Asked of doed: a device with a copy. Around it: megabytes, mailboxes that stay busy, accesses that block."""
    long_tables, stuck, blocking = range(0x10, 0x14), range(0x20, 0x24), range(0x30, 0x34)
    slow = {"kind": "slow-access", "rate": 0.05, "time_us": 500_000}
    with World() as world:
        table = world.table(1 << 20)
        # Busy for ever once claimed, as far as an abort does not help: from the second exchange of a drive on.
        world.start(device(1, response_time_us=0),
                    *(device(n, response_time_us=0, cdat=table) for n in long_tables),
                    *(device(n, [{"kind": "stuck-busy", "at": 4, "count": 1000}], response_time_us=0) for n in stuck),
                    *(device(n, [slow], response_time_us=0) for n in blocking),
                    config={"queue_limit_per_client": 64, "queue_limit_per_user": 64, "refresh_limit": 64})
        world.refresh(mailbox(1))
        load = Refreshing(world.client, long=map(mailbox, long_tables), stuck=map(mailbox, stuck),
                          blocking=map(mailbox, blocking))
        cpu, begin = world.processor_s(), time.monotonic()
        pids = [str(process.pid) for process in (world.bus.process, world.doed.process)]
        probe = subprocess.Popen([CLIENT, "probe", world.bus.address, mailbox(1), str(STALL_S), *pids],
                                 stdout=subprocess.PIPE, text=True)

        def over():
            load.turn()
            return probe.poll() is not None

        harness.wait_until(over, "the probe to end", STALL_S + 30, tick_ms=20)
        share = (world.processor_s() - cpu) / (time.monotonic() - begin)
        # Each has been what it is called, or there was nothing to stand.
        assert load.read["long"] and load.failed["stuck"] and load.read["blocking"] + load.failed["blocking"], vars(load)
        for line in probe.stdout.read().splitlines():
            tell(**json.loads(line), read=load.read, failed=load.failed, doed_cores=share)


def measure_idle():
    """Memory and start-up over the number of devices."""
    before = None
    for count in (1, 1024):
        with World() as world:
            seconds = world.start(*(device(n, response_time_us=100) for n in range(count)))
            last = mailbox(count - 1)
            world.client.wait_for(last, MAILBOX, "State", "idle", 60)
            for n in range(count):
                world.client.wait_for(mailbox(n), MAILBOX, "State", "idle", 60)
            memory = world.memory_bytes()
            begin, cpu = time.monotonic(), world.processor_s()
            harness.wait_until(lambda: time.monotonic() - begin > 3, "three idle seconds", tick_ms=100)
            tell(bench="idle", mailboxes=count, start_s=seconds, memory_bytes=memory,
                 per_mailbox_bytes=(memory - before) / (count - 1) if before else None,
                 idle_cpu=(world.processor_s() - cpu) / (time.monotonic() - begin))
            before = memory


def add_functions(root, count):
    """What /sys shows of functions without DOE: a chain with one other capability."""
    listed = root / "bus/pci/devices"
    listed.mkdir(parents=True)
    config = bytearray(4096)
    config[0:4] = bytes.fromhex("8680930d")
    config[0x100:0x104] = (0x10001).to_bytes(4, "little")  # AER
    texts = {"vendor": "0x8086", "device": "0x0d93", "subsystem_vendor": "0x1af4", "subsystem_device": "0x1100",
             "class": "0x020000", "numa_node": "-1"}
    for number in range(count):
        name = f"{number >> 16:04x}:{number >> 8 & 0xFF:02x}:{number >> 3 & 0x1F:02x}.{number & 7}"
        folder = root / "devices/pci0000:00" / name
        folder.mkdir(parents=True)
        (folder / "config").write_bytes(config)
        for attribute, text in texts.items():
            (folder / attribute).write_text(text + "\n")
        (listed / name).symlink_to(f"../../../devices/pci0000:00/{name}")


def measure_functions():
    """Start-up on a host with many functions that have no mailbox, against one with none; medians of several."""
    seconds = {}
    for count in (0, 10_000):
        with World() as world:
            add_functions(world.folder / "sys", count)
            env = {"RUNTIME_DIRECTORY": str(world.folder / "run")}
            times = []
            for _ in range(3):
                times.append(world.start(options=["--backend", "sysfs", "--sysfs-root", world.folder / "sys"], env=env))
                memory = world.memory_bytes()
                world.doed.stop()
                world.doed = None
            seconds[count] = statistics.median(times)
            tell(bench="functions", functions=count, start_s=seconds[count], memory_bytes=memory)


def time_of_coming(count):
    """Devices that vanish when doed claims them, and are all back at one of its later looks at the host: the seconds from the
    first that it shows until each has given its table to a client, which asks for it when it hears of the mailbox."""
    away = {"kind": "all-ones", "at": 1, "time_us": 2_500_000}
    with World() as world:
        world.start(device(0), *(device(n, [away]) for n in range(1, count + 1)),
                    config={"queue_limit_per_client": 128, "queue_limit_per_user": 128})
        harness.wait_until(lambda: sum(MAILBOX in interfaces for interfaces in world.client.objects().values()) == 1,
                           "the devices to vanish", tick_ms=50)
        heard = world.client.signals("org.freedesktop.DBus.ObjectManager", "InterfacesAdded")
        harness.wait_until(lambda: heard, "the first of them", 60)
        first_at = time.monotonic()
        seen, calls = 0, []

        def served():
            nonlocal seen
            # A bus lets nobody have more than 128 calls under way.
            while seen < len(heard) and sum(not call.done for call in calls) < 100:
                path, interfaces = heard[seen][1]
                seen += 1
                if CDAT in interfaces:
                    calls.append(world.client.invoke_later(path, CDAT, "GetTable"))
            return len(calls) == count and all(call.done for call in calls)

        harness.wait_until(served, "all tables", 60)
        seconds = time.monotonic() - first_at
        assert {len(call.result()) for call in calls} == {160}
        return seconds


def measure_hotplug():
    """Medians of several."""
    for count in (1, 256):
        seconds = [time_of_coming(count) for _ in range(3)]
        tell(bench="hotplug", devices=count, served_s=statistics.median(seconds), longest_s=max(seconds))


# The daemon's way to a device, and the device.
ACCESS = re.compile(r"ConfigSpace::(read32|write32)|^doed::emulator::(Device|DoeInstance)::")


def measure_profile():
    """Which share of doed's processor time, while it reads long tables, is in config accesses."""
    with World() as world:
        world.start(device(1, response_time_us=0, cdat=world.table(1 << 20)))
        data = world.folder / "perf.data"
        perf = subprocess.Popen(["perf", "record", "-q", "-e", "cpu-clock", "-F", "397", "--call-graph", "fp", "-o", data,
                                 "-p", str(world.doed.process.pid)], stderr=subprocess.DEVNULL)
        begin = time.monotonic()
        reads = 0
        while time.monotonic() - begin < 5:
            world.refresh(mailbox(1))
            reads += 1
        perf.send_signal(2)
        perf.wait()
        script = subprocess.run(["perf", "script", "-i", data, "-F", "ip,sym", "--no-inline"],
                                stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, check=True).stdout
        names = [[line.strip().partition(" ")[2] for line in block.splitlines() if line.strip()]
                 for block in script.split("\n\n") if block.strip()]
        inside = sum(any(ACCESS.search(name) for name in stack) for stack in names)
        leaves = {}
        for stack in names:
            if not any(ACCESS.search(name) for name in stack):
                leaves[stack[0]] = leaves.get(stack[0], 0) + 1
        rest = sorted(leaves.items(), key=lambda item: -item[1])[:8]
        tell(bench="profile", samples=len(names), reads=reads, in_accesses=inside / max(1, len(names)),
             rest={name: count / len(names) for name, count in rest})


MEASURES = {"dbus": measure_dbus, "stall": measure_stall, "idle": measure_idle, "functions": measure_functions,
            "hotplug": measure_hotplug, "profile": measure_profile}

if __name__ == "__main__":
    for word in sys.argv[1:] or MEASURES:
        MEASURES[word]()
