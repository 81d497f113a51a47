# SPDX-License-Identifier: Apache-2.0
"""The examples of docs/examples do what they say, on emulated devices and a host made of files."""

import os
import pathlib
import re
import signal
import subprocess

import pytest

import harness

EXAMPLES = harness.TOP / "docs" / "examples"
DOECTL = harness.BUILD / "lib" / "client" / "doectl"
VALGRIND = ["valgrind", "--quiet", "--error-exitcode=9", "--leak-check=full", "--errors-for-leak-kinds=definite,possible"]
TABLES = harness.TOP / "tests" / "vectors" / "cdat" / "tables"
DEMO_LINE = "0000:0d:00.0 range 0: 256 MiB, read 150 ns, 16000 MB/s, write 250 ns, 16000 MB/s"


@pytest.fixture
def environment(bus, tmp_path):
    """That of an example's reader: the system bus is the test's, doectl is in PATH."""
    path = tmp_path / "bin"
    path.mkdir()
    (path / "doectl").symlink_to(DOECTL)
    return {**os.environ, "DBUS_SYSTEM_BUS_ADDRESS": bus.address, "PATH": f"{path}:{os.environ['PATH']}"}


@pytest.fixture
def run(environment):
    """A function that runs an example to its end."""

    def run(*command, **more):
        return subprocess.run([str(word) for word in command], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                              timeout=harness.PATIENCE_S, env={**environment, **more}, check=False)

    return run


@pytest.fixture
def table_file(tmp_path):
    """A function that makes the file of a table that an emulated device can serve."""

    def make(name):
        file = tmp_path / f"{name}.cdat"
        subprocess.run([DOECTL, "cdat", "build", TABLES / f"{name}.json", "-o", file], stderr=subprocess.DEVNULL,
                       timeout=harness.PATIENCE_S, check=True)
        return file

    return make


class Library:
    """libdoed as it is installed, in a folder of its own, and programs that know of it what pkg-config says."""

    def __init__(self, folder):
        self.folder = folder
        options = harness.build_options()
        self.sanitizers = options["b_sanitize"]
        self.prefix = pathlib.Path(options["prefix"])
        self.libdir = self.prefix / options["libdir"]
        self.includedir = self.prefix / options["includedir"]
        targets = harness.introspected("targets")
        compilers = [source["compiler"] for target in targets for source in target["target_sources"]
                     if source.get("language") == "cpp"]
        # The compiler of the library: sanitizers of another one do not go with it.
        self.cxx = [word for word in compilers[0] if not word.endswith("ccache")]
        subprocess.run(["meson", "install", "-C", harness.BUILD, "--no-rebuild", "--quiet", "--destdir", folder,
                        "--tags", "runtime,devel"], stdout=subprocess.DEVNULL, timeout=harness.PATIENCE_S, check=True)

    def pkg_config(self, *arguments, **environment):
        ended = subprocess.run(["pkg-config", *arguments, "libdoed"], stdout=subprocess.PIPE, text=True, timeout=harness.PATIENCE_S,
                               env={**os.environ, "PKG_CONFIG_PATH": f"{self.folder}{self.libdir}/pkgconfig", **environment},
                               check=True)
        return ended.stdout.split()

    @property
    def at_run_time(self):
        """Where the dynamic linker finds the library, which is not where it is to be in the end."""
        return {"LD_LIBRARY_PATH": f"{self.folder}{self.libdir}"}

    def build(self, source):
        language = ["-x", "c", "-std=c11"] if source.endswith(".c") else ["-std=c++20"]
        program = self.folder / pathlib.Path(source).stem
        # A folder that stands for the root, whatever the prefix.
        flags = self.pkg_config("--cflags", "--libs", PKG_CONFIG_SYSROOT_DIR=str(self.folder),
                                PKG_CONFIG_ALLOW_SYSTEM_CFLAGS="1", PKG_CONFIG_ALLOW_SYSTEM_LIBS="1")
        sanitize = [] if self.sanitizers == "none" else [f"-fsanitize={self.sanitizers}"]
        subprocess.run([*self.cxx, *language, "-g", "-Wall", "-Wextra", "-Werror", "-pedantic", *sanitize, EXAMPLES / source,
                        *flags, "-o", program], timeout=harness.PATIENCE_S * 6, check=True)
        return program


