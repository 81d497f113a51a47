# SPDX-License-Identifier: Apache-2.0
"""A protocol off the allow-list is listed and cannot be reached: no interface offers it, no method takes a payload."""

import xml.etree.ElementTree as ElementTree

import pytest

from harness import CDAT, DBusError, MAILBOX, ROOT

VENDOR = f"{ROOT}/device/0000_3b_00_0/mailbox_180"
OURS = "org.doed1."


def paths_below(client, path=""):
    """Every object path that introspection leads to."""
    yield path or "/"
    for node in ElementTree.fromstring(client.introspect(path or "/")).findall("node"):
        yield from paths_below(client, f"{path}/{node.get('name')}")


def test_every_served_method_takes_options_and_nothing_else(doed, client):
    methods = set()
    for path in paths_below(client):
        for interface in ElementTree.fromstring(client.introspect(path)).findall("interface"):
            if not interface.get("name").startswith(OURS):
                continue
            for method in interface.findall("method"):
                inputs = [arg.get("type") for arg in method.findall("arg") if arg.get("direction") != "out"]
                assert inputs == ["a{sv}"], f"{path} {interface.get('name')}.{method.get('name')}"
                methods.add(f"{interface.get('name')}.{method.get('name')}")
            for member in interface.findall("property"):
                assert member.get("access") == "read", f"{path} {member.get('name')}"
    assert methods == {"org.doed1.Manager.Subscribe", "org.doed1.Mailbox.Discover", "org.doed1.Mailbox.GetTrace", "org.doed1.Mailbox.Reset",
                       "org.doed1.Mailbox.Release",
                       "org.doed1.Cdat.GetTable", "org.doed1.Cdat.GetTableFd", "org.doed1.Cdat.GetJson",
                       "org.doed1.Cdat.Refresh"}


def test_a_mailbox_with_a_vendor_protocol_lists_it_and_offers_no_table(doed, client):
    assert (0xD0ED, 0x42, "") in client.get(VENDOR, MAILBOX, "Features")
    with pytest.raises(DBusError) as refused:
        client.invoke(VENDOR, CDAT, "GetTable")
    assert refused.value.name == "org.freedesktop.DBus.Error.UnknownMethod"


def test_a_protocol_taken_away_by_configuration_is_not_offered(start_doed, client):
    start_doed(config={"disable_protocols": ["1e98:02"]})
    objects = client.objects()
    assert not any(CDAT in interfaces for interfaces in objects.values())
    assert (0x1E98, 0x02, "CXL Table Access (CDAT)") in client.get(
        f"{ROOT}/device/0000_0d_00_0/mailbox_190", MAILBOX, "Features")
