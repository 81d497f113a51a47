# SPDX-License-Identifier: Apache-2.0
"""What keeps doed from starting is one line, and an exit code of its own."""

import os

import pytest

import harness
from harness import DEMO_TOPOLOGY, NOBODY, run_doed

EMULATOR = ("--backend", f"emulator:{DEMO_TOPOLOGY}")


def assert_fails(ended, code, *words):
    its_code, lines = ended
    assert (its_code, len(lines)) == (code, 1), lines
    for word in words:
        assert word in lines[0]


def test_an_unknown_option():
    assert_fails(run_doed("--colour"), 2, "--colour", "--help")


def test_an_unknown_backend():
    assert_fails(run_doed("--backend", "vfio"), 2, "vfio", "emulator:FILE")


def test_a_missing_configuration():
    assert_fails(run_doed("--config", "/nonexistent/doed.json"), 2, "/nonexistent/doed.json")


@pytest.mark.parametrize("text,words", [
    ('{"workers": "four"}', ["/workers", "expected", "four"]),
    ('{"colour": "red"}', ["colour"]),
    ('{"devices": {"slot 7": {}}}', ["/devices", "slot 7"]),
    ("{", ["line"]),
])
def test_a_wrong_configuration(tmp_path, text, words):
    path = tmp_path / "doed.json"
    path.write_text(text)
    assert_fails(run_doed("--config", path, *EMULATOR), 2, str(path), *words)
    assert_fails(run_doed("--check-config", "--config", path), 2, str(path), *words)


def test_a_missing_topology():
    assert_fails(run_doed("--backend", "emulator:/nonexistent/topology.json"), 2, "/nonexistent/topology.json")


def test_a_wrong_topology(tmp_path):
    path = harness.write_json(tmp_path / "topology.json", {"version": 1, "devices": [{"address": "0d:00.0"}]})
    assert_fails(run_doed("--backend", f"emulator:{path}"), 2, str(path), "kind")
    assert_fails(run_doed("--check-config", "--backend", f"emulator:{path}"), 2, str(path), "kind")


def test_a_good_configuration_is_good(tmp_path):
    path = harness.write_json(tmp_path / "doed.json", {"workers": 2})
    assert run_doed("--check-config", "--config", path, *EMULATOR) == (0, [])


def test_no_bus(tmp_path):
    assert_fails(run_doed("--bus", f"unix:path={tmp_path}/bus", *EMULATOR), 3, f"{tmp_path}/bus", "--bus")


def test_an_address_that_is_none():
    assert_fails(run_doed("--bus", "yellow", *EMULATOR), 3, "yellow")


def test_a_name_that_is_taken(doed, bus):
    assert_fails(run_doed("--bus", bus.address, *EMULATOR), 3, "org.doed1", "another doed")


def test_a_second_doed_on_this_host(start_on_fake_host, fake_host, bus, tmp_path):
    start_on_fake_host()
    second = run_doed("--bus", bus.address, *fake_host.options(), env={"RUNTIME_DIRECTORY": str(tmp_path / "run")})
    assert_fails(second, 5, "another doed", str(tmp_path / "run/lock"))


def unprivileged(folder):
    """Nobody, who has to be able to run doed from the build folder."""
    assert os.geteuid() == 0, "this test needs root to become nobody"
    return {"user": NOBODY, "group": NOBODY, "extra_groups": [], "cwd": folder}


def test_no_root():
    assert_fails(run_doed(**unprivileged("/")), 4, "root", "--backend emulator:FILE")


def test_a_policy_that_forbids_the_name(bus, tmp_path):
    topology = harness.write_json(tmp_path / "topology.json", harness.topology())
    topology.chmod(0o644)
    assert_fails(run_doed("--bus", bus.address, "--backend", f"emulator:{topology}", **unprivileged("/")), 4,
                 "policy", "org.doed1")


def test_a_sysfs_that_is_none(bus, tmp_path):
    (tmp_path / "empty").mkdir()
    ended = run_doed("--bus", bus.address, "--sysfs-root", tmp_path / "empty",
                     env={"RUNTIME_DIRECTORY": str(tmp_path / "run")})
    assert_fails(ended, 2, "--sysfs-root", str(tmp_path / "empty"))
