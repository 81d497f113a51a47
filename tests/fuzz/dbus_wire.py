# SPDX-License-Identifier: Apache-2.0
"""D-Bus as it goes over the socket: messages in either byte order, and a connection to a bus that sends what it is given.

A library refuses much that a bus lets pass. Section numbers do not exist; names are those of the D-Bus specification.
"""

import array
import collections
import os
import socket
import struct
import urllib.parse

METHOD_CALL, METHOD_RETURN, ERROR, SIGNAL = 1, 2, 3, 4
NO_REPLY_EXPECTED, NO_AUTO_START, ALLOW_INTERACTIVE_AUTHORIZATION = 1, 2, 4
PATH, INTERFACE, MEMBER, ERROR_NAME, REPLY_SERIAL, DESTINATION, SENDER, SIGNATURE, UNIX_FDS = range(1, 10)
FIELD_TYPES = {PATH: "o", INTERFACE: "s", MEMBER: "s", ERROR_NAME: "s", REPLY_SERIAL: "u", DESTINATION: "s", SENDER: "s",
               SIGNATURE: "g", UNIX_FDS: "u"}

# Type code: struct's code, size and alignment.
FIXED = {"y": ("B", 1), "b": ("I", 4), "n": ("h", 2), "q": ("H", 2), "i": ("i", 4), "u": ("I", 4), "x": ("q", 8),
         "t": ("Q", 8), "d": ("d", 8), "h": ("I", 4)}
ALIGNMENT = {**{code: size for code, (_, size) in FIXED.items()}, "s": 4, "o": 4, "g": 1, "a": 4, "v": 1, "(": 8, "{": 8}

# A value whose type travels with it.
Variant = collections.namedtuple("Variant", "signature value")


def types_of(signature):
    """The complete types that a signature is made of."""
    types, start, open_brackets = [], 0, 0
    for position, code in enumerate(signature):
        open_brackets += (code in "({") - (code in ")}")
        if code != "a" and open_brackets == 0:
            types.append(signature[start:position + 1])
            start = position + 1
    return types


class Writer:
    """Values of D-Bus types, one after the other. An array is a list, one of bytes may be bytes; a dictionary is a list of
    pairs, so that a key may come twice; a structure is a tuple; a descriptor is its index."""

    def __init__(self, order):
        self.order = order
        self.out = bytearray()

    def align(self, size):
        self.out += bytes(-len(self.out) % size)

    def fixed(self, code, value):
        form, size = FIXED[code]
        self.align(size)
        self.out += struct.pack(self.order + form, value)

    def put(self, kind, value):
        code = kind[0]
        if code in FIXED:
            self.fixed(code, value)
        elif code in "so":
            raw = value.encode()
            self.fixed("u", len(raw))
            self.out += raw + b"\0"
        elif code == "g":
            self.out += bytes([len(value)]) + value.encode() + b"\0"
        elif code == "v":
            self.put("g", value.signature)
            self.put(value.signature, value.value)
        elif code in "({":
            self.align(8)
            for part, item in zip(types_of(kind[1:-1]), value):
                self.put(part, item)
        else:
            self.put_array(kind[1:], value)

    def put_array(self, kind, items):
        self.fixed("u", 0)
        length_at = len(self.out) - 4
        self.align(ALIGNMENT[kind[0]])
        start = len(self.out)
        if isinstance(items, bytes):
            self.out += items
        else:
            for item in items:
                self.put(kind, item)
        struct.pack_into(self.order + "I", self.out, length_at, len(self.out) - start)


class Reader:
    """Takes apart what a Writer puts together; dictionaries become dicts, and variants the values in them."""

    def __init__(self, order, data, position=0):
        self.order, self.data, self.position = order, data, position

    def align(self, size):
        self.position += -self.position % size

    def take(self, size):
        self.position += size
        return self.data[self.position - size:self.position]

    def get(self, kind):
        code = kind[0]
        if code in FIXED:
            form, size = FIXED[code]
            self.align(size)
            return struct.unpack(self.order + form, self.take(size))[0]
        if code in "sog":
            length = self.get("y" if code == "g" else "u")
            return self.take(length + 1)[:-1].decode()
        if code == "v":
            return self.get(self.get("g"))
        if code in "({":
            self.align(8)
            return tuple(self.get(part) for part in types_of(kind[1:-1]))
        length = self.get("u")
        self.align(ALIGNMENT[kind[1]])
        if kind == "ay":
            return bytes(self.take(length))
        end, items = self.position + length, []
        while self.position < end:
            items.append(self.get(kind[1:]))
        return dict(items) if kind[1] == "{" else items


class Message:
    """One message. `arguments` fit `signature`; `fds` are lent, and sent along."""

    def __init__(self, kind=METHOD_CALL, flags=0, signature="", arguments=(), fds=(), order="<", **fields):
        self.kind, self.flags, self.order, self.fds = kind, flags, order, list(fds)
        self.signature, self.arguments = signature, arguments
        self.fields = {globals()[name.upper()]: value for name, value in fields.items() if value is not None}

    def encode(self, serial):
        body = Writer(self.order)
        for kind, value in zip(types_of(self.signature), self.arguments):
            body.put(kind, value)
        fields = dict(self.fields)
        if self.signature:
            fields[SIGNATURE] = self.signature
        if self.fds:
            fields[UNIX_FDS] = len(self.fds)
        head = Writer(self.order)
        for code, value in (("y", ord("l" if self.order == "<" else "B")), ("y", self.kind), ("y", self.flags), ("y", 1),
                            ("u", len(body.out)), ("u", serial)):
            head.put(code, value)
        head.put("a(yv)", [(code, Variant(FIELD_TYPES[code], value)) for code, value in sorted(fields.items())])
        head.align(8)
        return bytes(head.out + body.out)


