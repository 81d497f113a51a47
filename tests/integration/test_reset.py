# SPDX-License-Identifier: Apache-2.0
"""Reset ends what runs, claims the mailbox anew and returns when it is ready."""

import pytest

import harness
from harness import CDAT, DBusError, ENDPOINT_MAILBOX, MAILBOX


def test_reset_claims_anew(doed, client):
    before = client.get_all(ENDPOINT_MAILBOX, MAILBOX)
    client.invoke(ENDPOINT_MAILBOX, MAILBOX, "Reset")
    after = client.get_all(ENDPOINT_MAILBOX, MAILBOX)
    assert after["State"] == "idle"
    assert after["Aborts"] == before["Aborts"] + 1
    assert after["Exchanges"] == before["Exchanges"] + 2


def test_reset_keeps_the_copy_of_the_table(doed, client):
    table = client.invoke(ENDPOINT_MAILBOX, CDAT, "GetTable")
    client.invoke(ENDPOINT_MAILBOX, MAILBOX, "Reset")
    assert client.invoke(ENDPOINT_MAILBOX, CDAT, "GetTable") == table


def test_reset_ends_what_runs_with_aborted(start_doed, client):
    start_doed(harness.topology(harness.endpoint(response_time_us=300_000)))
    running = client.invoke_later(ENDPOINT_MAILBOX, CDAT, "GetTable")
    client.wait_for(ENDPOINT_MAILBOX, MAILBOX, "State", "busy")
    client.invoke(ENDPOINT_MAILBOX, MAILBOX, "Reset")
    with pytest.raises(DBusError) as ended:
        running.result()
    assert ended.value.name == "org.doed1.Error.Aborted"
    assert client.get(ENDPOINT_MAILBOX, MAILBOX, "State") == "idle"


def test_a_claim_goes_on_when_the_callers_time_is_up(start_doed, client):
    start_doed(harness.topology(harness.endpoint(response_time_us=200_000)))
    with pytest.raises(DBusError) as ended:
        client.invoke(ENDPOINT_MAILBOX, MAILBOX, "Reset", deadline_usec=("t", 1000))
    assert ended.value.name == "org.doed1.Error.DeadlineExceeded"
    client.wait_for(ENDPOINT_MAILBOX, MAILBOX, "State", "idle")
