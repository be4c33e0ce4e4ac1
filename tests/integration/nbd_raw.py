# SPDX-License-Identifier: BSD-3-Clause
"""A client that speaks NBD byte by byte, to send what well-behaved clients never send."""

import socket
import struct
import urllib.parse

OPTION_MAGIC = 0x49484156454F5054
REPLY_MAGIC = 0x3E889045565A9
REQUEST_MAGIC = 0x25609513
SIMPLE_MAGIC = 0x67446698
CHUNK_MAGIC = 0x668E33EF

OPT_EXPORT_NAME, OPT_ABORT, OPT_LIST, OPT_STARTTLS, OPT_INFO, OPT_GO, OPT_STRUCTURED_REPLY = 1, 2, 3, 5, 6, 7, 8
OPT_LIST_META_CONTEXT, OPT_SET_META_CONTEXT = 9, 10
REP_ACK, REP_SERVER, REP_INFO = 1, 2, 3
ERR_UNSUP, ERR_INVALID, ERR_UNKNOWN, ERR_TOO_BIG = 0x80000001, 0x80000003, 0x80000006, 0x80000009
READ, WRITE, DISC, FLUSH, TRIM, CACHE, WRITE_ZEROES, BLOCK_STATUS = range(8)
FUA = 1
EPERM, EIO, EINVAL, ENOSPC, ESHUTDOWN = 1, 5, 22, 28, 108


class RawClient:
    """Connected and past the greeting."""

    def __init__(self, uri, flags=3, timeout=60):
        parts = urllib.parse.urlsplit(uri)
        if parts.scheme == "nbd+unix":
            self.socket = socket.socket(socket.AF_UNIX)
            self.socket.settimeout(timeout)
            self.socket.connect(urllib.parse.parse_qs(parts.query)["socket"][0])
        else:
            self.socket = socket.create_connection((parts.hostname, parts.port), timeout)
        self.export = urllib.parse.unquote(parts.path[1:])
        self.structured = False
        assert self.receive(8) == b"NBDMAGIC"
        assert self.receive(10) == struct.pack(">QH", OPTION_MAGIC, 3)
        if flags is not None:
            self.send(struct.pack(">I", flags))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def send(self, data):
        self.socket.sendall(data)

    def receive(self, count):
        """`count` bytes; less when the server has closed."""
        data = b""
        while len(data) < count:
            part = self.socket.recv(min(count - len(data), 1 << 20))
            if not part:
                break
            data += part
        return data

    def closed(self):
        """True when the server closes without another byte."""
        try:
            return self.socket.recv(1) == b""
        except ConnectionResetError:
            return True

    # ---- handshake ----

    def option(self, number, data=b"", length=None):
        self.send(struct.pack(">QII", OPTION_MAGIC, number, len(data) if length is None else length) + data)

    def reply(self):
        """(option, type, data) of one option reply."""
        magic, option, kind, length = struct.unpack(">QIII", self.receive(20))
        assert magic == REPLY_MAGIC
        return option, kind, self.receive(length)

    def ask(self, number, data=b""):
        """All replies to one option, up to its last: [(type, data), ...]."""
        self.option(number, data)
        replies = []
        while True:
            option, kind, data = self.reply()
            assert option == number
            replies.append((kind, data))
            if kind == REP_ACK or kind & 0x80000000:
                return replies

    @staticmethod
    def name_data(name, requests=()):
        name = name.encode()
        return struct.pack(f">I{len(name)}sH{len(requests)}H", len(name), name, len(requests), *requests)

    def go(self, name=None, structured=False):
        """Enters transmission. Returns (size, flags)."""
        if structured:
            assert self.ask(OPT_STRUCTURED_REPLY) == [(REP_ACK, b"")]
            self.structured = True
        replies = self.ask(OPT_GO, self.name_data(self.export if name is None else name))
        assert replies[-1][0] == REP_ACK, replies
        kind, size, flags = struct.unpack(">HQH", replies[0][1])
        assert kind == 0
        return size, flags

    # ---- transmission ----

    def request(self, command, offset=0, length=0, payload=b"", flags=0, cookie=0, magic=REQUEST_MAGIC):
        self.send(struct.pack(">IHHQQI", magic, flags, command, cookie, offset, length) + payload)

    def answer(self, length=0):
        """(cookie, error, data) of the next simple reply; `length`: of its data when there is no error."""
        magic, error, cookie = struct.unpack(">IIQ", self.receive(16))
        assert magic == SIMPLE_MAGIC
        return cookie, error, self.receive(length) if not error else b""

    def chunk(self):
        """(flags, type, cookie, data) of the next structured chunk."""
        magic, flags, kind, cookie, length = struct.unpack(">IHHQI", self.receive(20))
        assert magic == CHUNK_MAGIC
        return flags, kind, cookie, self.receive(length)

    def do(self, command, offset=0, length=0, payload=b"", flags=0):
        """One request and its answer: (error, data)."""
        self.request(command, offset, length or len(payload), payload, flags, cookie=0x1234)
        cookie, error, data = self.answer(length if command == READ else 0)
        assert cookie == 0x1234
        return error, data
