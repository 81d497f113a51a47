# SPDX-License-Identifier: Apache-2.0
"""The configuration's word on who drives a device, as clients see what came of it on an emulated host."""

import pytest

import harness
from harness import CDAT, DBusError, DEMO_TOPOLOGY, DEVICE, ENDPOINT, ENDPOINT_MAILBOX, MAILBOX, ROOT, run_doed

SWITCH_MAILBOX = f"{ROOT}/device/0000_0e_00_0/mailbox_1a8"
ACCELERATOR_MAILBOXES = [f"{ROOT}/device/0000_3b_00_0/mailbox_{offset}" for offset in ("160", "180")]

IGNORED = {"Owner": "none", "OwnerReason": "the configuration says ignore", "State": "none", "Backend": "",
           "Completion": ""}
KERNELS = {"Owner": "kernel", "OwnerReason": "the configuration leaves it to the kernel", "State": "kernel",
           "Backend": "", "Completion": "kernel"}
OURS = {"Owner": "daemon", "OwnerReason": "no kernel driver is bound", "State": "idle", "Backend": "emulator",
        "Completion": "poll"}
CLAIMED = {**OURS, "OwnerReason": "the configuration claims it"}
BESIDE_PCIEPORT = {**OURS, "OwnerReason": "driver pcieport does not use the mailbox"}


def ownership(client, mailbox):
    properties = client.get_all(mailbox, MAILBOX)
    return {name: properties[name] for name in OURS}


def errors(client, mailbox):
    """What the methods of a mailbox that is not ours end with: a set of names, and the messages."""
    names, messages = set(), []
    for method in ("Discover", "Reset", "Release"):
        with pytest.raises(DBusError) as refused:
            client.invoke(mailbox, MAILBOX, method)
        names.add(refused.value.name)
        messages.append(refused.value.message)
    return names, messages


@pytest.mark.parametrize("owner,expected", [
    ("auto", OURS), ("claim", CLAIMED), ("kernel", KERNELS), ("ignore", IGNORED)])
def test_each_choice_is_followed_and_explained(start_doed, client, owner, expected):
    start_doed(config={"devices": {"0000:0d:00.0": {"owner": owner}}})
    assert ownership(client, ENDPOINT_MAILBOX) == expected


@pytest.mark.parametrize("owner,name,reason", [
    ("kernel", "org.doed1.Error.KernelOwned", KERNELS["OwnerReason"]),
    ("ignore", "org.doed1.Error.NotSupported", IGNORED["OwnerReason"])])
def test_what_needs_a_device_that_is_not_ours_is_refused_with_the_reason(start_doed, client, owner, name, reason):
    start_doed(config={"devices": {"0d:00.0": {"owner": owner}}})
    names, messages = errors(client, ENDPOINT_MAILBOX)
    assert names == {name}
    for message in messages:
        assert f"0000:0d:00.0 mailbox 0x190: {reason}" in message
    properties = client.get_all(ENDPOINT_MAILBOX, MAILBOX)
    assert (properties["ConfigReads"], properties["ConfigWrites"], properties["Features"]) == (0, 0, [])
    assert CDAT not in client.objects()[ENDPOINT_MAILBOX]
    assert client.get(ENDPOINT, DEVICE, "VendorId") == 0x8086, "the device is listed all the same"


@pytest.mark.parametrize("owner", ["auto", "claim"])
def test_a_device_that_is_ours_serves_everything(start_doed, client, owner):
    start_doed(config={"devices": {"0d:00.0": {"owner": owner}}})
    assert len(client.invoke(ENDPOINT_MAILBOX, CDAT, "GetTable")) == 160
    assert len(client.invoke(ENDPOINT_MAILBOX, MAILBOX, "Discover")) == 2
    client.invoke(ENDPOINT_MAILBOX, MAILBOX, "Reset")


