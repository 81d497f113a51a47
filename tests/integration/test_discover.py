# SPDX-License-Identifier: Apache-2.0
"""Discover asks the device each time and returns what it lists, served or not."""

from harness import ENDPOINT_MAILBOX, MAILBOX, ROOT


def test_discover_returns_the_features(doed, client):
    features = client.invoke(ENDPOINT_MAILBOX, MAILBOX, "Discover")
    assert features == [(0x0001, 0x00, "DOE Discovery"), (0x1E98, 0x02, "CXL Table Access (CDAT)")]


def test_discover_speaks_the_second_form_to_a_version_2_capability(doed, client):
    cma = f"{ROOT}/device/0000_3b_00_0/mailbox_160"
    assert client.get(cma, MAILBOX, "CapabilityVersion") == 2
    assert client.invoke(cma, MAILBOX, "Discover") == [(0x0001, 0x00, "DOE Discovery"), (0x0001, 0x01, "CMA/SPDM")]


def test_discover_reaches_the_device(doed, client):
    before = client.get(ENDPOINT_MAILBOX, MAILBOX, "Exchanges")
    client.invoke(ENDPOINT_MAILBOX, MAILBOX, "Discover")
    assert client.get(ENDPOINT_MAILBOX, MAILBOX, "Exchanges") == before + 2
