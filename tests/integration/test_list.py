# SPDX-License-Identifier: Apache-2.0
"""What a client finds: devices, mailboxes, and their properties, all from GetManagedObjects."""

import harness
from harness import CDAT, DEVICE, ENDPOINT, ENDPOINT_MAILBOX, MAILBOX, MANAGER, ROOT


def test_the_object_manager_lists_devices_and_mailboxes(doed, client):
    objects = client.objects()
    device = f"{ROOT}/device/"
    assert set(objects) == {
        f"{device}0000_0d_00_0", f"{device}0000_0d_00_0/mailbox_190",
        f"{device}0000_0e_00_0", f"{device}0000_0e_00_0/mailbox_1a8",
        f"{device}0000_3b_00_0", f"{device}0000_3b_00_0/mailbox_160", f"{device}0000_3b_00_0/mailbox_180",
    }
    assert CDAT in objects[ENDPOINT_MAILBOX]
    assert CDAT in objects[f"{device}0000_0e_00_0/mailbox_1a8"]
    assert CDAT not in objects[f"{device}0000_3b_00_0/mailbox_160"]
    assert CDAT not in objects[f"{device}0000_3b_00_0/mailbox_180"]


def test_a_device_says_what_it_is(doed, client):
    assert client.get_all(ENDPOINT, DEVICE) == {
        "Address": "0000:0d:00.0", "VendorId": 0x8086, "DeviceId": 0x0D93, "SubsystemVendorId": 0x8086,
        "SubsystemId": 0x0D93, "ClassCode": 0x050210, "Driver": "", "NumaNode": 0, "IommuGroup": 12,
    }


def test_a_mailbox_that_was_claimed_is_idle_and_knows_its_features(doed, client):
    properties = client.get_all(ENDPOINT_MAILBOX, MAILBOX)
    accesses = properties.pop("ConfigReads"), properties.pop("ConfigWrites")
    assert min(accesses) > 0
    assert properties == {
        "Offset": 0x190, "CapabilityVersion": 1, "State": "idle", "Owner": "daemon",
        "OwnerReason": "no kernel driver is bound", "Backend": "emulator", "Completion": "poll",
        "Features": [(0x0001, 0x00, "DOE Discovery"), (0x1E98, 0x02, "CXL Table Access (CDAT)")],
        "QueueLength": 0, "Exchanges": 2, "Aborts": 1, "Timeouts": 0, "Errors": 0, "InterruptCompletions": 0,
        "PollCompletions": 2, "LastError": "",
    }


def test_features_that_are_not_served_are_listed(doed, client):
    vendor = client.get(f"{ROOT}/device/0000_3b_00_0/mailbox_180", MAILBOX, "Features")
    assert vendor == [(0x0001, 0x00, "DOE Discovery"), (0xD0ED, 0x42, "")]


def test_the_manager_says_what_may_be_driven(doed, client):
    properties = client.get_all(ROOT, MANAGER)
    assert properties["AllowedProtocols"] == [(0x0001, 0x00, "DOE Discovery"),
                                              (0x1E98, 0x02, "CXL Table Access (CDAT)")]
    assert properties["Lockdown"] == ""
    assert properties["Version"].count(".") == 2


def test_reading_properties_touches_no_device(doed, client):
    before = client.get_all(ENDPOINT_MAILBOX, MAILBOX)
    for _ in range(20):
        client.objects()
    assert client.get_all(ENDPOINT_MAILBOX, MAILBOX) == before


def test_a_host_without_mailboxes_is_served_empty(start_doed, client):
    start_doed(harness.topology())
    assert client.objects() == {}
