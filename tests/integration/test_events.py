# SPDX-License-Identifier: Apache-2.0
"""Events: what subscribers are told, what becomes of those who do not listen, and how many there may be."""

import os
import pathlib
import select
import subprocess
import sys
import time

import pytest

import events
import harness
from events import Subscriber, View
from harness import CDAT, DBusError, ENDPOINT_MAILBOX, MAILBOX, MANAGER, NOBODY, ROOT

DEVICE = "0000:0d:00.0"
OFFSET = 0x190


@pytest.fixture
def subscribe(client):
    """A function that subscribes; what it has opened is closed at the end."""
    opened = []

    def subscribe(by=client):
        opened.append(Subscriber(by))
        return opened[-1]

    yield subscribe
    for subscriber in opened:
        subscriber.close()


def faulty_endpoint(address, faults):
    return harness.endpoint(address, mailboxes=[{"offset": "0x190", "protocols": ["1e98:02"], "faults": faults}])


def faulty(*faults):
    return harness.topology(faulty_endpoint(DEVICE, list(faults)))


def is_idle_again(seen):
    return bool(seen) and seen[-1].kind == "state" and seen[-1].body[1] == "idle"


# --- What is told ------------------------------------------------------------------------------------


def test_a_subscription_begins_with_a_greeting(doed, subscribe):
    before = time.time_ns() // 1000
    subscriber = subscribe()
    subscriber.wait_for(bool, "the greeting")
    greeting = subscriber.events[0]
    assert (greeting.kind, greeting.body) == ("subscribed", (1, 0, 256))
    assert (greeting.sequence, greeting.lost, greeting.pending, greeting.device, greeting.mailbox) == (0, 0, 0, "", 0)
    assert before <= greeting.time_us <= time.time_ns() // 1000


def test_a_reset_is_a_chain_of_states(doed, client, subscribe):
    subscriber = subscribe()
    client.invoke(ENDPOINT_MAILBOX, MAILBOX, "Reset")
    subscriber.wait_for(is_idle_again, "the mailbox to be idle again")
    states = subscriber.of("state")
    assert [(event.device, event.mailbox, event.body) for event in states] == [
        (DEVICE, OFFSET, ("idle", "starting")), (DEVICE, OFFSET, ("starting", "idle"))]
    assert len(subscriber.events) == 3, "and nothing else"


def test_a_loan_changes_owner_and_state(doed, client, subscribe):
    subscriber = subscribe()
    lease = client.invoke_for_file(ENDPOINT_MAILBOX, MAILBOX, "Release")
    os.close(lease)
    subscriber.wait_for(lambda seen: is_idle_again(seen) and subscriber.of("owner")[1:], "the mailbox to be back")
    name = client.connection.get_unique_name()
    lent, back = subscriber.of("owner")
    assert lent.body == ("daemon", "released", f"lent to {name}")
    assert back.body == ("released", "daemon", "no kernel driver is bound")
    assert [event.body for event in subscriber.of("state")] == [
        ("idle", "released"), ("released", "starting"), ("starting", "idle")]
    assert all(event.device == DEVICE and event.mailbox == OFFSET for event in subscriber.events[1:])


def test_a_table_that_changes_is_told_with_its_sequence(start_doed, client, subscribe):
    start_doed(faulty({"kind": "table-changes", "rate": 1}))
    changed = client.signals(CDAT, "Changed")
    subscriber = subscribe()
    sequences = [client.invoke(ENDPOINT_MAILBOX, CDAT, "Refresh") for _ in range(2)]
    subscriber.wait_for(lambda _: len(subscriber.of("cdat-changed")) == 2, "both tables")
    told = [event.body[0] for event in subscriber.of("cdat-changed")]
    assert told == sequences
    harness.wait_until(lambda: len(changed) == 2, "the signals")
    assert told == [arguments[0] for _, arguments in changed]


def test_a_table_that_is_the_same_is_not_told(doed, client, subscribe):
    client.invoke(ENDPOINT_MAILBOX, CDAT, "Refresh")
    subscriber = subscribe()
    client.invoke(ENDPOINT_MAILBOX, CDAT, "Refresh")
    client.invoke(ENDPOINT_MAILBOX, MAILBOX, "Reset")
    subscriber.wait_for(is_idle_again, "the reset")
    assert not subscriber.of("cdat-changed")


@pytest.mark.parametrize("fault", [
    {"kind": "error-in-response", "at": 4}, {"kind": "wrong-type", "at": 4}, {"kind": "never-ready", "at": 4},
    {"kind": "short-object", "at": 4}], ids=lambda fault: fault["kind"])
