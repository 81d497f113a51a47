# SPDX-License-Identifier: Apache-2.0
"""How much a client, a user and all together may have under way, and what becomes of it when a client leaves the bus."""

import grp
import subprocess
import time

import pytest

import harness
from harness import CDAT, DBusError, ENDPOINT_MAILBOX, MAILBOX, NOBODY, ROOT

WHERE = "0000:0d:00.0 mailbox 0x190"
OTHER_MAILBOX = f"{ROOT}/device/0000_0e_00_0/mailbox_190"


def slow(*addresses):
    return harness.topology(*(harness.endpoint(address, response_time_us=100_000)
                              for address in addresses or ["0000:0d:00.0"]))


def refresh(client, path=ENDPOINT_MAILBOX):
    return client.invoke_later(path, CDAT, "Refresh")


def refusal(call):
    """The message of a call that exceeds a limit."""
    with pytest.raises(DBusError) as refused:
        call.result()
    assert refused.value.name == "org.doed1.Error.LimitsExceeded"
    assert f"{WHERE}: " in refused.value.message
    return refused.value.message


def await_queue_length(client, length):
    """No signal tells of it: asked for until it is so."""
    deadline = time.monotonic() + harness.PATIENCE_S
    while client.get(ENDPOINT_MAILBOX, MAILBOX, "QueueLength") != length:
        assert time.monotonic() < deadline, f"the queue's length does not become {length}"


@pytest.fixture
def other(bus):
    other = harness.Client(bus.address)
    yield other
    other.close()


def test_a_client_may_have_so_much_under_way(start_doed, client, other):
    start_doed(slow(), config={"queue_limit_per_client": 2})
    calls = [refresh(client) for _ in range(3)]
    assert "this client has 2 under way" in refusal(calls[2])
    assert not calls[0].done, "refused at once"
    theirs = refresh(other)
    for call in (*calls[:2], theirs):
        call.result()
    refresh(client).result()


def test_sixteen_by_default(start_doed, client):
    start_doed(slow())
    calls = [refresh(client) for _ in range(17)]
    assert "this client has 16 under way" in refusal(calls[16])
    for call in calls[:16]:
        call.result()


def test_the_clients_of_a_user_share_that_users_limit(start_doed, client, other):
    start_doed(slow(), config={"queue_limit_per_user": 2})
    ours, theirs = refresh(client), refresh(other)
    assert "user 0 has 2 under way" in refusal(refresh(other))
    ours.result(), theirs.result()
    refresh(other).result()


def test_all_share_one_limit(start_doed, client, other):
    start_doed(slow("0000:0d:00.0", "0000:0e:00.0"), config={"queue_limit_in_all": 2})
    ours, theirs = refresh(client, OTHER_MAILBOX), refresh(other)
    assert "2 of all clients are under way" in refusal(refresh(other))
    ours.result(), theirs.result()


def test_what_takes_no_device_is_not_counted(start_doed, client):
    start_doed(slow(), config={"queue_limit_per_client": 1})
    client.invoke(ENDPOINT_MAILBOX, CDAT, "GetTable")
    held = refresh(client)
    assert len(client.invoke(ENDPOINT_MAILBOX, CDAT, "GetTable")) == 160
    client.invoke(ENDPOINT_MAILBOX, MAILBOX, "GetTrace")
    client.get_all(ENDPOINT_MAILBOX, MAILBOX)
    assert not held.done
    held.result()


@pytest.mark.parametrize("method", ["Discover", "Reset"])
def test_every_request_is_counted(start_doed, client, method):
    start_doed(slow(), config={"queue_limit_per_client": 1})
    held = refresh(client)
    refusal(client.invoke_later(ENDPOINT_MAILBOX, MAILBOX, method))
    held.result()


def test_a_client_that_leaves_takes_its_requests_along(start_doed, client, other):
    start_doed(slow(), config={"queue_limit_in_all": 3})
    refresh(other)
    other.invoke_later(ENDPOINT_MAILBOX, MAILBOX, "Discover")
    refresh(other)
    await_queue_length(client, 3)
    refusal(refresh(client))
    other.close()
    await_queue_length(client, 0)
    exchanges = client.get(ENDPOINT_MAILBOX, MAILBOX, "Exchanges")
    # The exchange on the wire ends; then the mailbox is ours.
    client.invoke(ENDPOINT_MAILBOX, CDAT, "Refresh")
    assert client.get(ENDPOINT_MAILBOX, MAILBOX, "Exchanges") <= exchanges + 1 + 7


# --- Users -------------------------------------------------------------------------------------------


def test_another_user_has_a_limit_of_their_own(start_doed, bus, client):
    start_doed(slow(), config={"queue_limit_per_user": 1, "reader_group": "users"})
    held = refresh(client)
    client.wait_for(ENDPOINT_MAILBOX, MAILBOX, "State", "busy")
    refusal(refresh(client))
    subprocess.run(["busctl", f"--address={bus.address}", "call", harness.NAME, ENDPOINT_MAILBOX, MAILBOX, "Discover",
                    "a{sv}", "0"], stdout=subprocess.DEVNULL, timeout=harness.PATIENCE_S, check=True, user=NOBODY,
                   group=NOBODY, extra_groups=[grp.getgrnam("users").gr_gid], cwd="/")
    held.result()
