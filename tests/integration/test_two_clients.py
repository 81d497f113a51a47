# SPDX-License-Identifier: Apache-2.0
"""Several clients at once: everyone is answered, and equal requests share one run."""

import harness
from harness import CDAT, ENDPOINT_MAILBOX, MAILBOX


def test_two_clients_get_the_same_table(doed, bus, client):
    other = harness.Client(bus.address)
    try:
        calls = [who.invoke_later(ENDPOINT_MAILBOX, CDAT, "GetTable", refresh=("b", True)) for who in (client, other)]
        first, second = (call.result() for call in calls)
        assert first == second and len(first) == 160
    finally:
        other.close()


def test_requests_that_wait_share_one_run(start_doed, client):
    start_doed(harness.topology(harness.endpoint(response_time_us=50_000)))
    before = client.get(ENDPOINT_MAILBOX, MAILBOX, "Exchanges")
    calls = [client.invoke_later(ENDPOINT_MAILBOX, CDAT, "Refresh") for _ in range(10)]
    assert len({call.result() for call in calls}) == 1
    # The first one runs alone, whoever comes while it does shares the next run.
    assert client.get(ENDPOINT_MAILBOX, MAILBOX, "Exchanges") <= before + 2 * 7


def test_a_client_that_leaves_disturbs_nobody(start_doed, bus, client):
    start_doed(harness.topology(harness.endpoint(response_time_us=50_000)))
    leaving = harness.Client(bus.address)
    leaving.invoke_later(ENDPOINT_MAILBOX, CDAT, "GetTable")
    staying = client.invoke_later(ENDPOINT_MAILBOX, CDAT, "GetTable")
    client.wait_for(ENDPOINT_MAILBOX, MAILBOX, "State", "busy")
    leaving.close()
    assert len(staying.result()) == 160