def test_an_exchange_that_fails_is_told_as_its_caller_is(start_doed, client, subscribe, fault):
    start_doed(faulty(fault))
    subscriber = subscribe()
    with pytest.raises(DBusError) as refused:
        client.invoke(ENDPOINT_MAILBOX, CDAT, "Refresh")
    subscriber.wait_for(lambda _: subscriber.of("exchange-failed"), "the failure")
    failed, = subscriber.of("exchange-failed")
    vendor, object_type, _, error, detail = failed.body
    assert (failed.device, failed.mailbox, vendor, object_type) == (DEVICE, OFFSET, 0x1E98, 2)
    assert error == refused.value.name
    assert detail and detail in refused.value.message
    assert client.get(ENDPOINT_MAILBOX, MAILBOX, "Errors") == 1


def test_failures_of_a_claim_are_told_as_well(start_doed, client, subscribe):
    """A mailbox that never answers discovery; each attempt is one that the property Errors counts."""
    start_doed(faulty({"kind": "error-in-response", "at": 4, "count": 3}))
    subscriber = subscribe()
    with pytest.raises(DBusError):
        client.invoke(ENDPOINT_MAILBOX, MAILBOX, "Reset")
    subscriber.wait_for(lambda _: subscriber.of("exchange-failed"), "the failure")
    failed = subscriber.of("exchange-failed")[0]
    assert failed.body[:4] == (1, 0, 0, "org.doed1.Error.DeviceError")
    subscriber.wait_for(is_idle_again, "the mailbox to be revived")
    assert client.get(ENDPOINT_MAILBOX, MAILBOX, "Errors") == len(subscriber.of("exchange-failed"))


def test_a_device_that_goes_and_comes_is_told_with_its_mailboxes(start_doed, client, subscribe):
    start_doed(faulty({"kind": "all-ones", "at": 150, "time_us": 1_500_000}))
    subscriber = subscribe()
    gone = client.signals("org.freedesktop.DBus.ObjectManager", "InterfacesRemoved")
    back = client.signals("org.freedesktop.DBus.ObjectManager", "InterfacesAdded")
    view = View().start(client.objects())
    while not gone:
        try:
            client.invoke(ENDPOINT_MAILBOX, CDAT, "Refresh")
        except DBusError as error:
            assert error.name in ("org.doed1.Error.DeviceGone", "org.freedesktop.DBus.Error.UnknownObject")
            harness.wait_until(lambda: gone, "the device to go")
    harness.wait_until(lambda: back, "the device to come back")
    subscriber.wait_for(lambda seen: is_idle_again(seen) and subscriber.of("mailbox-added"), "the device to be idle")
    kinds = [event.kind for event in subscriber.events]
    removed, added = kinds.index("device-removed"), kinds.index("device-added")
    assert kinds[removed - 1:removed + 3] == ["mailbox-removed", "device-removed", "device-added", "mailbox-added"]
    assert subscriber.events[added].body == (0x8086, 0x0D93, 0x050210)
    assert subscriber.events[added + 1].body[0] == client.get(ENDPOINT_MAILBOX, MAILBOX, "CapabilityVersion")
    assert view.follow(subscriber.events).mailboxes == events.on_the_bus(client.objects())


# --- Subscribing -------------------------------------------------------------------------------------


def test_who_subscribes_and_then_looks_misses_nothing(start_doed, client, subscribe):
    """Whatever happens between the two is in the answer, or in a packet, or both."""
    addresses = [f"0000:{bus:02x}:00.0" for bus in range(0x10, 0x18)]
    start_doed(harness.topology(*(harness.endpoint(address, response_time_us=1000) for address in addresses)))
    paths = [f"{ROOT}/device/{address.replace(':', '_').replace('.', '_')}/mailbox_190" for address in addresses]
    for _ in range(5):
        calls = [client.invoke_later(path, MAILBOX, "Reset") for path in paths]
        subscriber = subscribe()
        objects = client.objects()
        snapshot = events.on_the_bus(objects)
        for call in calls:
            call.result()
        subscriber.read()
        # A state that is in both is told again: the last packet of a mailbox says how it is.
        for event in subscriber.of("state"):
            snapshot[event.device, event.mailbox][0] = event.body[1]
        assert snapshot == events.on_the_bus(client.objects())
        assert set(state for state, _ in snapshot.values()) == {"idle"}


def test_leaving_the_bus_does_not_end_a_subscription(doed, bus, client, subscribe):
    other = harness.Client(bus.address)
    subscriber = subscribe(other)
    other.close()
    client.invoke(ENDPOINT_MAILBOX, MAILBOX, "Reset")
    subscriber.wait_for(is_idle_again, "the reset")


