# SPDX-License-Identifier: BSD-3-Clause
"""Clients that send nonsense, beside clients that write and verify: no data are damaged, and the host keeps running.

BDEVKIT_SOAK_ROUNDS makes it longer (connections of each client that misbehaves), BDEVKIT_SOAK_SEED repeats one run.
"""

import os
import random
import socket
import struct
import tempfile
import threading
import time

import nbd
import pytest

from conftest import PATIENCE
from nbd_raw import (OPT_ABORT, OPT_EXPORT_NAME, OPT_GO, OPT_INFO, OPT_LIST, OPT_LIST_META_CONTEXT,
                     OPT_SET_META_CONTEXT, OPT_STARTTLS, OPT_STRUCTURED_REPLY, OPTION_MAGIC, REQUEST_MAGIC, WRITE,
                     RawClient)

CONNECTIONS = int(os.environ.get("BDEVKIT_SOAK_ROUNDS", "150"))
SEED = int(os.environ.get("BDEVKIT_SOAK_SEED", str(random.SystemRandom().getrandbits(32))))

# The first export also answers to the empty name, so the export that may be damaged comes first.
STACK = """
version: 1
host: {{ cores: {cores} }}
bdevs:
  - {{ name: scrap, module: malloc, size: 4MiB, block_size: 512 }}
  - {{ name: disk, module: malloc, size: 8MiB, block_size: 4096 }}
frontends:
  - nbd:
      listen: "unix:{folder}/s"
      exports:
        - {{ bdev: scrap }}
        - {{ bdev: disk, name: kept }}
        - {{ bdev: disk, name: seen, read_only: true }}
"""

OPTIONS = [OPT_EXPORT_NAME, OPT_ABORT, OPT_LIST, OPT_STARTTLS, OPT_INFO, OPT_GO, OPT_STRUCTURED_REPLY,
           OPT_LIST_META_CONTEXT, OPT_SET_META_CONTEXT, 0, 11, 0xFFFFFFFF]
NUMBERS = [0, 1, 2, 255, 511, 512, 513, 4095, 4096, 65535, 1 << 20, (4 << 20) - 1, 4 << 20, 32 << 20, (32 << 20) + 1,
           0x7FFFFFFF, 0xFFFFFFFF, 1 << 32, 1 << 63, (1 << 64) - 1]


class Misbehaving(threading.Thread):
    """Connects again and again, and sends conversations that were right until something was changed in them."""

    def __init__(self, uri, seed):
        super().__init__()
        self.uri, self.random = uri, random.Random(seed)
        self.connections = 0
        self.error = None

    def run(self):
        try:
            while self.connections < CONNECTIONS:
                self.converse()
                self.connections += 1
        except Exception as error:  # shown by the test
            self.error = error

    def converse(self):
        """One connection. Whatever is sent, the server answers or closes."""
        with RawClient(self.uri, flags=None, timeout=PATIENCE) as client:
            try:
                for part in self.conversation():
                    client.send(part)
                    if self.random.random() < 0.2:
                        self.take_some(client)
                if self.random.random() < 0.7:
                    client.socket.shutdown(socket.SHUT_WR)
                    while client.socket.recv(1 << 16):
                        pass
            except (BrokenPipeError, ConnectionResetError):
                pass  # it has been sent away

    def take_some(self, client):
        client.socket.setblocking(False)
        try:
            client.socket.recv(self.random.randrange(1, 4096))
        except BlockingIOError:
            pass
        finally:
            client.socket.settimeout(PATIENCE)

    def conversation(self):
        """Its parts, some of them changed, left out or sent twice."""
        parts = [struct.pack(">I", 3)]
        parts += [self.option() for _ in range(self.random.randrange(3))]
        parts.append(self.go(self.random.choice(["scrap", "scrap", "scrap", "seen", "", "none"])))
        parts += [self.request() for _ in range(self.random.randrange(12))]
        if self.random.random() < 0.3:
            return [self.mutated(b"".join(parts))]
        return [part for part in parts for _ in range(self.random.choice([0, 1, 1, 1, 1, 1, 1, 1, 1, 2]))]

    def number(self, bits):
        value = self.random.choice(NUMBERS) if self.random.random() < 0.5 else self.random.getrandbits(bits)
        return value % (1 << bits)

    def option(self):
        data = self.random.choice([b"", RawClient.name_data("scrap"), RawClient.name_data("seen", (1, 2, 3)),
                                   self.random.randbytes(self.random.randrange(64))])
        length = len(data) if self.random.random() < 0.9 else self.number(32) % (1 << 20)
        return struct.pack(">QII", OPTION_MAGIC, self.random.choice(OPTIONS), length) + data

    @staticmethod
    def go(name):
        data = RawClient.name_data(name)
        return struct.pack(">QII", OPTION_MAGIC, OPT_GO, len(data)) + data

    def request(self):
        command = self.random.choice([0, 1, 1, 2, 3, 4, 5, 6, 7, 8, 0xFFFF])
        offset = self.random.randrange(4 << 20) if self.random.random() < 0.8 else self.number(64)
        length = self.random.randrange(1 << 16) if self.random.random() < 0.9 else self.number(32)
        payload = self.random.randbytes(length) if command == WRITE and length < 1 << 17 else b""
        flags = self.random.choice([0, 0, 0, 1, 2, 8, 16, 0xFFFF])
        return struct.pack(">IHHQQI", REQUEST_MAGIC, flags, command, self.number(64), offset, length) + payload

    def mutated(self, data):
        """Names stay as they are: a client that means another export than its own may write there."""
        data = bytearray(data)
        for _ in range(self.random.randrange(1, 8)):
            at = self.random.randrange(len(data) + 1)
            change = self.random.randrange(4)
            if change == 0:
                data[at:at + 1] = self.random.randbytes(1)
            elif change == 1:
                data[at:at + 8] = struct.pack(">Q", self.number(64))
            elif change == 2:
                del data[at:at + self.random.randrange(1, 64)]
            else:
                data[at:at] = self.random.randbytes(self.random.randrange(1, 64))
        return bytes(data).replace(b"kept", b"scrap")


