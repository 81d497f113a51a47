# SPDX-License-Identifier: Apache-2.0
"""doectl stats: what doed has counted, for people, for programs and for node_exporter; and doectl reset."""

import json
import subprocess

import pytest

import prometheus
from harness import BUILD, CDAT, ENDPOINT_MAILBOX, MAILBOX, PATIENCE_S

COUNTERS = {
    "Exchanges": "doed_mailbox_exchanges_total", "Errors": "doed_mailbox_errors_total",
    "Timeouts": "doed_mailbox_timeouts_total", "Aborts": "doed_mailbox_aborts_total",
    "InterruptCompletions": "doed_mailbox_interrupt_completions_total",
    "PollCompletions": "doed_mailbox_poll_completions_total"}
ENDPOINT_LABELS = {"device": "0000:0d:00.0", "mailbox": "190", "vendor_id": "8086", "device_id": "0d93"}


def doectl(bus, *words):
    ended = subprocess.run([BUILD / "lib" / "client" / "doectl", "--bus", bus.address, *words], stdout=subprocess.PIPE,
                           text=True, timeout=PATIENCE_S, check=True)
    return ended.stdout


def sample(families, name, labels=ENDPOINT_LABELS):
    found = [value for its, value in families[name][2] if labels.items() <= its.items()]
    assert len(found) == 1, (name, labels)
    return found[0]


def test_the_metrics_are_what_doed_counts(doed, bus, client):
    client.invoke(ENDPOINT_MAILBOX, CDAT, "GetTable")
    families = prometheus.parse(doectl(bus, "stats", "--textfile"))
    properties = client.get_all(ENDPOINT_MAILBOX, MAILBOX)
    for name, metric in COUNTERS.items():
        assert sample(families, metric) == properties[name], name
    assert sample(families, "doed_mailbox_config_read_bytes_total") == properties["ConfigReads"] * 4
    assert sample(families, "doed_mailbox_config_written_bytes_total") == properties["ConfigWrites"] * 4
    assert sample(families, "doed_cdat_length_bytes") == client.get(ENDPOINT_MAILBOX, CDAT, "Length") > 0
    assert sample(families, "doed_mailbox_info", {**ENDPOINT_LABELS, "state": "idle", "owner": "daemon"}) == 1
    assert all(len(family[2]) == 4 for name, family in families.items() if name.startswith("doed_mailbox_"))


def test_people_and_programs_are_told_the_same(doed, bus):
    lines = doectl(bus, "stats", "--no-legend").splitlines()
    mailboxes = json.loads(doectl(bus, "stats", "--json"))["mailboxes"]
    assert len(lines) == len(mailboxes) == 4
    for line, mailbox in zip(lines, mailboxes):
        assert line.split() == [str(mailbox[key]) for key in (
            "name", "state", "exchanges", "errors", "timeouts", "aborts", "interrupt_completions", "poll_completions",
            "config_reads", "config_writes")]
    assert [line.split()[0] for line in doectl(bus, "stats", "3b:00.0/180", "--no-legend").splitlines()] == [
        "0000:3b:00.0/180"]


def test_reset_claims_the_mailbox_anew(doed, bus, client):
    aborts = client.get(ENDPOINT_MAILBOX, MAILBOX, "Aborts")
    assert doectl(bus, "reset", "0d:00.0") == ""
    assert client.get(ENDPOINT_MAILBOX, MAILBOX, "Aborts") == aborts + 1
    assert client.get(ENDPOINT_MAILBOX, MAILBOX, "State") == "idle"


@pytest.mark.parametrize("text", [
    "a 1", "a 1\n", "# TYPE a gauge\na 1\n", "# HELP a b\n# TYPE a counter\na 1\n",
    "# HELP a b\n# TYPE a gauge\n", "# HELP a b\n# TYPE a gauge\na{b=\"\n\"} 1\n", "# HELP a b\n# TYPE a gauge\na{b=\"\\x\"} 1\n",
    "# HELP a b\n# TYPE a gauge\na{b=\"c\"} 1\na{b=\"c\"} 2\n", "# HELP a_ms b\n# TYPE a_ms gauge\na_ms 1\n",
    "# HELP a b\n# TYPE a gauge\na 1\n# HELP c d\n# TYPE c gauge\nc 1\na 2\n"])
def test_the_reader_of_metrics_is_strict(text):
    with pytest.raises(ValueError):
        prometheus.parse(text)
