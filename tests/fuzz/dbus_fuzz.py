#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Calls every method of every object that a doed serves with what nobody should send, and sees that it takes no harm.

The objects are found by introspection from "/" on. Each call must be answered in time, by a result of the promised type or
by an error that the documentation knows; calls that are left behind by closing the connection are answered to nobody. Then
the same process must own the name, mailboxes must come to rest, tables must be what they were, and no descriptor and no
memory may have been kept. Needs nothing but Python: dbus_wire.py and dbus_cases.py lie beside this file.

Exits with 1 on a finding, after a line for each which begins with FINDING.
"""

import argparse
import collections
import json
import os
import pathlib
import pwd
import random
import resource
import select
import sys
import tempfile
import time
import traceback
import unicodedata
import xml.etree.ElementTree

sys.dont_write_bytecode = True

from dbus_cases import NAME, PROPERTIES, Cases  # noqa: E402
from dbus_wire import ERROR, METHOD_RETURN, Closed, Connection, Failure  # noqa: E402

BUS = ("org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus")
MAILBOX, CDAT = f"{NAME}.Mailbox", f"{NAME}.Cdat"

CONNECTIONS = 4
# Above what doed lets a client have under way, below what a bus lets wait for answers (128).
MOST_IN_FLIGHT = 24
CROWD = 40

# The errors of docs/dbus-api.md that a service in good health may answer with, and those that the bus or its libraries add.
# Neither Failed, NoReply nor ServiceUnknown is among them: those tell of a doed that is in trouble or gone.
ERRORS = {f"{NAME}.Error.{error}" for error in (
    "NotSupported", "NotAllowed", "KernelOwned", "Released", "Busy", "Timeout", "Aborted", "DeviceError", "Malformed", "Dead",
    "DeviceGone", "Lockdown", "LimitsExceeded", "Cancelled", "DeadlineExceeded", "TooLarge")} | {
        f"org.freedesktop.DBus.Error.{error}" for error in (
            "InvalidArgs", "AccessDenied", "UnknownObject", "UnknownMethod", "UnknownInterface", "UnknownProperty",
            "PropertyReadOnly", "IOError", "LimitsExceeded", "InconsistentMessage", "InvalidSignature")}
OWN_ERRORS = (f"{NAME}.", "org.freedesktop.DBus.Error.InvalidArgs", "org.freedesktop.DBus.Error.AccessDenied")
LONGEST_MESSAGE = 1024
RESTLESS = ("starting", "busy", "aborting", "released")
# Emulated devices may be told to fail now and then.
TABLE_ATTEMPTS = 10

Interface = collections.namedtuple("Interface", "methods properties")


class Finding(Exception):
    """What should not be, after which there is no point in going on."""


def introspect(connection, path="/"):
    """{path: {interface: Interface}} of an object and those below it."""
    try:
        text = connection.call(NAME, path, "org.freedesktop.DBus.Introspectable", "Introspect")[0]
    except Failure:
        return {}  # "/", where nothing is served but what is below
    node = xml.etree.ElementTree.fromstring(text)
    its = {}
    for interface in node.findall("interface"):
        methods = {}
        for method in interface.findall("method"):
            arguments = method.findall("arg")
            methods[method.get("name")] = tuple(
                "".join(argument.get("type") for argument in arguments if argument.get("direction", "in") == direction)
                for direction in ("in", "out"))
        its[interface.get("name")] = Interface(
            methods, {each.get("name"): each.get("type") for each in interface.findall("property")})
    found = {path: its} if its else {}
    for child in node.findall("node"):
        found.update(introspect(connection, f"{path.rstrip('/')}/{child.get('name')}"))
    return found


class Seat:
    """A connection and the calls that wait for an answer on it."""

    def __init__(self, address, patience_s):
        self.connection = Connection(address, patience_s)
        self.waiting = {}  # serial: (case, number, when it was sent)

    def oldest(self):
        return min((sent for _, _, sent in self.waiting.values()), default=None)


class Fuzzer:
    """Makes the calls. Runs as the user that is asked for; what it counts is told as a dictionary."""

    def __init__(self, address, seed, patience_s, largest, objects):
        self.address, self.patience_s = address, patience_s
        self.random = random.Random(seed)
        self.files = [os.open("/dev/null", os.O_RDONLY), *os.pipe()]
        with tempfile.TemporaryFile() as file:
            self.files.append(os.dup(file.fileno()))
        self.cases = Cases(self.random, objects, self.files, largest)
        self.seats = [Seat(address, patience_s) for _ in range(CONNECTIONS)]
        self.calls = self.abandoned = 0
        self.outcomes = collections.Counter()
        self.findings = []
        self.slowest = (0.0, 0, None)  # seconds, number, case

    def tell(self):
        took_s, number, case = self.slowest
        return {"calls": self.calls, "abandoned": self.abandoned, "outcomes": self.outcomes, "findings": self.findings,
                "slowest": f"{took_s:.3f} s: call {number}, {str(case)[:160]}"}

    def run(self, calls, seconds):
        """Until so many calls were made or so much time has passed."""
        end = time.monotonic() + seconds
        try:
            while self.calls < calls and time.monotonic() < end and len(self.findings) < 10:
                self.turn()
            self.drain()
        except Finding as finding:
            self.findings.append(str(finding))
        except (Closed, Failure, OSError) as error:
            self.findings.append(f"after call {self.calls} the bus takes no further connection: {error}")

    def turn(self):
        """A few calls on one connection, whatever waits on the others."""
        place = self.random.randrange(CONNECTIONS)
        pick = self.random.random()
        if pick < 0.02:
            self.leave(place)
        elif pick < 0.022:
            self.crowd()
        kinds = [make for _, make in self.cases.kinds]
        weights = [weight for weight, _ in self.cases.kinds]
        for make in self.random.choices(kinds, weights, k=self.random.randint(1, 8)):
            self.send(place, make())
        self.collect(0)

    def send(self, place, case):
        seat = self.seats[place]
        while len(seat.waiting) >= MOST_IN_FLIGHT:
            self.collect(self.patience_s)
        self.calls += 1
        # A message that does not reach the bus is one that was not well-formed, or the bus is in trouble.
        try:
            serial = seat.connection.send(case.message)
        except (Closed, TimeoutError) as error:
            raise Finding(f"the bus does not take call {self.calls} ({error}): {case}") from error
        if case.answered:
            seat.waiting[serial] = (case, self.calls, time.monotonic())

    def leave(self, place):
        """Closes a connection with whatever waits on it."""
        self.seats[place].connection.close()
        self.abandoned += len(self.seats[place].waiting)
        self.seats[place] = Seat(self.address, self.patience_s)

    def crowd(self):
        """Many connections at once, each of which asks and leaves."""
        connections = [Connection(self.address, self.patience_s) for _ in range(CROWD)]
        for connection in connections:
            for _ in range(3):
                self.calls += 1
                connection.send(self.cases.own_call().message)
                self.abandoned += 1
        for connection in connections:
            connection.close()

    def collect(self, wait_s):
        """Takes the answers that are there, after a wait for the first one."""
        now = time.monotonic()
        ready = select.select([seat.connection.socket for seat in self.seats], [], [], wait_s)[0]
        for seat in self.seats:
            if seat.connection.socket in ready:
                try:
                    messages = seat.connection.receive(0)
                except Closed as error:
                    last = list(seat.waiting.values())[-3:]
                    calls = "; ".join(f"call {number}: {case}" for case, number, _ in last)
                    raise Finding(f"the bus closed a connection ({error}) after {calls}") from error
                for message in messages:
                    self.take(seat, message)
        for seat in self.seats:
            oldest = seat.oldest()
            if oldest is not None and max(now, time.monotonic()) - oldest > self.patience_s:
                case, number, _ = next(iter(seat.waiting.values()))
                raise Finding(f"hang: call {number} was not answered within {self.patience_s} s: {case}")

    def take(self, seat, message):
        if message.kind not in (METHOD_RETURN, ERROR) or message.reply_serial not in seat.waiting:
            return
        case, number, sent = seat.waiting.pop(message.reply_serial)
        took = time.monotonic() - sent
        if took > self.slowest[0]:
            self.slowest = (took, number, case)
        self.outcomes[message.error_name or "result"] += 1
        wrong = self.wrong(case, message)
        if wrong:
            raw = case.message.encode(1)
            text = f"{raw.hex()}" if len(raw) < 2000 else f"{len(raw)} bytes"
            self.findings.append(f"{wrong}: call {number}: {case}; message {text}")

    def wrong(self, case, message):
        """What is wrong with an answer, if anything."""
        if message.kind == METHOD_RETURN:
            if case.must_fail:
                return "this must be refused and was not"
            if case.result is not None and message.signature != case.result:
                return f"a result of type {message.signature!r}, not {case.result!r}"
            expected = case.result.count("h") if case.result else message.fd_count
            return f"{message.fd_count} descriptors came" if message.fd_count != expected else None
        text = (message.arguments() or [""])[0]
        if message.error_name not in ERRORS:
            return f"an error that no documentation knows, {message.error_name}: {text!r}"
        if not text:
            return f"{message.error_name} without a message"
        if message.error_name.startswith(OWN_ERRORS) and (len(text) > LONGEST_MESSAGE or any(unicodedata.category(each) == "Cc" for each in text)):
            return f"{message.error_name} with a message that is no line: {text[:200]!r}"
        return None

    def drain(self):
        while any(seat.waiting for seat in self.seats):
            self.collect(self.patience_s)

    def largest(self):
        """One after the other, since a bus keeps no more than a few such messages for a receiver."""
        try:
            for case in self.cases.largest_cases():
                self.send(0, case)
                self.drain()
        except Finding as finding:
            self.findings.append(str(finding))


class Observer:
    """Looks at the service from outside: who it is, what it holds, what it serves."""

    def __init__(self, address, patience_s, pid):
        self.patience_s = patience_s
        self.connection = Connection(address, patience_s)
        self.owner = self.connection.call(*BUS, "GetNameOwner", "s", NAME)[0]
        self.pid = pid or self.connection.call(*BUS, "GetConnectionUnixProcessID", "s", NAME)[0]
        self.objects = introspect(self.connection)
        self.mailboxes = [path for path, its in self.objects.items() if MAILBOX in its]
        self.first = self.states()
        self.connection.call(*BUS, "AddMatch", "s", f"type='signal',sender='{NAME}',interface='{PROPERTIES}'")

    def same_service(self):
        try:
            owner = self.connection.call(*BUS, "GetNameOwner", "s", NAME)[0]
        except Failure as failure:
            return f"{NAME} has no owner any more: {failure}"
        return None if owner == self.owner else f"{NAME} has another owner: {owner}, not {self.owner}"

    def states(self):
        return {path: (self.get(path, "State"), self.get(path, "QueueLength")) for path in self.mailboxes}

    def get(self, path, name):
        return self.connection.call(NAME, path, PROPERTIES, "Get", "ss", MAILBOX, name)[0]

    def await_rest(self):
        """Until no mailbox has anything to do, and each that was idle at first is again, since one that failed while it was
        claimed is tried again. What is still in the way after the patience, or nothing."""
        end = time.monotonic() + self.patience_s
        while True:
            restless = {path: state for path, state in self.states().items()
                        if state[0] in RESTLESS or state[1] or (self.first[path][0] == "idle" and state[0] != "idle")}
            left_s = end - time.monotonic()
            if not restless or left_s < 0:
                return f"mailboxes do not come to rest: {restless}" if restless else None
            # Queues change without a signal.
            self.connection.receive(min(left_s, 0.2))

    def tables(self):
        """Of each mailbox with a CDAT: the bytes, or the error that this user gets, again and again. Afterwards doed has a copy
        of each table, and a file of it."""
        return {path: self.table(path) for path, its in self.objects.items() if CDAT in its}

    def table(self, path):
        for attempt in range(1, TABLE_ATTEMPTS + 1):
            try:
                self.connection.call(NAME, path, CDAT, "GetTableFd", "a{sv}", [])
                return self.connection.call(NAME, path, CDAT, "GetTable", "a{sv}", [])[0]
            except Failure as failure:
                if attempt == TABLE_ATTEMPTS:
                    return failure.name

    def ping_s(self):
        """How long a hundred Pings take, each."""
        begin = time.monotonic()
        for _ in range(100):
            self.connection.call(NAME, "/org/doed1", "org.freedesktop.DBus.Peer", "Ping")
        return (time.monotonic() - begin) / 100

    def holds(self):
        """(Descriptors, bytes of memory that is no file's); None when they are not ours to see."""
        process = pathlib.Path(f"/proc/{self.pid}")
        try:
            descriptors = len(os.listdir(process / "fd"))
            status = dict(line.split(":", 1) for line in (process / "status").read_text().splitlines())
        except PermissionError:
            return None
        return descriptors, int(status["RssAnon"].split()[0]) * 1024

    def await_descriptors(self, most):
        """The number of descriptors, once it is no more than so many or the patience is over."""
        end = time.monotonic() + self.patience_s
        while self.holds()[0] > most and time.monotonic() < end:
            self.ping_s()
        return self.holds()[0]


def drop_to(user):
    """This process becomes that user's, as a login would make it."""
    entry = pwd.getpwnam(user)
    os.initgroups(user, entry.pw_gid)
    os.setgid(entry.pw_gid)
    os.setuid(entry.pw_uid)


def apart(user, work):
    """The dictionary that `work` returns, from a process of its own, which is the user's."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        status = 1
        try:
            os.close(reader)
            if user:
                drop_to(user)
            result = json.dumps(work()).encode()
            with open(writer, "wb") as pipe:
                pipe.write(result)
            status = 0
        except Exception:
            traceback.print_exc()
        finally:
            os._exit(status)
    os.close(writer)
    with open(reader, "rb") as pipe:
        told = pipe.read()
    os.waitpid(child, 0)
    if not told:
        raise RuntimeError("the process that makes the calls ended early; its reason is above")
    return json.loads(told)


def fuzz(options, seed, objects, calls, seconds, with_largest):
    def work():
        fuzzer = Fuzzer(options.bus, seed, options.patience, options.largest << 20, objects)
        if with_largest:
            fuzzer.largest()
        if not fuzzer.findings:
            fuzzer.run(calls, seconds)
        return fuzzer.tell()

    return apart(options.user, work)


def judge(observer, options, before, told):
    """What is wrong with the service after the calls."""
    changed = observer.same_service()
    if changed:
        return [changed]
    findings = [observer.await_rest()]
    tables = observer.tables()
    findings += [f"the table of {path} is not what it was: {tables.get(path)!r:.200}"
                 for path, table in before["tables"].items() if tables.get(path) != table]
    ping_s = observer.ping_s()
    if ping_s > options.ping_ms / 1000:
        findings.append(f"a Ping takes {ping_s * 1000:.1f} ms, more than {options.ping_ms}")
    told["ping_ms"] = ping_s * 1000
    if before["holds"]:
        descriptors = observer.await_descriptors(before["holds"][0])
        memory = observer.holds()[1]
        told["holds"] = (f"{before['holds'][0]} -> {descriptors} descriptors, "
                         f"{before['holds'][1] >> 10} -> {memory >> 10} KiB")
        if descriptors > before["holds"][0]:
            links = sorted(os.readlink(link) for link in pathlib.Path(f"/proc/{observer.pid}/fd").iterdir())
            findings.append(f"{descriptors} descriptors are open, {before['holds'][0]} were: {links}")
        if memory > before["holds"][1] + options.memory * (1 << 20):
            findings.append(f"memory has grown by {(memory - before['holds'][1]) >> 20} MiB")
    else:
        told["holds"] = "descriptors and memory are not this user's to see"
    return [finding for finding in findings if finding]


def parse(arguments):
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--bus", default="system", help="system, or an address (%(default)s)")
    parser.add_argument("--seed", type=int, default=None, help="what decides every call (random)")
    parser.add_argument("--calls", type=int, default=10_000, help="at most so many (%(default)s)")
    parser.add_argument("--seconds", type=float, default=600, help="at most so long, after the warm-up (%(default)s)")
    parser.add_argument("--user", help="make the calls as this user; takes root")
    parser.add_argument("--service-pid", type=int, help="the service's process (asked from the bus)")
    # Above the 20 s after which doed answers what nobody gave another deadline.
    parser.add_argument("--patience", type=float, default=30, help="seconds in which a call must be answered (%(default)s)")
    parser.add_argument("--ping-ms", type=float, default=50, help="how long a Ping may take at the end (%(default)s)")
    # The heap after the largest messages of the warm-up is where it stays; what is left is how it happens to be cut up.
    parser.add_argument("--memory", type=float, default=8, help="MiB by which the service may have grown (%(default)s)")
    # dbus-daemon takes messages of up to 32 MiB.
    parser.add_argument("--largest", type=int, default=31, help="MiB of the largest messages (%(default)s)")
    options = parser.parse_args(arguments)
    if options.seed is None:
        options.seed = random.SystemRandom().randrange(1 << 32)
    if options.bus == "system":
        options.bus = os.environ.get("DBUS_SYSTEM_BUS_ADDRESS", "unix:path=/run/dbus/system_bus_socket")
    return options


def main(arguments):
    options = parse(arguments)
    # A crowd's connections and their descriptors.
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(most, 4096), most))
    observer = Observer(options.bus, options.patience, options.service_pid)
    if not observer.mailboxes:
        print("FINDING no mailbox is served: there is nothing to call")
        return 1
    print(f"seed {options.seed}: {len(observer.objects)} objects, pid {observer.pid}", flush=True)

    begin = time.monotonic()
    # Whatever a first call makes, a copy of a table, an arena, a larger buffer, is there after this.
    told = fuzz(options, options.seed + 1, observer.objects, max(500, min(options.calls // 10, 2000)), options.seconds, True)
    warm_up_slowest = told["slowest"]
    findings = told["findings"]
    try:
        trouble = observer.same_service() or observer.await_rest()
        if trouble:
            findings.append(trouble)
        if not findings:
            before = {"tables": observer.tables(), "holds": observer.holds()}
            told = fuzz(options, options.seed, observer.objects, options.calls, options.seconds, False)
            findings = told["findings"] + judge(observer, options, before, told)
            if not told["outcomes"]:
                findings.append("nothing was answered in this time")
    except (Closed, Failure, TimeoutError) as error:
        findings.append(f"the service does not answer any more: {error}")
    for finding in findings:
        print(f"FINDING {finding}")
    for outcome, count in sorted(told["outcomes"].items(), key=lambda pair: -pair[1]):
        print(f"  {count:8} {outcome}")
    took_s = time.monotonic() - begin
    print(f"slowest of the warm-up {warm_up_slowest}")
    print(f"{'FAILED' if findings else 'PASS'} {told['calls']} calls in {took_s:.1f} s as {options.user or 'this user'}, "
          f"{told['abandoned']} left unanswered; slowest {told['slowest']}; "
          f"Ping {told.get('ping_ms', 0):.2f} ms; {told.get('holds', 'not measured')}; "
          f"again: --seed {options.seed} --calls {options.calls}" + (f" --user {options.user}" if options.user else ""))
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