@pytest.fixture(scope="module")
def library(tmp_path_factory):
    return Library(tmp_path_factory.mktemp("root"))


def lines(ended):
    assert (ended.returncode, ended.stderr) == (0, "")
    return ended.stdout.splitlines()


# --- Memory ranges -----------------------------------------------------------------------------------


def test_memory_ranges_in_python(doed, run):
    assert lines(run(EXAMPLES / "memory_ranges.py")) == [DEMO_LINE]


def test_memory_ranges_of_several_devices_and_figures_that_are_not_told(start_doed, run, table_file):
    start_doed(harness.topology(harness.endpoint(cdat=str(table_file("two-ranges"))),
                                harness.endpoint("0000:0f:00.0", cdat=str(table_file("no-values")))))
    shown = lines(run(EXAMPLES / "memory_ranges.py"))
    assert [line.partition(": ")[0] for line in shown] == [
        "0000:0d:00.0 range 0", "0000:0d:00.0 range 1", "0000:0f:00.0 range 0"]
    # The read latency is not provided, and taken from the access latency; for writing it is unreachable, without a bandwidth.
    assert shown[2].partition(": ")[2] == "1024 MiB, read 150.25 ns, 65534000 MB/s, write nan ns, nan MB/s"


@pytest.mark.parametrize("example", ["memory_ranges.c", "memory_ranges.py", "numa_report.py"])
def test_a_table_that_cannot_be_read_is_told_and_the_others_are_shown(start_doed, run, library, example):
    start_doed(harness.topology(
        harness.endpoint(),
        harness.endpoint("0000:0f:00.0", mailboxes=[{"offset": "0x190", "protocols": ["1e98:02"], "faults": [
            {"kind": "error-at-go", "at": 3, "count": 100}]}])))
    program = library.build(example) if example.endswith(".c") else EXAMPLES / example
    ended = run(program, **library.at_run_time)
    assert ended.returncode == 1
    assert "range 0" in ended.stdout and "0000:0f" not in ended.stdout
    assert re.fullmatch(r"(\S+: )?org\.doed1\.Error\.DeviceError: 0000:0f:00\.0 mailbox 0x190: .*\n", ended.stderr)


def test_memory_ranges_in_c(doed, run, library):
    assert lines(run(library.build("memory_ranges.c"), **library.at_run_time)) == [DEMO_LINE]


@pytest.mark.valgrind
def test_valgrind_finds_nothing_in_memory_ranges(doed, run, library):
    ended = run(*VALGRIND, library.build("memory_ranges.c"), **library.at_run_time)
    assert lines(ended) == [DEMO_LINE]


def test_c_says_what_fails(run, library, doed):
    doed.stop()
    ended = run(library.build("memory_ranges.c"), **library.at_run_time)
    assert (ended.returncode, ended.stdout) == (1, "")
    assert ended.stderr.startswith("org.freedesktop.DBus.Error.ServiceUnknown: ")


def test_memory_ranges_in_a_shell(doed, run):
    assert lines(run(EXAMPLES / "tables.sh")) == ["0000:0d:00.0/190\t0\t268435456\t150\t16000"]


def test_all_of_them_and_doectl_agree(start_doed, run, table_file, library):
    """Latency and bandwidth for reading, of each range."""
    start_doed(harness.topology(harness.endpoint(cdat=str(table_file("two-ranges"))),
                                harness.endpoint("0000:0f:00.0", cdat=str(table_file("no-values")))))
    in_python = lines(run(EXAMPLES / "memory_ranges.py"))
    assert lines(run(library.build("memory_ranges.c"), **library.at_run_time)) == in_python
    figures = [tuple(re.search(r"read (\S+) ns, (\S+) MB/s", line).groups()) for line in in_python]
    assert len(set(figures)) == 3
    assert [tuple(line.split("\t")[3:]) for line in lines(run(EXAMPLES / "tables.sh"))] == figures
    summary = "".join(run("doectl", "cdat", device, "--summary").stdout for device in ("0d:00.0", "0f:00.0"))
    assert list(zip(re.findall(r"Read latency +(\S+) ns", summary),
                    re.findall(r"Read bandwidth +(\S+) MB/s", summary))) == figures


