# SPDX-License-Identifier: Apache-2.0
"""The flight recorder: what a mailbox did last, told at any time, whatever the mailbox does."""

import datetime
import json
import subprocess
import time

import pytest

import harness
from harness import BUILD, CDAT, DBusError, ENDPOINT_MAILBOX, FACTOR, MAILBOX, PATIENCE_S

DISCOVERY, TABLE_ACCESS = "0001:00", "1e98:02"


def trace(client, path=ENDPOINT_MAILBOX):
    document = json.loads(client.invoke(path, MAILBOX, "GetTrace"))
    assert document["version"] == 1
    return document


def picked(records, *members):
    return [tuple(record[member] for member in members) for record in records]


def test_the_claim_is_recorded(doed, client):
    document = trace(client)
    assert (document["device"], document["offset"]) == ("0000:0d:00.0", "0x190")
    assert (document["owner"], document["state"]) == ("daemon", "idle")
    assert picked(document["records"], "sequence", "purpose", "protocol", "abort", "outcome") == [
        (1, "claim", None, "done", "ok"), (2, "claim", DISCOVERY, None, "ok"), (3, "claim", DISCOVERY, None, "ok")]


def test_exchanges_appear_with_their_lengths(doed, client):
    table = client.invoke(ENDPOINT_MAILBOX, CDAT, "GetTable")
    records = trace(client)["records"][3:]
    assert {record["protocol"] for record in records} == {TABLE_ACCESS}
    assert picked(records, "purpose", "outcome", "abort", "request_dw") == [("request", "ok", None, 3)] * 7
    # Two dwords of header and one with the next handle; the rest is the table.
    assert records[0]["response_dw"] == 2 + 1 + 16 // 4
    assert sum(record["response_dw"] - 3 for record in records) * 4 == len(table)
    accesses = client.get(ENDPOINT_MAILBOX, MAILBOX, "ConfigReads"), client.get(ENDPOINT_MAILBOX, MAILBOX, "ConfigWrites")
    everything = trace(client)["records"]
    assert accesses == (sum(r["reads"] for r in everything), sum(r["writes"] for r in everything))


def test_times_are_those_of_the_wall(start_doed, client):
    start_doed(harness.topology(harness.endpoint(response_time_us=20_000)))
    before = time.time()
    client.invoke(ENDPOINT_MAILBOX, CDAT, "GetTable")
    after = time.time()
    records = trace(client)["records"][3:]
    begins = [datetime.datetime.strptime(record["begin"], "%Y-%m-%dT%H:%M:%S.%f%z").timestamp() for record in records]
    assert begins == sorted(begins)
    assert before - 0.002 <= begins[0] and begins[-1] <= after + 0.002
    for record in records:
        assert 20_000 <= record["response_us"] <= record["duration_us"] <= (after - before) * 1_000_000
        assert record["completion"] == "poll"


def test_an_exchange_that_times_out_shows_its_status_words_and_its_abort(start_doed, client):
    # With this seed discovery is answered within 100 ms each, and the exchange after it not for 8.9 s.
    start_doed(harness.topology(harness.endpoint(response_time_us={"min": 0, "max": 10_000_000}, seed=6433)))
    client.wait_for(ENDPOINT_MAILBOX, MAILBOX, "State", "idle")
    with pytest.raises(DBusError):
        client.invoke(ENDPOINT_MAILBOX, CDAT, "GetTable")
    record = trace(client)["records"][-1]
    assert record["outcome"] == "org.doed1.Error.Timeout"
    assert "no response" in record["error"]
    assert record["abort"] == "done"
    for status in ("status_after_go", "status_before_abort", "status_last"):
        assert int(record[status], 16) & 0x8000_0005 == 0, "neither Busy nor Error nor Ready"
    assert (record["response_dw"], record["response_us"], record["completion"]) == (0, None, None)
    assert record["polls"] > 10
    assert record["duration_us"] >= 1_000_000


def test_it_is_told_while_the_mailbox_is_busy(start_doed, client):
    start_doed(harness.topology(harness.endpoint(response_time_us=400_000)))
    pending = client.invoke_later(ENDPOINT_MAILBOX, CDAT, "GetTable")
    client.wait_for(ENDPOINT_MAILBOX, MAILBOX, "State", "busy")
    begin = time.monotonic()
    record = trace(client)["records"][-1]
    assert time.monotonic() - begin < 0.2 * FACTOR
    assert not pending.done
    assert (record["protocol"], record["outcome"], record["response_us"]) == (TABLE_ACCESS, "running", None)


def test_it_is_told_while_the_mailbox_is_dead(start_doed, client):
    start_doed(harness.topology(harness.endpoint(abort_time_us=60_000_000)))
    client.wait_for(ENDPOINT_MAILBOX, MAILBOX, "State", "dead")
    document = trace(client)
    assert document["state"] == "dead"
    record = document["records"][0]
    assert (record["purpose"], record["protocol"], record["abort"]) == ("claim", None, "failed")
    assert record["outcome"] == "org.doed1.Error.Dead"
    assert int(record["status_last"], 16) & 1, "Busy"


def test_a_reset_is_told_from_a_claim(doed, client):
    client.invoke(ENDPOINT_MAILBOX, MAILBOX, "Reset")
    records = trace(client)["records"]
    assert picked(records, "purpose") == [("claim",)] * 3 + [("reset",)] * 3


def test_the_last_64_are_kept(doed, client):
    for _ in range(10):
        client.invoke(ENDPOINT_MAILBOX, CDAT, "Refresh")
    sequences = [record["sequence"] for record in trace(client)["records"]]
    assert sequences == list(range(3 + 70 - 63, 3 + 70 + 1))


def test_a_mailbox_of_the_kernel_has_an_empty_list_and_says_whose_it_is(start_on_fake_host, fake_host, client):
    fake_host.add_cxl_port(harness.make_table(160))
    start_on_fake_host()
    document = trace(client, fake_host.MAILBOX)
    assert document["records"] == []
    assert (document["owner"], document["state"]) == ("kernel", "kernel")
    assert "CXL port" in document["owner_reason"]


def test_payloads_are_nowhere_in_it(doed, client):
    client.invoke(ENDPOINT_MAILBOX, CDAT, "GetTable")
    members = {member for record in trace(client)["records"] for member in record}
    assert members == {
        "sequence", "begin", "duration_us", "purpose", "protocol", "request_dw", "response_dw", "response_us",
        "status_after_go", "status_before_abort", "status_last", "reads", "writes", "polls", "completion", "abort",
        "outcome", "error"}


def doectl(bus, *words):
    ended = subprocess.run([BUILD / "lib" / "client" / "doectl", "--bus", bus.address, *words], stdout=subprocess.PIPE,
                           text=True, timeout=PATIENCE_S, check=True)
    return ended.stdout


def test_doectl_shows_it(doed, bus, client):
    lines = doectl(bus, "trace", "0d:00.0").splitlines()
    assert lines[0].split()[:3] == ["NO", "BEGIN", "MS"]
    assert [line.split()[0] for line in lines[1:4]] == ["1", "2", "3"]
    assert json.loads(doectl(bus, "trace", "0d:00.0/190", "--json"))["records"] == trace(client)["records"]
