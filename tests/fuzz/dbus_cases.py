# SPDX-License-Identifier: Apache-2.0
"""Calls that a hostile client would make: well-formed, since the bus takes no others, and otherwise anything.

A seed decides everything. What a case promises beyond an answer, `must_fail` or the signature of the result, is checked by
dbus_fuzz.py.
"""

import collections

import dbus_wire
from dbus_wire import Message, Variant

NAME = "org.doed1"
PROPERTIES = "org.freedesktop.DBus.Properties"

# The options of docs/dbus-api.md, and what they are.
OPTIONS = {"deadline-usec": "t", "interactive": "b", "refresh": "b"}
# Of the daemon's own methods, those that know "refresh".
REFRESHABLE = {"GetTable", "GetTableFd", "GetJson"}

INTEGERS = {"y": (8, False), "n": (16, True), "q": (16, False), "i": (32, True), "u": (32, False), "x": (64, True),
            "t": (64, False)}
DOUBLES = [0.0, -0.0, 1.5, -1e308, 5e-324, float("inf"), float("-inf"), float("nan")]
DEADLINES_USEC = [0, 1, 50, 1000, 20_000, 1_000_000, 3_600_000_000, 3_600_000_001, 2**63 - 1, 2**63, 2**64 - 1]
TEXTS = ["", " ", "a", "%s%n%p", "two\nlines", "\x01\x1b[31m", "../../etc/shadow", "/", "a{sv}", "\u00e4\u20ac", "\U0010ffff",
         "\ufffe", "'; --", "x" * 255, "x" * 256, "\u20ac" * 70, "y" * 5000,
         "deadline-usec ", "Deadline-Usec"]
SIGNATURES = ["", "y", "a{sv}", "v" * 255, "a" * 32 + "y", "(" * 32 + "y" + ")" * 32, "a(qys)"]
# libdbus takes 64 containers in one another, two of which a dictionary is itself.
DEEPEST = 60
# One more is allowed, but libsystemd 252 drops such a message: who sent it waits, and nobody else.
LONGEST_SIGNATURE = 254
# A message has room for so many descriptors on a system bus.
MOST_FDS = 16

Target = collections.namedtuple("Target", "path interface member signature result")


class Case:
    """A message, and what is expected of its answer."""

    def __init__(self, message, must_fail=False, result=None):
        self.message, self.must_fail, self.result = message, must_fail, result
        self.answered = message.kind == dbus_wire.METHOD_CALL and not message.flags & dbus_wire.NO_REPLY_EXPECTED

    def name(self):
        fields = self.message.fields
        return f"{fields.get(dbus_wire.INTERFACE, '-')}.{fields.get(dbus_wire.MEMBER, '-')}"

    def __str__(self):
        message = self.message
        arguments = repr(list(message.arguments))
        if len(arguments) > 300:
            arguments = f"{arguments[:300]}... ({len(arguments)} characters)"
        return (f"{self.name()} of {message.fields.get(dbus_wire.PATH)}, type {message.kind}, flags {message.flags}, "
                f"byte order {message.order}, {len(message.fds)} descriptors, {message.signature!r} {arguments}")


