# SPDX-License-Identifier: BSD-3-Clause
"""A host that is killed while clients write: flushed data are intact, and every block holds a value that was written to it.

BDEVKIT_DURABILITY_ROUNDS is how often each stack is killed: 8, and 500 in the long form. BDEVKIT_DURABILITY_SEED repeats a
run.
"""

import os
import random
import signal

import nbd
import pytest

ROUNDS = int(os.environ.get("BDEVKIT_DURABILITY_ROUNDS", "8"))
SEED = int(os.environ.get("BDEVKIT_DURABILITY_SEED", random.randrange(1 << 32)))
BLOCK = 4096
BLOCKS = 64
IN_FLIGHT = 16

STACKS = {
    "uring": "{ name: top, module: uring, path: FOLDER/disk.img, size: 256KiB, block_size: 4096 }",
    "uring_page_cache": "{ name: top, module: uring, path: FOLDER/disk.img, size: 256KiB, block_size: 4096, direct: false }",
    "crypto_on_uring": "{ name: top, module: crypto, key_file: FOLDER/disk.key, "
                       "base: { name: disk, module: uring, path: FOLDER/disk.img, size: 256KiB, block_size: 4096 } }",
}


def content(block, version):
    """Says which block and version it is, all over: a block that is half of each is seen."""
    return (block.to_bytes(8, "little") + version.to_bytes(8, "little")) * (BLOCK // 16)


class Disk:
    """The possible versions of each block, oldest first."""

    def __init__(self):
        self.possible = [[0] for _ in range(BLOCKS)]
        self.next_version = 1

    def begin_write(self, block):
        self.possible[block].append(self.next_version)
        self.next_version += 1
        return self.possible[block][-1]

    def make_durable(self, block, version):
        """From now on the block cannot hold an older version."""
        self.possible[block] = [other for other in self.possible[block] if other >= version]

    def check(self, client):
        for block in range(BLOCKS):
            data = client.pread(BLOCK, block * BLOCK)
            held = [version for version in self.possible[block] if data == (content(block, version) if version else bytes(BLOCK))]
            assert held, (f"block {block} begins with {data[:16].hex()} and should hold a version of "
                          f"{self.possible[block]} (BDEVKIT_DURABILITY_SEED={SEED})")
            self.possible[block] = held


class Client:
    """Writes, sometimes with FUA or followed by a flush, and records in the disk's model what must be durable."""

    def __init__(self, uri, disk, randomness):
        self.nbd = nbd.NBD()
        self.nbd.connect_uri(uri)
        self.disk = disk
        self.random = randomness
        self.commands = {}  # cookie -> function to call when it has completed
        self.busy = set()  # blocks: two writes of one at a time have no order
        self.written = {}  # block -> version that a flush would make durable

    def submit(self):
        free = [block for block in range(BLOCKS) if block not in self.busy]
        if self.random.random() < 0.15 or not free:
            promised = dict(self.written)
            cookie = self.nbd.aio_flush()
            self.commands[cookie] = lambda: [self.disk.make_durable(*item) for item in promised.items()]
            return
        block = self.random.choice(free)
        version = self.disk.begin_write(block)
        fua = self.random.random() < 0.2
        buffer = nbd.Buffer.from_bytearray(bytearray(content(block, version)))
        cookie = self.nbd.aio_pwrite(buffer, block * BLOCK, flags=nbd.CMD_FLAG_FUA if fua else 0)
        self.busy.add(block)

        def completed():
            self.busy.remove(block)
            self.written[block] = version
            if fua:
                self.disk.make_durable(block, version)

        self.commands[cookie] = completed

    def run(self, completions):
        """Goes on until so many commands have completed, and leaves others in flight."""
        while completions > 0:
            while len(self.commands) < IN_FLIGHT:
                self.submit()
            self.nbd.poll(-1)
            for cookie in list(self.commands):
                if self.nbd.aio_command_completed(cookie):
                    self.commands.pop(cookie)()
                    completions -= 1


@pytest.mark.parametrize("stack_name", STACKS)
def test_flushed_writes_survive_a_kill(run_stack, tmp_path, stack_name):
    key = tmp_path / "disk.key"
    key.touch(mode=0o600)
    key.write_bytes(random.Random(1).randbytes(64))
    text = f"""
version: 1
bdevs: [ {STACKS[stack_name].replace("FOLDER", str(tmp_path))} ]
frontends: [ nbd: {{ listen: "unix:nbd.sock", exports: [ {{ bdev: top }} ] }} ]
"""
    randomness = random.Random(SEED)
    disk = Disk()
    if "crypto" in stack_name:
        fill_with_zeroes(run_stack(text))
    for _ in range(ROUNDS):
        stack = run_stack(text)
        client = Client(stack.uri("top"), disk, randomness)
        disk.check(client.nbd)
        client.run(randomness.randrange(1, 300))
        assert stack.stop(signal.SIGKILL) == -signal.SIGKILL
    stack = run_stack(text)
    disk.check(Client(stack.uri("top"), disk, randomness).nbd)


def fill_with_zeroes(stack):
    """A new file decrypts to noise."""
    client = nbd.NBD()
    client.connect_uri(stack.uri("top"))
    client.pwrite(bytes(BLOCK * BLOCKS), 0)
    client.shutdown()
    assert stack.stop() == 0, stack.log
