# SPDX-License-Identifier: Apache-2.0
"""The systemd unit agrees with the daemon that it starts."""

import configparser

from harness import NAME, TOP


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