def test_the_end_of_doed_ends_the_stream(doed, subscribe):
    subscriber = subscribe()
    doed.stop()
    subscriber.wait_for(lambda _: subscriber.ended, "the end of the stream")
    assert not subscriber.of("device-removed"), "the devices have not gone"


def test_a_crash_of_doed_ends_the_stream(doed, subscribe):
    subscriber = subscribe()
    doed.kill()
    subscriber.wait_for(lambda _: subscriber.ended, "the end of the stream")


def test_a_subscriber_has_nothing_to_say(doed, client, subscribe):
    subscriber = subscribe()
    with pytest.raises(BrokenPipeError):
        subscriber.socket.send(b"x")
    client.invoke(ENDPOINT_MAILBOX, MAILBOX, "Reset")
    subscriber.wait_for(is_idle_again, "the reset")


def test_unknown_options_are_refused(doed, client):
    with pytest.raises(DBusError) as refused:
        client.invoke(ROOT, MANAGER, "Subscribe", since=("t", 1))
    assert refused.value.name == "org.freedesktop.DBus.Error.InvalidArgs"


def limit_refusal(client):
    with pytest.raises(DBusError) as refused:
        Subscriber(client)
    assert refused.value.name == "org.doed1.Error.LimitsExceeded"
    assert refused.value.message.endswith(": too many at once")
    return refused.value.message


def test_a_user_has_eight_subscriptions(doed, bus, client, subscribe):
    other = harness.Client(bus.address)
    subscribers = [subscribe(by) for by in (client, other) * 4]
    assert "user 0 has 8 subscriptions to events (subscriber_limit_per_user)" in limit_refusal(client)
    limit_refusal(other)
    subscribers[0].close()
    subscribe()
    other.close()


def test_all_together_have_as_many_as_the_configuration_says(start_doed, client, subscribe):
    start_doed(config={"subscriber_limit_in_all": 3})
    for _ in range(3):
        subscribe()
    assert "there are 3 subscriptions to events (subscriber_limit_in_all)" in limit_refusal(client)


PRELUDE = f"""
import sys
sys.path.insert(0, {str(pathlib.Path(__file__).parent)!r})
import harness, events
client = harness.Client(sys.argv[1])
"""
AS_NOBODY = f"""{PRELUDE}
subscribers = [events.Subscriber(client) for _ in range(8)]
for subscriber in subscribers:
    subscriber.wait_for(bool, "the greeting")
try:
    events.Subscriber(client)
except harness.DBusError as error:
    print(error.name, error.message)
"""


def test_everybody_may_subscribe_within_limits_of_their_own(doed, bus, client, subscribe):
    held = [subscribe() for _ in range(8)]
    ended = subprocess.run([sys.executable, "-c", AS_NOBODY, bus.address], capture_output=True, text=True,
                           timeout=harness.PATIENCE_S, check=False, user=NOBODY, group=NOBODY, extra_groups=[],
                           cwd="/", env={"PYTHONDONTWRITEBYTECODE": "1"})
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.startswith("org.doed1.Error.LimitsExceeded"), ended.stdout
    assert f"user {NOBODY} has 8 subscriptions" in ended.stdout
    assert len(held) == 8


# --- A storm -----------------------------------------------------------------------------------------

QUEUE = 150
DEVICES = 8
COMINGS = 2
STORM_ADDRESSES = [f"0000:{bus:02x}:00.0" for bus in range(0x10, 0x10 + DEVICES)]


def storm_path(address):
    return f"{ROOT}/device/{address.replace(':', '_').replace('.', '_')}/mailbox_190"


def memory_kib(doed):
    status = pathlib.Path(f"/proc/{doed.process.pid}/status").read_text()
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS:"))