class Cases:
    """All that is random. `objects`: {path: {interface: Interface}}; `fds`: descriptors to send; `largest`: bytes of the
    largest message."""

    def __init__(self, random, objects, fds, largest):
        self.random, self.fds, self.largest = random, fds, largest
        self.paths = list(objects)
        self.interfaces = sorted({interface for its in objects.values() for interface in its})
        self.properties = [(path, interface, name, kind) for path, its in objects.items()
                           for interface, parts in its.items() for name, kind in parts.properties.items()]
        targets = [Target(path, interface, member, *signatures) for path, its in objects.items()
                   for interface, parts in its.items() for member, signatures in parts.methods.items()]
        self.own = [target for target in targets if target.interface.startswith(NAME)]
        self.standard = [target for target in targets if not target.interface.startswith(NAME)]
        self.targets = targets
        self.names = [*self.paths, *self.interfaces, *(target.member for target in targets),
                      *(name for _, _, name, _ in self.properties)]
        self.kinds = [(45, self.own_call), (15, self.standard_call), (12, self.wrong_signature), (8, self.unknown),
                      (3, self.without_interface), (5, self.with_fds), (2, self.no_call), (4, self.property_call),
                      (0.5, self.large)]

    # --- Values --------------------------------------------------------------------------------------

    def integer(self, kind):
        bits, signed = INTEGERS[kind]
        low, high = (-(1 << bits - 1), (1 << bits - 1) - 1) if signed else (0, (1 << bits) - 1)
        return self.random.choice([0, 1, low, high, low + 1, high - 1, self.random.randint(low, high)])

    def text(self):
        pick = self.random.random()
        if pick < 0.4:
            return self.random.choice(TEXTS)
        if pick < 0.6:
            return self.random.choice(self.names)
        if pick < 0.7:
            return self.random.choice(list(OPTIONS))
        return "".join(chr(self.random.choice([self.random.randint(1, 127), self.random.randint(0xA0, 0xD7FF),
                                               self.random.randint(0x10000, 0x10FFFF)]))
                       for _ in range(self.random.randint(1, 40)))

    def path(self):
        return self.random.choice([*self.paths, "/", "/a" * 100, "/" + "b" * 1000, self.below(self.random.choice(self.paths)),
                                   "/org/freedesktop/DBus"])

    def below(self, path):
        return f"{path.rstrip('/')}/{self.word()}"

    def word(self):
        """A name that is allowed and means nothing."""
        return self.random.choice(["x", "_", "A1", "GetTableX", "Send", "w" * 255, f"m{self.random.randint(0, 999999)}"])

    def signature(self, depth=0):
        pick = self.random.random()
        if depth > 4 or pick < 0.6:
            return self.random.choice("ybnqiuxtdsogvh" if depth == 0 else "ybnqiuxtdsogv")
        if pick < 0.8:
            return "a" + self.signature(depth + 1)
        if pick < 0.9:
            return "a{" + self.random.choice("ybnqiuxtdsog") + self.signature(depth + 1) + "}"
        return "(" + "".join(self.signature(depth + 1) for _ in range(self.random.randint(1, 4))) + ")"

    def value(self, kind, depth=0):
        code = kind[0]
        if code in INTEGERS:
            return self.integer(code)
        if code in "sog":
            return {"s": self.text, "o": self.path, "g": lambda: self.random.choice(SIGNATURES)}[code]()
        if code in "bhd":
            return {"b": self.random.getrandbits(1), "h": self.random.choice([0, 1, 2**32 - 1]),
                    "d": self.random.choice(DOUBLES)}[code]
        if code == "v":
            return self.variant(depth + 1)
        if code in "({":
            return tuple(self.value(part, depth) for part in dbus_wire.types_of(kind[1:-1]))
        return [self.value(kind[1:], depth + 1) for _ in range(self.random.choice([0, 1, 2, 5]) if depth < 4 else 0)]

    def variant(self, depth=0):
        kind = self.signature() if depth < 4 else "y"
        return Variant(kind, self.value(kind, depth))

    def deep_variant(self):
        """A variant of a variant of a..., with other containers in between."""
        value, depth = Variant("y", 1), 1
        goal = self.random.choice([DEEPEST, DEEPEST, self.random.randint(2, DEEPEST)])
        while depth < goal:
            form = self.random.choice(["v", "v", "av", "(v)", "a{sv}"])
            depth += {"v": 1, "av": 2, "(v)": 2, "a{sv}": 3}[form]
            if depth > goal:
                break
            value = Variant(form, {"v": value, "av": [value], "(v)": (value,), "a{sv}": [("k", value)]}[form])
        return value

    # --- Options: a list of pairs, and whether they must be refused ----------------------------------

    def known_value(self, key):
        return self.random.choice(DEADLINES_USEC) if key == "deadline-usec" else self.random.getrandbits(1)

    def options(self, member):
        known = [key for key in OPTIONS if key != "refresh" or member in REFRESHABLE]
        pick = self.random.random()
        if pick < 0.2:
            return [], False
        if pick < 0.45:
            keys = self.random.sample(known, self.random.randint(1, len(known)))
            return [(key, Variant(OPTIONS[key], self.known_value(key))) for key in keys], False
        if pick < 0.6:
            key = self.random.choice(known)
            value = self.variant()
            return [(key, value)], value.signature != OPTIONS[key]
        if pick < 0.7:
            return [(self.random.choice([*known, self.text()]), self.deep_variant())], True
        pairs = [(self.text(), self.variant()) for _ in range(self.random.choice([1, 1, 2, 3, 20]))]
        if pick < 0.85:
            key = self.random.choice(known)
            # The first of a key that comes twice counts, whatever comes after it.
            pairs = [(key, Variant(OPTIONS[key], self.known_value(key)))] * self.random.randint(1, 3) + pairs
        self.random.shuffle(pairs)
        return pairs, any(key not in known for key, _ in pairs)

    # --- Calls ---------------------------------------------------------------------------------------

    def call(self, target, signature, arguments, must_fail=False, fds=()):
        """Now and then in the other byte order, and without wanting an answer."""
        flags = self.random.choice([0, dbus_wire.NO_AUTO_START, dbus_wire.ALLOW_INTERACTIVE_AUTHORIZATION])
        if self.random.random() < 0.04:
            flags |= dbus_wire.NO_REPLY_EXPECTED
        order = ">" if self.random.random() < 0.15 else "<"
        result = target.result if signature == target.signature else None
        if not fds and ("h" in signature or self.random.random() < 0.3):
            fds = self.fds[:2]
        message = Message(destination=NAME, path=target.path, interface=target.interface, member=target.member,
                          signature=signature, arguments=arguments, fds=fds, order=order, flags=flags)
        return Case(message, must_fail, result)

    def own_call(self):
        target = self.random.choice(self.own)
        options, must_fail = self.options(target.member)
        return self.call(target, target.signature, [options], must_fail)

    def standard_call(self):
        target = self.random.choice(self.standard)
        kinds = dbus_wire.types_of(target.signature)
        return self.call(target, target.signature, [self.value(kind) for kind in kinds])

    def property_call(self):
        """Properties that exist, read and written."""
        path, interface, name, kind = self.random.choice(self.properties)
        kind = self.random.choice([kind, self.signature()])
        target = Target(path, PROPERTIES, self.random.choice(["Get", "GetAll", "Set"]), None, None)
        if target.member == "Get":
            return self.call(target, "ss", [interface, name])
        if target.member == "GetAll":
            return self.call(target, "s", [interface])
        return self.call(target, "ssv", [interface, name, Variant(kind, self.value(kind))], must_fail=True)

    def wrong_signature(self):
        target = self.random.choice(self.targets)
        kinds = dbus_wire.types_of(target.signature)
        pick = self.random.random()
        if pick < 0.3 and kinds:
            kinds = kinds[:-1]
        elif pick < 0.7:
            kinds = kinds + [self.signature() for _ in range(self.random.choice([1, 1, 2, 40]))]
        else:
            kinds = [self.signature() for _ in range(self.random.randint(1, 4))]
        signature = "".join(kinds)
        if len(signature) > LONGEST_SIGNATURE or signature == target.signature:
            kinds, signature = ["y"] * LONGEST_SIGNATURE, "y" * LONGEST_SIGNATURE
        # The bus library does not look beyond the arguments that its own interfaces need.
        must_fail = target.interface.startswith(NAME)
        return self.call(target, signature, [self.value(kind) for kind in kinds], must_fail)

    def unknown(self):
        target = self.random.choice(self.targets)
        other = self.random.choice([target._replace(path=self.below(target.path)),
                                    target._replace(interface=f"{NAME}.{self.word()}"[:255]),
                                    target._replace(interface="org.freedesktop.DBus.Debug.Stats"),
                                    target._replace(member=self.word())])
        kinds = dbus_wire.types_of(target.signature)
        # A library may serve its own interfaces on any path, and more of them than it tells.
        must_fail = other.interface.startswith(NAME) or other.member != target.member
        return self.call(other._replace(result=None), target.signature, [self.value(kind) for kind in kinds], must_fail)

    def without_interface(self):
        target = self.random.choice(self.targets)
        case = self.call(target._replace(interface=None), target.signature,
                         [[] if kind == "a{sv}" else self.value(kind) for kind in dbus_wire.types_of(target.signature)])
        case.result = None
        return case

    def with_fds(self):
        """Descriptors where none belong: as arguments, in options, or along with them."""
        target = self.random.choice(self.own)
        fds = [self.random.choice(self.fds) for _ in range(self.random.choice([1, 2, MOST_FDS]))]
        pick = self.random.random()
        if pick < 0.3:
            return self.call(target, "h" * len(fds), list(range(len(fds))), must_fail=True, fds=fds)
        if pick < 0.6:
            values = [(f"fd{number}", Variant("h", number)) for number in range(len(fds))]
            return self.call(target, target.signature, [values], must_fail=True, fds=fds)
        if pick < 0.8:
            value = Variant("ah", [*range(len(fds)), self.random.choice([0, 255, 2**32 - 1])])
            return self.call(target, target.signature, [[("refresh", value)]], must_fail=True, fds=fds)
        return self.call(target, target.signature, [[]], fds=fds)

    def no_call(self):
        """Signals, and answers to what nobody asked. Neither is answered."""
        kind = self.random.choice([dbus_wire.SIGNAL, dbus_wire.METHOD_RETURN, dbus_wire.ERROR])
        fields = {"destination": NAME}
        if kind == dbus_wire.SIGNAL:
            fields.update(path="/org/freedesktop/DBus", interface="org.freedesktop.DBus", member="NameOwnerChanged")
            return Case(Message(kind, signature="sss", arguments=[":1.1", ":1.1", ""], **fields))
        fields["reply_serial"] = self.random.choice([1, 2, 3, 50, 2**32 - 1])
        if kind == dbus_wire.ERROR:
            fields["error_name"] = "org.freedesktop.DBus.Error.Failed"
        return Case(Message(kind, signature="v", arguments=[self.variant()], **fields))

    # --- Large ---------------------------------------------------------------------------------------

    def large(self):
        """A few hundred KiB."""
        return self.sized(self.random.randint(1 << 14, min(self.largest, 1 << 18)))

    def largest_cases(self):
        """One of each form, up to the largest size."""
        return [self.sized(self.largest, form) for form in range(10)]

    def sized(self, size, form=None):
        """A call of about so many bytes, at most."""
        target = self.random.choice(self.own)
        form = self.random.randrange(10) if form is None else form
        room = size - 2048
        one = Variant("y", 1)
        # The bytes each entry takes, paddings included, are at most what is reckoned with. The bus takes seconds over each MiB of
        # the last form.
        options = (
            lambda: [(f"{number:x}", one) for number in range(room // 24)],
            lambda: [("interactive", Variant("b", 1))] * (room // 32),
            lambda: [("k" * room, one)],
            lambda: [("refresh", Variant("s", "v" * room))],
            lambda: [("deadline-usec", Variant("ay", bytes(room)))],
            lambda: [("refresh", Variant("aq", [1] * (room // 2)))],
            lambda: [("x", Variant("as", [""] * (room // 8)))],
            lambda: [("x", Variant("av", [one] * (room // 4)))],
            lambda: [("x", Variant("a(y)", [(1,)] * (room // 8)))],
            lambda: [(str(number), self.deep_variant()) for number in range(min(room, 1 << 20) // 400)],
        )[form]()
        return self.call(target, target.signature, [options], must_fail=form != 1)
