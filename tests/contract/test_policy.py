# SPDX-License-Identifier: Apache-2.0
"""The bus policy names what exists: a misspelt interface would never match and nobody would notice."""

import re
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


def test_the_user_of_doed_alone_may_own_the_name():
    owners = [policy for policy, rule in rules() if rule.tag == "allow" and rule.get("own")]
    assert owners == [{"user": "doed"}]
    assert "\nUser=doed\n" in (TOP / "systemd/doed.service.in").read_text()
    assert "\nu doed " in (TOP / "systemd/doed.sysusers").read_text()


def allowed(context):
    """(interface, member) pairs of ours that the policy opens; None stands for all members."""
    return {(rule.get("send_interface"), rule.get("send_member")) for _, rule in rules(context)
            if rule.tag == "allow" and (rule.get("send_interface") or "").startswith(NAME)}


def test_every_method_reaches_doed_which_decides():
    opened = allowed({"context": "default"})
    for interface, methods in our_methods().items():
        for method in methods:
            assert (interface, None) in opened or (interface, method) in opened, f"{interface}.{method}"


def test_methods_are_opened_one_by_one():
    """A method that a later version adds is closed until somebody has thought about it."""
    assert None not in {member for _, member in allowed({"context": "default"})}


def test_doed_decides_about_every_method_and_about_no_other():
    text = (TOP / "daemon/bus/gatekeeper.cpp").read_text()
    listed = {(interface, method) for interface, method in
              re.findall(r"names::(manager|mailbox|cdat)_interface, \"(\w+)\"}", text)}
    methods = our_methods()
    assert listed == {(short, method) for short, interface in (("manager", "org.doed1.Manager"), ("mailbox", "org.doed1.Mailbox"),
                                                                      ("cdat", "org.doed1.Cdat"))
                      for method in methods[interface]}


# --- polkit --------------------------------------------------------------------------------------------


def actions():
    tree = ElementTree.parse(TOP / "dbus/org.doed1.policy")
    return {action.get("id"): action for action in tree.getroot().findall("action")}


def test_polkit_knows_the_actions_that_doed_asks_for():
    text = (TOP / "daemon/bus/gatekeeper.cpp").read_text()
    assert set(actions()) == set(re.findall(r"\"(org\.doed1\.[a-z][a-z-]*)\"", text))


def test_nothing_is_allowed_without_an_administrator_by_default():
    for action in actions().values():
        for default in action.find("defaults"):
            assert default.text.startswith("auth_admin")


def test_doed_may_ask_about_others():
    """polkit(8): for actions of others, the asker has to be root or their owner."""
    for action in actions().values():
        owners = [note.text for note in action.findall("annotate") if note.get("key") == "org.freedesktop.policykit.owner"]
        assert owners == ["unix-user:doed"]


def test_the_example_names_actions_that_exist():
    text = (TOP / "dbus/org.doed1.rules.example").read_text()
    assert set(re.findall(r"\"(org\.doed1\.[a-z-]+)\"", text)) == set(actions())


# --- Properties ----------------------------------------------------------------------------------------


def test_nobody_but_readers_gets_at_properties():
    members = {rule.get("send_member") for _, rule in rules({"context": "default"})
               if rule.get("send_interface") == "org.freedesktop.DBus.Properties"}
    assert members == {"Get", "GetAll"}