class Verifying(threading.Thread):
    """Writes, zeroes and reads its own part of the disk until it is told to stop, and verifies the content."""

    def __init__(self, uri, seed, first, size):
        super().__init__()
        self.uri, self.random = uri, random.Random(seed)
        self.first, self.model = first, bytearray(size)
        self.operations = 0
        self.error = None
        self.ending = threading.Event()

    def run(self):
        try:
            client = nbd.NBD()
            client.connect_uri(self.uri)
            while not self.ending.is_set():
                self.step(client)
            assert client.pread(len(self.model), self.first) == self.model
            client.shutdown()
        except Exception as error:  # shown by the test
            self.error = error

    def step(self, client):
        length = self.random.randrange(1, 1 << 15)
        at = self.random.randrange(len(self.model) - length)
        kind = self.random.randrange(4)
        if kind == 0:
            data = self.random.randbytes(length)
            client.pwrite(data, self.first + at)
            self.model[at:at + length] = data
        elif kind == 1:
            client.zero(length, self.first + at)
            self.model[at:at + length] = bytes(length)
        else:
            seen = client.pread(length, self.first + at)
            assert seen == self.model[at:at + length], f"bytes {self.first + at} to {self.first + at + length}"
        self.operations += 1


@pytest.mark.parametrize("cores", ["[]", "[0, 1]"])
def test_nonsense_harms_nobody_else(run_stack, cores):
    if cores != "[]" and len(os.sched_getaffinity(0)) < 2:
        pytest.skip("needs two cores")
    print(f"BDEVKIT_SOAK_SEED={SEED}")
    with tempfile.TemporaryDirectory(prefix="nbd") as folder:
        stack = run_stack(STACK.format(folder=folder, cores=cores).replace("host: { cores: [] }\n", ""))
        half = 4 << 20
        verifying = [Verifying(stack.uri("kept"), SEED + i, i * half, half) for i in range(2)]
        misbehaving = [Misbehaving(stack.uri("scrap"), SEED + 10 + i) for i in range(3)]
        for thread in verifying + misbehaving:
            thread.start()
        for thread in misbehaving:
            thread.join()
        for thread in verifying:
            thread.ending.set()
            thread.join()
        assert [thread.error for thread in verifying + misbehaving] == [None] * 5
        assert all(thread.operations for thread in verifying)
        # The remaining state of the other connections goes with them, and new clients are served.
        with RawClient(stack.uri("scrap")) as client:
            assert client.go()[0] == 4 << 20
        began = time.monotonic()
        assert stack.stop() == 0, stack.log
        assert time.monotonic() - began < PATIENCE
        assert "broken" not in stack.log
