# SPDX-License-Identifier: Apache-2.0
"""The systemd unit agrees with the daemon that it starts."""

import configparser
import json

from harness import BUILD, DOED, DOED_STUCK, NAME, TOP


def service():
    unit = configparser.RawConfigParser(strict=False)
    unit.optionxform = str
    unit.read(TOP / "systemd" / "doed.service.in")
    return unit["Service"]


def test_it_waits_for_our_name():
    assert (service()["Type"], service()["BusName"]) == ("notify", NAME)


def test_the_lock_outlives_the_unit():
    """systemd removes the folder of a unit whose start was refused, and with it the lock of whoever else holds it."""
    assert service()["RuntimeDirectory"] == "doed"
    assert service()["RuntimeDirectoryPreserve"] == "yes"


def test_a_doed_that_is_stuck_is_ended_and_started_again():
    assert service()["WatchdogSec"] == "30s"
    assert service()["Restart"] == "on-failure"  # which an end by the watchdog is (systemd.service(5))
    assert "WatchdogSignal" not in service()


def test_what_gets_stuck_on_purpose_is_not_installed():
    targets = json.loads((BUILD / "meson-info" / "intro-targets.json").read_text())
    installed = {name: target["installed"] for target in targets for name in target["filename"]}
    assert installed[str(DOED)]
    assert not installed[str(DOED_STUCK)]
