# SPDX-License-Identifier: Apache-2.0
"""What doed serves is what dbus/*.xml says, member by member; and every member there is documented."""

import xml.etree.ElementTree as ElementTree

import pytest

from harness import CDAT, DEVICE, ENDPOINT, ENDPOINT_MAILBOX, MAILBOX, MANAGER, ROOT, TOP

# For the code generator alone; not part of what is served.
GENERATOR_ANNOTATION = "org.freedesktop.DBus.Method.Async"
SERVED_AT = {MANAGER: ROOT, DEVICE: ENDPOINT, MAILBOX: ENDPOINT_MAILBOX, CDAT: ENDPOINT_MAILBOX}


def published(interface):
    builder = ElementTree.TreeBuilder(insert_comments=True)
    tree = ElementTree.parse(TOP / "dbus" / f"{interface}.xml", ElementTree.XMLParser(target=builder))
    return tree.getroot()


def members(interface):
    """(kind, name) -> arguments or type, access, annotations."""
    result = {}
    for member in interface:
        if member.tag not in ("method", "signal", "property"):
            continue
        default_direction = "in" if member.tag == "method" else None
        arguments = [(arg.get("name"), arg.get("type"), arg.get("direction", default_direction))
                     for arg in member.findall("arg")]
        annotations = {a.get("name"): a.get("value") for a in member.findall("annotation")
                       if a.get("name") != GENERATOR_ANNOTATION}
        result[member.tag, member.get("name")] = (arguments, member.get("type"), member.get("access"), annotations)
    return result


def test_every_interface_file_is_checked():
    assert {path.stem for path in (TOP / "dbus").glob("*.xml")} == set(SERVED_AT)


@pytest.mark.parametrize("interface", SERVED_AT)
def test_the_served_interface_is_the_published_one(doed, client, interface):
    served = ElementTree.fromstring(client.introspect(SERVED_AT[interface]))
    found = [element for element in served.findall("interface") if element.get("name") == interface]
    assert len(found) == 1
    assert members(found[0]) == members(published(interface).find("interface"))


def test_nothing_is_served_that_is_not_published(doed, client):
    for path in set(SERVED_AT.values()):
        served = {element.get("name") for element in
                  ElementTree.fromstring(client.introspect(path)).findall("interface")}
        ours = {name for name in served if not name.startswith("org.freedesktop.DBus.")}
        assert ours == {interface for interface, at in SERVED_AT.items() if at == path}


@pytest.mark.parametrize("interface", SERVED_AT)
def test_every_member_and_the_interface_are_documented(interface):
    for parent in (published(interface), published(interface).find("interface")):
        previous = None
        for element in parent:
            if element.tag in ("interface", "method", "signal", "property"):
                documented = previous is not None and previous.tag is ElementTree.Comment
                assert documented, f"{element.get('name')} has no comment in front of it"
            previous = element