class Received:
    """A message from the bus. Its descriptors were closed as they came: `fd_count` tells how many there were."""

    def __init__(self, data):
        self.order = "<" if data[:1] == b"l" else ">"
        reader = Reader(self.order, data)
        _, self.kind, _, _, _, self.serial = (reader.get(code) for code in "yyyyuu")
        fields = dict(reader.get("a(yv)"))
        self.reply_serial = fields.get(REPLY_SERIAL)
        self.error_name = fields.get(ERROR_NAME)
        self.fd_count = fields.get(UNIX_FDS, 0)
        self.signature = fields.get(SIGNATURE, "")
        reader.align(8)
        self.body = data[reader.position:]

    def arguments(self):
        reader = Reader(self.order, self.body)
        return [reader.get(kind) for kind in types_of(self.signature)]

    @staticmethod
    def length(data):
        """Of the message that begins with these 16 bytes."""
        order = "<" if data[:1] == b"l" else ">"
        body, _, fields = struct.unpack(order + "III", data[4:16])
        return 16 + fields + -fields % 8 + body


class Closed(Exception):
    """The bus has closed the connection."""


class Failure(Exception):
    """A call was answered with an error."""

    def __init__(self, received):
        self.name = received.error_name
        super().__init__(f"{self.name}: {(received.arguments() or [''])[0]}")


class Connection:
    """A connection to a bus, past its Hello. What is sent waits for room, what is received is taken with receive()."""

    def __init__(self, address, patience_s):
        self.patience_s = patience_s
        self.serial = 0
        self.data = bytearray()
        self.socket = self._connect(address)
        self.socket.settimeout(patience_s)
        self.socket.sendall(b"\0AUTH EXTERNAL " + str(os.geteuid()).encode().hex().encode() + b"\r\n")
        self._expect(b"OK ")
        self.socket.sendall(b"NEGOTIATE_UNIX_FD\r\n")
        self._expect(b"AGREE_UNIX_FD")
        self.socket.sendall(b"BEGIN\r\n")
        self.name = self.call("org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus", "Hello")[0]

    @staticmethod
    def _connect(address):
        for choice in address.split(";"):
            keys = dict(pair.split("=", 1) for pair in choice.partition(":")[2].split(",") if "=" in pair)
            keys = {key: urllib.parse.unquote(value) for key, value in keys.items()}
            where = keys.get("path") or ("\0" + keys["abstract"] if "abstract" in keys else None)
            if choice.startswith("unix:") and where:
                its_socket = socket.socket(socket.AF_UNIX)
                its_socket.connect(where)
                return its_socket
        raise ValueError(f"{address} names no Unix socket")

    def _expect(self, beginning):
        line = b""
        while not line.endswith(b"\r\n"):
            byte = self.socket.recv(1)
            if not byte:
                raise Closed("while authenticating")
            line += byte
        if not line.startswith(beginning):
            raise Closed(f"the bus says {line!r}")

    def send(self, message):
        """Returns the serial."""
        self.serial += 1
        data = memoryview(message.encode(self.serial))
        control = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", message.fds))] if message.fds else []
        try:
            data = data[self.socket.sendmsg([data], control):]
            self.socket.sendall(data)
        except (BrokenPipeError, ConnectionResetError) as error:
            raise Closed(str(error)) from error
        return self.serial

    def receive(self, wait_s):
        """The messages that are there, after a wait for the first one."""
        self.socket.settimeout(wait_s)
        try:
            data, control, _, _ = self.socket.recvmsg(1 << 20, socket.CMSG_SPACE(64 * 4), socket.MSG_CMSG_CLOEXEC)
        except (BlockingIOError, TimeoutError):
            return []
        except ConnectionResetError as error:
            raise Closed(str(error)) from error
        finally:
            self.socket.settimeout(self.patience_s)
        for _, _, fds in control:
            for fd in array.array("i", fds[:len(fds) - len(fds) % 4]):
                os.close(fd)
        if not data:
            raise Closed("end of file")
        self.data += data
        messages = []
        while len(self.data) >= 16 and len(self.data) >= (length := Received.length(self.data)):
            messages.append(Received(bytes(self.data[:length])))
            del self.data[:length]
        return messages

    def call(self, destination, path, interface, member, signature="", *arguments):
        """The arguments of the reply. Other messages that come meanwhile are dropped."""
        serial = self.send(Message(destination=destination, path=path, interface=interface, member=member,
                                   signature=signature, arguments=arguments))
        while True:
            messages = self.receive(self.patience_s)
            if not messages and not self.data:
                raise TimeoutError(f"{member} of {path} was not answered within {self.patience_s} s")
            for message in messages:
                if message.reply_serial == serial and message.kind in (METHOD_RETURN, ERROR):
                    if message.kind == ERROR:
                        raise Failure(message)
                    return message.arguments()

    def close(self):
        self.socket.close()