class Storm:
    """Devices that are read, and that go and come; everybody's socket is looked after in between."""

    def __init__(self, client, prompt, slow):
        self.client, self.prompt, self.slow = client, prompt, slow
        self.view = View().start(client.objects())
        self.rounds = 0
        self.ready = select.epoll()
        self.by_fd = {subscriber.socket.fileno(): subscriber for subscriber in prompt}
        for fd in self.by_fd:
            self.ready.register(fd, select.EPOLLIN)

    def read(self):
        for fd, _ in self.ready.poll(0):
            self.by_fd[fd].read()
        self.view.follow(self.prompt[0].events)
        # It stays behind, within what may wait for it.
        behind = len(self.prompt[0].packets) - len(self.slow.packets)
        if behind > QUEUE // 2:
            self.slow.read(most=behind // 2)

    def all_idle(self):
        self.read()
        mailboxes = self.view.mailboxes
        return len(mailboxes) == DEVICES and {state for state, _ in mailboxes.values()} == {"idle"}

    def refresh_all(self):
        calls = [self.client.invoke_later(storm_path(address), CDAT, "Refresh") for address in STORM_ADDRESSES]
        for call in calls:
            harness.wait_until(lambda: self.read() or call.done, "an answer", tick_ms=10)
        self.rounds += 1

    def comings(self):
        return len(self.prompt[0].of("device-added"))

    def until_comings(self, count):
        while self.comings() < count:
            assert self.rounds < 1000, f"{self.comings()} devices have come back in {self.rounds} rounds"
            self.refresh_all()
            harness.wait_until(self.all_idle, "all devices to be there and idle", patience_s=3 * harness.PATIENCE_S,
                               tick_ms=10)

    def calm(self):
        """Nothing is under way: what was told before this returns has been sent, or waits."""
        harness.wait_until(self.all_idle, "all devices to be there and idle", tick_ms=10)
        self.client.invoke(storm_path(STORM_ADDRESSES[0]), MAILBOX, "Reset")
        self.read()


def test_a_storm_takes_nothing_from_who_reads_and_counts_what_others_lose(start_doed, client, subscribe):
    """100 subscribers, of which one never reads and one is slow, while devices go and come."""
    faults = [{"kind": "all-ones", "at": 600 * number, "time_us": 700_000} for number in range(1, 64)]
    doed = start_doed(
        harness.topology(*(faulty_endpoint(address, faults) for address in STORM_ADDRESSES)),
        config={"subscriber_limit_per_user": 100, "subscriber_limit_in_all": 100, "event_queue_limit": QUEUE,
                "queue_limit_per_client": 4096, "queue_limit_per_user": 4096})
    subscribers = [subscribe() for _ in range(100)]
    assert "user 0 has 100 subscriptions" in limit_refusal(client)
    stopped, slow, *prompt = subscribers
    storm = Storm(client, prompt, slow)

    storm.until_comings(COMINGS * DEVICES)
    storm.calm()
    after_first = memory_kib(doed)
    storm.until_comings(2 * COMINGS * DEVICES)
    storm.calm()
    after_second = memory_kib(doed)

    # Who reads has everything, and everybody has the same.
    total = prompt[0].total()
    assert total > 2 * QUEUE, "no storm"
    for subscriber in (slow, *prompt):
        # Its reading makes room for what waits.
        harness.wait_until(lambda: subscriber.read() == 0 and len(subscriber.packets) >= total, "the rest", tick_ms=1)
        assert subscriber.lost() == 0
        assert subscriber.total() == total
        assert subscriber.told() == prompt[0].told()
    assert any(event.pending for event in slow.events), "the slow one was never behind"
    assert storm.view.mailboxes == events.on_the_bus(client.objects())

    # Who has stopped is told what it has missed, to the event.
    stopped.wait_for(lambda seen: seen and seen[-1].sequence == total - 1, "the last event")
    assert stopped.lost() == total - len(stopped.packets) > 0
    assert stopped.total() == total
    assert [event.lost > 0 for event in stopped.events].count(True) == 1
    everything = prompt[0].told()
    for event, told in zip(stopped.events[1:], stopped.told()):
        assert told == everything[event.sequence - 1]

    # Sanitizers keep what is freed for a time.
    allowed_kib = 2048 if harness.FACTOR == 1 else 300 * 1024
    assert after_second - after_first < allowed_kib, (after_first, after_second)

    # All of them leave at once, and there is room again.
    for subscriber in subscribers:
        subscriber.close()
    again = [subscribe() for _ in range(100)]
    again[-1].wait_for(bool, "the greeting")


HOLDING = f"""{PRELUDE}
import signal
subscriber = events.Subscriber(client)
print("subscribed", flush=True)
signal.pause()
"""


def test_a_subscriber_that_is_killed_makes_room(start_doed, bus, client, subscribe):
    """Its end is closed by the kernel, however much waits for it."""
    start_doed(config={"subscriber_limit_in_all": 1})
    with subprocess.Popen([sys.executable, "-c", HOLDING, bus.address], stdout=subprocess.PIPE,
                          preexec_fn=harness.die_with_parent) as other:
        assert other.stdout.readline() == b"subscribed\n"
        for _ in range(50):
            client.invoke(ENDPOINT_MAILBOX, MAILBOX, "Reset")
        limit_refusal(client)
        other.kill()
    subscribe().wait_for(bool, "the greeting")