def test_each_device_has_a_choice_of_its_own_for_all_its_mailboxes(start_doed, client):
    doed = start_doed(config={"devices": {"0d:00.0": {"owner": "kernel"}, "3b:00.0": {"owner": "ignore"}}})
    assert ownership(client, ENDPOINT_MAILBOX) == KERNELS
    assert ownership(client, SWITCH_MAILBOX) == BESIDE_PCIEPORT
    for mailbox in ACCELERATOR_MAILBOXES:
        assert ownership(client, mailbox) == IGNORED
    assert len(client.invoke(SWITCH_MAILBOX, CDAT, "GetTable")) == 64
    assert "3 devices, 4 mailboxes (1 driven)" in doed.log()


def test_a_driver_that_leaves_the_mailbox_alone_is_no_owner(start_doed, client):
    start_doed(harness.topology(harness.endpoint(driver="cxl_pci")))
    assert client.get(ENDPOINT, DEVICE, "Driver") == "cxl_pci"
    assert ownership(client, ENDPOINT_MAILBOX) == {
        **OURS, "OwnerReason": "driver cxl_pci does not use the mailbox"}


def test_a_device_that_vfio_does_not_have_is_nobodys_and_says_why(start_doed, client):
    start_doed(harness.topology(harness.endpoint(driver="vfio-pci"), harness.endpoint("0000:0e:00.0")))
    found = ownership(client, ENDPOINT_MAILBOX)
    reason = found.pop("OwnerReason")
    assert reason and "is bound to vfio-pci" not in reason
    assert found == {"Owner": "none", "State": "none", "Backend": "", "Completion": ""}
    names, messages = errors(client, ENDPOINT_MAILBOX)
    assert len(names) == 1 and "org.freedesktop.DBus.Error.UnknownObject" not in names
    assert all(reason in message for message in messages)
    assert ownership(client, f"{ROOT}/device/0000_0e_00_0/mailbox_190") == OURS


@pytest.mark.parametrize("config", [
    {"interrupts": False},
    {"devices": {"0d:00.0": {"interrupts": False}}},
    {"interrupts": False, "devices": {"0d:00.0": {"owner": "claim", "interrupts": True}}}])
def test_interrupts_may_be_forbidden(start_doed, client, config):
    start_doed(config=config)
    assert client.get(ENDPOINT_MAILBOX, MAILBOX, "Completion") == "poll", "an emulated host has none"
    assert len(client.invoke(ENDPOINT_MAILBOX, CDAT, "GetTable")) == 160


@pytest.mark.parametrize("config,place,words", [
    ({"interrupts": "no"}, "/interrupts", ["true or false", '"no"']),
    ({"interrupts": 0}, "/interrupts", ["true or false", "0"]),
    ({"devices": {"0d:00.0": {"interrupts": 1}}}, "/devices/0d:00.0/interrupts", ["true or false", "1"]),
    ({"devices": {"0d:00.0": {"interrupts": None}}}, "/devices/0d:00.0/interrupts", ["true or false", "null"]),
    ({"devices": {"0d:00.0": {"owner": True}}}, "/devices/0d:00.0/owner", ["claim", "true"]),
    ({"devices": {"0d:00.0": {"owner": "vfio"}}}, "/devices/0d:00.0/owner", ["auto", "kernel", "vfio"]),
    ({"devices": {"0d:00.0": {"owner": ["claim"]}}}, "/devices/0d:00.0/owner", ["claim"]),
    ({"devices": {"0d:00.0": "claim"}}, "/devices/0d:00.0", ["object", "claim"]),
    ({"devices": {"0d:00.0": {"driver": "vfio-pci"}}}, "/devices/0d:00.0/driver", ["driver"]),
    ({"devices": ["0d:00.0"]}, "/devices", ["object"]),
    ({"devices": {"0d:00.0/190": {"owner": "claim"}}}, "/devices", ["0d:00.0~1190", "PCI address"]),
    ({"owner": "claim"}, "/owner", ["owner"])])
def test_a_wrong_word_is_refused_with_its_place(tmp_path, config, place, words):
    path = harness.write_json(tmp_path / "doed.json", config)
    code, lines = run_doed("--config", path, "--backend", f"emulator:{DEMO_TOPOLOGY}")
    assert (code, len(lines)) == (2, 1), lines
    for word in (str(path), place, *words):
        assert word in lines[0]