# --- Events ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("tool", [pytest.param([], id="alone"), pytest.param(VALGRIND, id="valgrind", marks=pytest.mark.valgrind)])
def test_events_in_cpp(doed, client, environment, library, tool):
    with subprocess.Popen([*tool, library.build("events.cpp")], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                          env={**environment, **library.at_run_time}, preexec_fn=harness.die_with_parent) as process:
        assert process.stdout.readline() == "doed subscribed\n"
        client.invoke(harness.ENDPOINT_MAILBOX, harness.MAILBOX, "Discover")
        client.wait_for(harness.ENDPOINT_MAILBOX, harness.MAILBOX, "State", "idle")
        lease = client.invoke_for_file(harness.ENDPOINT_MAILBOX, harness.MAILBOX, "Release")
        os.close(lease)
        shown = [process.stdout.readline() for _ in range(4)]
        process.send_signal(signal.SIGINT)
        _, complaints = process.communicate(timeout=harness.PATIENCE_S)
    assert (process.returncode, complaints) == (0, "")
    assert shown[:2] == ["0000:0d:00.0/190 state, idle, busy\n", "0000:0d:00.0/190 state, busy, idle\n"]
    assert re.fullmatch(r"0000:0d:00\.0/190 owner, daemon, released, lent to :1\.\d+\n", shown[2])
    assert shown[3] == "0000:0d:00.0/190 state, idle, released\n"


def test_events_in_cpp_live_through_another_doed(doed, start_doed, environment, library):
    with subprocess.Popen([library.build("events.cpp")], stdout=subprocess.PIPE, text=True, preexec_fn=harness.die_with_parent,
                          env={**environment, **library.at_run_time}) as process:
        assert process.stdout.readline() == "doed subscribed\n"
        doed.stop()
        assert process.stdout.readline() == "doed daemon-gone\n"
        start_doed()
        assert process.stdout.readline() == "doed daemon-restarted\n"
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=harness.PATIENCE_S)
    assert process.returncode == 0


# --- The host ----------------------------------------------------------------------------------------


def add_node(sysfs, number, processors, size_kib, distances):
    node = sysfs / "devices/system/node" / f"node{number}"
    node.mkdir(parents=True)
    (node / "cpulist").write_text(f"{processors}\n")
    (node / "distance").write_text(f"{distances}\n")
    (node / "meminfo").write_text(f"Node {number} MemTotal:       {size_kib} kB\nNode {number} MemFree:  1 kB\n")


def test_the_numa_report_without_regions(doed, run, tmp_path):
    add_node(tmp_path / "sys", 0, "0-3", 16777216, "10")
    (tmp_path / "sys/devices/system/node/has_cpu").write_text("0\n")
    assert lines(run(EXAMPLES / "numa_report.py", "--sysfs", tmp_path / "sys")) == [
        "Node 0: processors 0-3, 16384 MiB, distances 10",
        "Memory of devices that the kernel made no region of:",
        "  0000:0d:00.0, plugged in at node 0: range 0, 256 MiB: read 150 ns, 16000 MB/s"]


def make_region(fake_host, node):
    """What the kernel's CXL drivers make of the endpoint's memory: a region, in a node or in none yet."""
    (fake_host.device / "mem0").mkdir()
    region = fake_host.root / "bus/cxl/devices/region0"
    (region / "access0").mkdir(parents=True)
    (region / "target0").write_text("decoder2.0\n")
    for name, number in {"read_latency": 310, "read_bandwidth": 9600}.items():
        (region / "access0" / name).write_text(f"{number}\n")
    if node is not None:
        (region / "dax_region0/dax0.0").mkdir(parents=True)
        (region / "dax_region0/dax0.0/target_node").write_text(f"{node}\n")


@pytest.mark.parametrize("node, heading", [(1, "Node 1: no processors, 256 MiB, distances 17 10"),
                                           (7, "Memory of node 7, which is not online:"),
                                           (None, "Memory of no node:")])
