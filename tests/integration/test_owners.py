# SPDX-License-Identifier: Apache-2.0
"""Mailboxes that are not the daemon's: who has them, why, and what clients get all the same."""

import pytest

import harness
from harness import CDAT, DBusError, ENDPOINT_MAILBOX, MAILBOX, MANAGER, ROOT


def refusal(client, path, interface, method, **options):
    with pytest.raises(DBusError) as refused:
        client.invoke(path, interface, method, **options)
    return refused.value


def test_the_kernels_table_is_served_while_the_kernel_has_the_mailbox(start_on_fake_host, fake_host, client):
    table = harness.make_table(160)
    fake_host.add_cxl_port(table)
    start_on_fake_host()
    properties = client.get_all(fake_host.MAILBOX, MAILBOX)
    assert (properties["Owner"], properties["State"], properties["Completion"]) == ("kernel", "kernel", "kernel")
    assert properties["OwnerReason"] == "the kernel has a CXL port for the device (driver cxl_pci)"
    assert properties["Features"] == [(0x0001, 0x00, "DOE Discovery"), (0x1E98, 0x02, "CXL Table Access (CDAT)")]
    assert client.get(fake_host.MAILBOX, CDAT, "Source") == "kernel"
    assert bytes(client.invoke(fake_host.MAILBOX, CDAT, "GetTable")) == table
    assert client.get(fake_host.MAILBOX, CDAT, "Length") == 160
    assert client.get(fake_host.MAILBOX, MAILBOX, "ConfigReads") == 0


def test_what_needs_the_device_is_refused_while_the_kernel_has_it(start_on_fake_host, fake_host, client):
    fake_host.add_cxl_port(harness.make_table(160))
    start_on_fake_host()
    for interface, method, options in ((MAILBOX, "Discover", {}), (MAILBOX, "Reset", {}), (CDAT, "Refresh", {}),
                                       (CDAT, "GetTable", {"refresh": ("b", True)})):
        error = refusal(client, fake_host.MAILBOX, interface, method, **options)
        assert error.name == "org.doed1.Error.KernelOwned"
        assert "0000:0d:00.0 mailbox 0x100" in error.message and "CXL port" in error.message


def test_an_empty_kernel_table_is_told_as_such(start_on_fake_host, fake_host, client):
    fake_host.add_cxl_port(b"")
    start_on_fake_host()
    error = refusal(client, fake_host.MAILBOX, CDAT, "GetTable")
    assert error.name == "org.doed1.Error.NotSupported"
    assert "the kernel could not read" in error.message


def test_lockdown_leaves_mailboxes_alone_and_says_so(start_on_fake_host, fake_host, client):
    fake_host.lock_down("integrity")
    start_on_fake_host()
    assert client.get(ROOT, MANAGER, "Lockdown") == "integrity"
    properties = client.get_all(fake_host.MAILBOX, MAILBOX)
    assert (properties["Owner"], properties["State"], properties["Completion"]) == ("none", "none", "")
    assert "lockdown" in properties["OwnerReason"]
    assert refusal(client, fake_host.MAILBOX, MAILBOX, "Discover").name == "org.doed1.Error.Lockdown"
    assert CDAT not in client.objects()[fake_host.MAILBOX]


def test_a_device_that_is_ignored_is_listed_with_the_reason(start_doed, client):
    start_doed(config={"devices": {"0d:00.0": {"owner": "ignore"}}})
    assert client.get(ENDPOINT_MAILBOX, MAILBOX, "Owner") == "none"
    assert client.get(ENDPOINT_MAILBOX, MAILBOX, "OwnerReason") == "the configuration says ignore"
    error = refusal(client, ENDPOINT_MAILBOX, MAILBOX, "Reset")
    assert error.name == "org.doed1.Error.NotSupported"
    assert "ignore" in error.message


def test_a_claim_goes_before_the_kernels_use(start_on_fake_host, fake_host, client):
    fake_host.add_cxl_port(harness.make_table(160))
    start_on_fake_host(config={"devices": {"0d:00.0": {"owner": "claim"}}})
    assert client.get(fake_host.MAILBOX, MAILBOX, "Owner") == "daemon"
    assert "claims it although" in client.get(fake_host.MAILBOX, MAILBOX, "OwnerReason")
