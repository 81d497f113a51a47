# SPDX-License-Identifier: Apache-2.0
"""docs/cdat.schema.json describes what is given out, all of it and exactly."""

import copy
import json

import jsonschema
import pytest

import cdat_tables
from harness import TOP

SCHEMA = json.loads((TOP / "docs" / "cdat.schema.json").read_text())


def document(name):
    return json.loads(cdat_tables.doectl("cdat", "--file", "-", "--json", stdin=cdat_tables.table(name)).stdout)


def validate(instance):
    jsonschema.Draft202012Validator(SCHEMA).validate(instance)


def test_the_schema_is_one_itself():
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    assert SCHEMA["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert SCHEMA["$id"] == "urn:doed:schema:cdat:1"


@pytest.mark.parametrize("name", cdat_tables.names())
def test_every_document_is_valid(name):
    validate(document(name))


def test_that_of_a_cut_off_table_is_valid():
    good = cdat_tables.table("vectors/good")
    for size in range(1, len(good), 7):
        ended = cdat_tables.doectl("cdat", "--file", "-", "--json", stdin=good[:size])
        validate(json.loads(ended.stdout))


def objects_of(schema, place="#"):
    """(place, schema) of everything that describes an object or a member of one."""
    if isinstance(schema, dict):
        if "properties" in schema:
            yield place, schema
        for key, value in schema.items():
            yield from objects_of(value, f"{place}/{key}")
    elif isinstance(schema, list):
        for i, value in enumerate(schema):
            yield from objects_of(value, f"{place}/{i}")


def test_every_member_is_described():
    undescribed = [f"{place}/{key}" for place, schema in objects_of(SCHEMA)
                   for key, member in schema["properties"].items()
                   if not (place.endswith("/reserved") or "description" in member
                           or "description" in SCHEMA["$defs"].get(member.get("$ref", "").split("/")[-1], {}))]
    assert undescribed == []


def test_no_object_has_other_members():
    assert [place for place, schema in objects_of(SCHEMA) if schema.get("additionalProperties") is not False] == []


def members_of(instance, place=""):
    if isinstance(instance, dict):
        for key, value in instance.items():
            yield f"{place}/{key}"
            yield from members_of(value, f"{place}/{key}")
    elif isinstance(instance, list):
        for value in instance:
            yield from members_of(value, f"{place}/*")


def test_a_wrong_document_is_refused():
    """A schema that allows everything would pass all of the above."""
    good = document("tables/caches")
    validate(good)
    for change in (lambda d: d.pop("header"),
                   lambda d: d.update(novelty=1),
                   lambda d: d.update(schema=2),
                   lambda d: d["structures"][0].update(dpa_base=0),
                   lambda d: d["structures"][0].update(dpa_base="0x0"),
                   lambda d: d["structures"][1].update(handle="0"),
                   lambda d: d["structures"][1]["entries"].append(0),
                   lambda d: d["structures"][1].update(unit="ns"),
                   lambda d: d["summary"]["memory_ranges"][0]["caches"][0].pop("size"),
                   lambda d: d["summary"]["memory_ranges"][0]["read_latency"].update(ns=250)):
        wrong = copy.deepcopy(good)
        change(wrong)
        with pytest.raises(jsonschema.ValidationError):
            validate(wrong)


def test_the_tables_use_every_member_of_a_structure():
    used = {place for name in cdat_tables.names() for place in members_of(document(name)["structures"])}
    for part in ("dsmas", "dslbis", "dsmscis", "dsis", "dsemts", "sslbis"):
        for key in SCHEMA["$defs"][part]["properties"]:
            assert f"/*/{key}" in used, key