def test_the_numa_report_of_a_host_whose_kernel_made_a_region(start_on_fake_host, fake_host, run, table_file, node, heading):
    fake_host.add_cxl_port(table_file("endpoint").read_bytes())
    make_region(fake_host, node)
    add_node(fake_host.root, 0, "0-3", 16777216, "10 17")
    add_node(fake_host.root, 1, "", 262144, "17 10")
    start_on_fake_host()
    shown = lines(run(EXAMPLES / "numa_report.py", "--sysfs", fake_host.root))
    assert shown[0] == "Node 0: processors 0-3, 16384 MiB, distances 10 17"
    assert shown[1].startswith("Node 1: no processors")
    at = shown.index(heading)
    assert shown[at + 1:at + 3] == ["  region0 of 0000:0d:00.0", "    the kernel: read 310 ns, 9600 MB/s"]
    assert shown[at + 3].startswith("    its table, range 0, ") and shown[at + 3].endswith("read 150 ns, 16000 MB/s")


# --- Prometheus --------------------------------------------------------------------------------------


def test_statistics_for_node_exporter(doed, run, tmp_path):
    file = tmp_path / "doed.prom"
    file.write_text("old\n")
    assert lines(run(EXAMPLES / "node_exporter" / "doed-textfile", file)) == []
    text = file.read_text()
    assert re.search(r'^doed_mailbox_exchanges_total\{[^}]*\bdevice="0000:0d:00\.0"[^}]*\} \d+$', text, re.MULTILINE)
    assert file.stat().st_mode & 0o777 == 0o644
    assert [path.name for path in tmp_path.glob("doed.prom*")] == ["doed.prom"]


def test_the_old_statistics_stay_when_there_is_no_doed(run, tmp_path):
    file = tmp_path / "doed.prom"
    file.write_text("old\n")
    ended = run(EXAMPLES / "node_exporter" / "doed-textfile", file)
    assert ended.returncode == 7
    assert "ServiceUnknown" in ended.stderr
    assert file.read_text() == "old\n"
    assert [path.name for path in tmp_path.glob("doed.prom*")] == ["doed.prom"]


def test_systemd_takes_the_units(tmp_path):
    units = [tmp_path / f"doed-textfile.{kind}" for kind in ("service", "timer")]
    for unit in units:
        text = (EXAMPLES / "node_exporter" / unit.name).read_text()
        unit.write_text(text.replace("/usr/local/bin/doed-textfile", str(EXAMPLES / "node_exporter" / "doed-textfile")))
    ended = subprocess.run(["systemd-analyze", "verify", "--man=no", *units], stdout=subprocess.PIPE, text=True,
                           stderr=subprocess.STDOUT, timeout=harness.PATIENCE_S, check=False)
    assert ended.returncode == 0
    assert [line for line in ended.stdout.splitlines() if "doed-textfile" in line] == []


# --- The library -------------------------------------------------------------------------------------


def test_pkg_config_names_the_real_place(library):
    """Without a folder that stands for the root: what a program is told where the library is installed for good."""
    assert library.pkg_config("--variable=includedir") == [str(library.includedir)]
    assert library.pkg_config("--variable=libdir") == [str(library.libdir)]
    said = library.pkg_config("--cflags", "--libs", PKG_CONFIG_ALLOW_SYSTEM_CFLAGS="1", PKG_CONFIG_ALLOW_SYSTEM_LIBS="1")
    assert f"-I{library.includedir}" in said and "-ldoed" in said
    # What the library itself is made of is none of a program's business.
    assert [word for word in said if word.startswith("-l")] == ["-ldoed"]


def test_the_readme_shows_the_example():
    text = (harness.TOP / "README.md").read_text()
    shown = re.search(r"^<!-- file: docs/examples/memory_ranges\.c -->\n```c\n(.*?)^```\n<!-- end -->$", text,
                      re.MULTILINE | re.DOTALL)
    assert shown.group(1) == (EXAMPLES / "memory_ranges.c").read_text()


# --- The list ----------------------------------------------------------------------------------------


def test_every_example_is_listed_and_packaged():
    listed = set(re.findall(r"^\| \[[^]]*\]\(([^)]+)\)", (EXAMPLES / "README.md").read_text(), re.MULTILINE))
    there = {path.name + ("/" if path.is_dir() else "") for path in EXAMPLES.iterdir()} - {"README.md"}
    assert listed == there
    packaged = {word.removeprefix("docs/examples/") for package in (harness.TOP / "debian").glob("*.examples")
                for word in package.read_text().split()}
    assert packaged == {name.rstrip("/") for name in there} | {"README.md"}
