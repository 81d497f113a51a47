# SPDX-License-Identifier: Apache-2.0
"""The bus policy names what exists: a misspelt interface would never match and nobody would notice."""

import xml.etree.ElementTree as ElementTree

from harness import NAME, POLICY, TOP

FREEDESKTOP = {
    "org.freedesktop.DBus.Introspectable": {"Introspect"},
    "org.freedesktop.DBus.Peer": {"Ping", "GetMachineId"},
    "org.freedesktop.DBus.Properties": {"Get", "GetAll", "Set"},
    "org.freedesktop.DBus.ObjectManager": {"GetManagedObjects"},
}


def our_methods():
    """interface -> names of its methods"""
    result = {}
    for path in (TOP / "dbus").glob("*.xml"):
        interface = ElementTree.parse(path).getroot().find("interface")
        result[interface.get("name")] = {method.get("name") for method in interface.findall("method")}
    return result


def rules(context=None):
    """(policy's attributes, rule) in the order of the file"""
    for policy in ElementTree.parse(POLICY).getroot().findall("policy"):
        if context is None or policy.attrib == context:
            for rule in policy:
                yield policy.attrib, rule


def test_every_rule_names_an_interface_and_member_that_exist():
    known = {**FREEDESKTOP, **our_methods()}
    for _, rule in rules():
        interface, member = rule.get("send_interface"), rule.get("send_member")
        if interface is not None:
            assert interface in known, interface
        if member is not None:
            assert member in known[interface], f"{interface}.{member}"


def test_every_rule_is_about_our_name_alone():
    for _, rule in rules():
        assert NAME in (rule.get("send_destination"), rule.get("own")), ElementTree.tostring(rule)


def test_everything_is_denied_first():
    first = [rule for _, rule in rules({"context": "default"})][:2]
    assert [(rule.tag, rule.attrib) for rule in first] == [
        ("deny", {"own": NAME}), ("deny", {"send_destination": NAME})]


def test_root_alone_may_own_the_name():
    owners = [policy for policy, rule in rules() if rule.tag == "allow" and rule.get("own")]
    assert owners == [{"user": "root"}]


def allowed(context):
    """(interface, member) pairs of ours that the policy opens; None stands for all members."""
    return {(rule.get("send_interface"), rule.get("send_member")) for _, rule in rules(context)
            if rule.tag == "allow" and (rule.get("send_interface") or "").startswith(NAME)}


def test_everybody_gets_the_manager_only():
    assert allowed({"context": "default"}) == {("org.doed1.Manager", None)}


def test_the_group_reads_and_root_resets_and_borrows():
    reading = {("org.doed1.Mailbox", "Discover"), ("org.doed1.Mailbox", "GetTrace"), ("org.doed1.Cdat", None)}
    assert allowed({"group": "doe"}) == reading
    assert allowed({"user": "root"}) == reading | {("org.doed1.Mailbox", "Reset"), ("org.doed1.Mailbox", "Release")}


def test_root_may_call_every_method():
    """A method that a later version adds needs a rule before anybody can call it."""
    opened = allowed({"user": "root"})
    for interface, methods in our_methods().items():
        for method in methods:
            assert (interface, None) in opened or (interface, method) in opened, f"{interface}.{method}"


def test_nobody_but_readers_gets_at_properties():
    members = {rule.get("send_member") for _, rule in rules({"context": "default"})
               if rule.get("send_interface") == "org.freedesktop.DBus.Properties"}
    assert members == {"Get", "GetAll"}
