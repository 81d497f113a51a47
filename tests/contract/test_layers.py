# SPDX-License-Identifier: Apache-2.0
"""Layers: what each folder of lib/ may include. Includes are written from the root of lib/, so they can be seen."""

import re

import pytest

from harness import TOP

# base <- pci, doe <- cdat, emulator <- io <- daemon. doe drives a pci::ConfigSpace; the client stands aside and takes the
# table model of cdat, which needs nothing but base.
MAY_INCLUDE = {
    "base": {"base"},
    "pci": {"base", "pci"},
    "doe": {"base", "pci", "doe"},
    "cdat": {"base", "doe", "cdat"},
    "emulator": {"base", "pci", "doe", "cdat", "emulator"},
    "io": {"base", "pci", "doe", "io"},
    "client": {"base", "cdat", "client"},
    "daemon": {"base", "pci", "doe", "cdat", "emulator", "io", "daemon"},
}
# Sans I/O: neither Asio nor a bus, and of pci the seam only.
PURE = {"base", "pci", "doe", "cdat", "emulator"}
PCI_SEAM = {"pci/address.hpp", "pci/config_space.hpp", "pci/counting_config_space.hpp", "pci/device_info.hpp"}
# What the client may take of cdat: a table without a device.
CDAT_MODEL = re.compile(r"cdat/(table|table_builder|structures|value|names|fields|summary|host_view|json)\.hpp")

INCLUDE = re.compile(r'^\s*#\s*include\s+([<"])([^>"]+)[>"]', re.MULTILINE)


def sources(layer):
    folder = TOP / "daemon" if layer == "daemon" else TOP / "lib" / layer
    return sorted(path for path in folder.rglob("*") if path.suffix in (".hpp", ".cpp", ".h", ".c"))


def includes(path):
    return [(kind, name) for kind, name in INCLUDE.findall(path.read_text())]


def test_every_layer_is_known():
    layers = {path.name for path in (TOP / "lib").iterdir() if path.is_dir() and sources(path.name)}
    assert layers <= set(MAY_INCLUDE)


@pytest.mark.parametrize("layer", MAY_INCLUDE)
def test_a_layer_includes_what_is_below_it(layer):
    wrong = []
    for path in sources(layer):
        for kind, name in includes(path):
            target = name.split("/")[0]
            if target in MAY_INCLUDE and target not in MAY_INCLUDE[layer]:
                wrong.append(f"{path.relative_to(TOP)} includes {name}")
    assert wrong == []


@pytest.mark.parametrize("layer", sorted(PURE))
def test_a_pure_layer_knows_no_loop_and_no_bus(layer):
    foreign = re.compile(r"boost/|sdbus-c\+\+/|systemd/|libudev")
    wrong = [f"{path.relative_to(TOP)} includes {name}" for path in sources(layer)
             for _, name in includes(path) if foreign.match(name)]
    assert wrong == []


@pytest.mark.parametrize("layer", ["doe", "cdat"])
def test_the_machines_see_the_seam_of_pci_and_no_backend(layer):
    wrong = [f"{path.relative_to(TOP)} includes {name}" for path in sources(layer)
             for _, name in includes(path) if name.startswith("pci/") and name not in PCI_SEAM]
    assert wrong == []


def test_the_client_takes_the_table_model_only():
    wrong = [f"{path.relative_to(TOP)} includes {name}" for path in sources("client")
             for _, name in includes(path) if name.startswith("cdat/") and not CDAT_MODEL.fullmatch(name)]
    assert wrong == []


def test_one_file_knows_the_generation_of_the_bus_library():
    knowing = [str(path.relative_to(TOP)) for path in sources("daemon")
               if "DOED_SDBUS_GENERATION" in path.read_text()]
    assert knowing == ["daemon/bus/compat.hpp"]
