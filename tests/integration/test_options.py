# SPDX-License-Identifier: Apache-2.0
"""Options: what a method does not know is refused, naming the key, and nothing is done."""

import pytest

from harness import CDAT, DBusError, ENDPOINT_MAILBOX, MAILBOX

METHODS = [(MAILBOX, "Discover"), (MAILBOX, "Reset"), (CDAT, "GetTable"), (CDAT, "GetTableFd"), (CDAT, "Refresh")]


@pytest.mark.parametrize("interface,method", METHODS)
def test_an_unknown_key_is_refused_by_every_method(doed, client, interface, method):
    before = client.get(ENDPOINT_MAILBOX, MAILBOX, "Exchanges")
    with pytest.raises(DBusError) as refused:
        client.invoke(ENDPOINT_MAILBOX, interface, method, payload=("ay", b"\1\2"))
    assert refused.value.name == "org.freedesktop.DBus.Error.InvalidArgs"
    assert "'payload'" in refused.value.message
    assert client.get(ENDPOINT_MAILBOX, MAILBOX, "Exchanges") == before


@pytest.mark.parametrize("interface,method", METHODS)
def test_the_common_options_are_known_to_every_method(doed, client, interface, method):
    client.invoke(ENDPOINT_MAILBOX, interface, method, deadline_usec=("t", 5_000_000), interactive=("b", False))


@pytest.mark.parametrize("key,signature,value", [
    ("deadline_usec", "u", 5), ("deadline_usec", "s", "5"), ("refresh", "s", "yes"), ("interactive", "i", 1)])
def test_a_wrong_type_is_refused_naming_key_and_types(doed, client, key, signature, value):
    with pytest.raises(DBusError) as refused:
        client.invoke(ENDPOINT_MAILBOX, CDAT, "GetTable", **{key: (signature, value)})
    assert refused.value.name == "org.freedesktop.DBus.Error.InvalidArgs"
    assert f"'{key.replace('_', '-')}'" in refused.value.message
    assert f"'{signature}'" in refused.value.message


def test_refresh_is_an_option_of_reads_only(doed, client):
    for interface, method in ((MAILBOX, "Discover"), (CDAT, "Refresh")):
        with pytest.raises(DBusError) as refused:
            client.invoke(ENDPOINT_MAILBOX, interface, method, refresh=("b", True))
        assert refused.value.name == "org.freedesktop.DBus.Error.InvalidArgs"


def test_a_long_key_in_any_script_is_answered(doed, client):
    with pytest.raises(DBusError) as refused:
        client.invoke(ENDPOINT_MAILBOX, CDAT, "GetTable", **{"x" * 63 + "\u20ac" * 5000: ("b", True)})
    assert refused.value.name == "org.freedesktop.DBus.Error.InvalidArgs"
