# SPDX-License-Identifier: Apache-2.0
"""Fixtures: whatever a test starts, it also stops, and a doed that does not end with 0 fails its test."""

import os
import pathlib
import shutil
import tempfile

import pytest

import harness


def pytest_configure(config):
    config.addinivalue_line("markers", "valgrind: runs under valgrind, which cannot run what sanitizers watch already")


def pytest_collection_modifyitems(config, items):
    """What a build cannot run is none of its tests."""
    if harness.build_options()["b_sanitize"] == "none":
        return
    left_out = [item for item in items if item.get_closest_marker("valgrind")]
    config.hook.pytest_deselected(items=left_out)
    items[:] = [item for item in items if item not in left_out]


@pytest.fixture
def tmp_path(monkeypatch):
    """A folder that others may enter (pytest's own may be entered by its user alone), with a path short enough for sockets.
    Whatever is started meanwhile has its temporary files in there, so that they go with it, also those of what is killed."""
    path = pathlib.Path(tempfile.mkdtemp(prefix="doed-"))
    path.chmod(0o755)
    temporary = path / "tmp"
    temporary.mkdir()
    temporary.chmod(0o1777)
    monkeypatch.setenv("TMPDIR", str(temporary))
    yield path
    shutil.rmtree(path)


@pytest.fixture
def bus(tmp_path):
    """A private bus under the shipped policy."""
    if os.geteuid() != 0:
        pytest.fail("these tests need root: they own a name on a bus of their own, and change users")
    bus = harness.Bus(tmp_path)
    yield bus
    bus.stop()


@pytest.fixture
def client(bus):
    client = harness.Client(bus.address)
    yield client
    client.close()


@pytest.fixture
def start_doed(bus, client, tmp_path):
    """A function that starts a doed, on a topology (a file or a value), and waits until it serves."""
    started = []

    def start(topology=harness.DEMO_TOPOLOGY, config=None, options=(), env=None, wait=True, program=harness.DOED):
        number = len(started)
        if isinstance(topology, dict):
            topology = harness.write_json(tmp_path / f"topology{number}.json", topology)
        options = list(options)
        if topology is not None:
            options += ["--backend", f"emulator:{topology}"]
        if config is not None:
            options += ["--config", harness.write_json(tmp_path / f"config{number}.json", config)]
        doed = harness.Doed(bus.address, tmp_path / f"doed{number}.log", *options, env=env, program=program)
        started.append(doed)
        if wait:
            doed.await_name(client)
        return doed

    yield start
    codes = [doed.stop() for doed in started]
    for doed, code in zip(started, codes):
        assert code == 0 or doed.killed, doed.log()


@pytest.fixture
def doed(start_doed):
    """A doed on the demonstration's topology: an endpoint, a switch port, a device with two mailboxes."""
    return start_doed()


@pytest.fixture
def fake_host(tmp_path):
    """A fake /sys; its doed takes the one-per-host lock in the test's own folder."""
    return harness.FakeHost(tmp_path / "sys")


@pytest.fixture
def start_on_fake_host(start_doed, fake_host, tmp_path):
    def start(**keys):
        return start_doed(topology=None, options=fake_host.options(),
                          env={"RUNTIME_DIRECTORY": str(tmp_path / "run")}, **keys)

    return start
