# SPDX-License-Identifier: BSD-3-Clause
"""Many clients at once, and an end under load."""

import random
import signal
import subprocess
import tempfile
import threading
import time

import nbd
import pytest

from conftest import PATIENCE
from nbd_raw import READ, RawClient

STACK = """
version: 1
host: {{ cores: {cores} }}
bdevs:
  - {{ name: disk, module: malloc, size: 16MiB, block_size: {block_size} }}
frontends:
  - nbd: {{ listen: "unix:{folder}/s", exports: [ {{ bdev: disk }} ] }}
"""


@pytest.fixture
def folder():
    with tempfile.TemporaryDirectory(prefix="nbd") as path:
        yield path


class Writer(threading.Thread):
    """Owns every n-th byte range of the disk, writes there at random, and keeps a model of it.

    Neighbours share blocks, so that a read-modify-write that is not kept apart from others loses bytes.
    """

    RANGE = 700

    def __init__(self, uri, index, count, span, operations):
        super().__init__()
        self.uri, self.operations = uri, operations
        self.random = random.Random(index)
        self.ranges = range(index * self.RANGE, span - self.RANGE, count * self.RANGE)
        self.model = {start: bytes(self.RANGE) for start in self.ranges}
        self.error = None

    def run(self):
        try:
            client = nbd.NBD()
            client.connect_uri(self.uri)
            for _ in range(self.operations // 16):
                self.burst(client)
            client.shutdown()
        except Exception as error:  # shown by the test
            self.error = error

    def burst(self, client):
        """Sixteen operations in flight at once, on ranges of their own."""
        cookies = []
        for start in self.random.sample(list(self.ranges), 16):
            begin = self.random.randrange(self.RANGE)
            length = self.random.randrange(1, self.RANGE - begin + 1)
            if self.random.random() < 0.3:
                data = bytes(length)
                cookies.append(client.aio_zero(length, start + begin))
            else:
                data = self.random.randbytes(length)
                cookies.append(client.aio_pwrite(nbd.Buffer.from_bytearray(bytearray(data)), start + begin))
            old = self.model[start]
            self.model[start] = old[:begin] + data + old[begin + length:]
        while cookies := [cookie for cookie in cookies if not client.aio_command_completed(cookie)]:
            client.poll(-1)


def write_and_verify(uris, operations):
    """Runs a writer at each URI. All URIs lead to one disk, so each writer sees what the others have written."""
    writers = [Writer(uri, i, len(uris), 200 * 1000, operations) for i, uri in enumerate(uris)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join(PATIENCE)
        assert not writer.is_alive(), "stuck"
        assert writer.error is None, writer.error
    client = nbd.NBD()
    client.connect_uri(uris[0])
    for writer in writers:
        for start, data in writer.model.items():
            assert client.pread(Writer.RANGE, start) == data
    client.shutdown()


@pytest.mark.parametrize("cores", ["[0]", "[0, 1]"])
@pytest.mark.parametrize("block_size", [512, 4096])
def test_unaligned_writes_of_many_clients_lose_nothing(run_stack, folder, cores, block_size):
    stack = run_stack(STACK.format(cores=cores, folder=folder, block_size=block_size))
    write_and_verify([stack.uri("disk")] * 4, 1600)


SHARED = """
version: 1
host: {{ cores: [0, 1] }}
bdevs:
  - {bdev}
frontends:
  - nbd: {{ listen: "unix:{folder}/s", exports: [ {{ bdev: top, name: one }}, {{ bdev: top, name: two }} ] }}
  - nbd: {{ listen: "unix:{folder}/t", exports: [ {{ bdev: top, name: three }} ] }}
"""
DISK = "module: malloc, size: 16MiB, block_size: 4096"
BDEVS = {
    "disk": f"{{ name: top, {DISK} }}",
    "layer": f"{{ name: top, module: passthru, base: {{ name: disk, {DISK} }} }}",
    "hidden metadata": f"{{ name: top, {DISK}, md_size: 8, md_interleave: true, dif_type: 1 }}",
}


@pytest.mark.parametrize("bdev", BDEVS.values(), ids=BDEVS.keys())
def test_unaligned_writes_through_several_exports_and_frontends_lose_nothing(run_stack, folder, bdev):
    stack = run_stack(SHARED.format(folder=folder, bdev=bdev))
    write_and_verify([stack.uri(name) for name in ("one", "two", "three")] * 2, 1600)


def start_load(uri):
    """Four clients, each on a quarter of its own: a disk in memory has no order to offer for what overlaps."""
    return subprocess.Popen(
        ["fio", "--name=load", "--ioengine=nbd", f"--uri={uri}", "--rw=randrw", "--bs=4k", "--iodepth=64",
         "--numjobs=4", "--thread", "--time_based", f"--runtime={PATIENCE * 2}", "--size=4m", "--offset_increment=4m"],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


@pytest.mark.parametrize("cores", ["[0]", "[0, 1]"])
def test_sigterm_under_load_ends_cleanly(run_stack, folder, cores):
    stack = run_stack(STACK.format(cores=cores, folder=folder, block_size=4096))
    load = start_load(stack.uri("disk"))
    try:
        wait_for_traffic(stack)
        assert stack.stop(signal.SIGTERM) == 0, stack.log
    finally:
        load.kill()
        load.wait()


def wait_for_traffic(stack):
    """Until the server has spent some time on its clients."""
    stat = f"/proc/{stack.process.pid}/stat"

    def ticks():
        with open(stat, encoding="ascii") as file:
            fields = file.read().rpartition(")")[2].split()
        return int(fields[11]) + int(fields[12])

    before = ticks()
    deadline = time.monotonic() + PATIENCE
    while ticks() < before + 20:
        assert time.monotonic() < deadline, "no traffic"
        time.sleep(0.01)


def test_what_is_in_flight_at_the_end_is_answered(run_stack, folder):
    stack = run_stack(STACK.format(cores="[0]", folder=folder, block_size=4096))
    with RawClient(stack.uri("disk")) as client:
        client.go()
        count = 32
        for i in range(count):
            client.request(READ, 0, 1 << 20, cookie=i)
        assert client.answer(1 << 20)[1] == 0, "the server is at work"
        stack.process.send_signal(signal.SIGTERM)
        answered = 1
        while len(client.receive(16)) == 16:
            assert len(client.receive(1 << 20)) == 1 << 20, "an answer that has begun is ended"
            answered += 1
        assert 1 < answered <= count
    assert stack.process.wait(PATIENCE) == 0, stack.log


def test_a_client_that_does_not_read_cannot_hold_the_end_up(run_stack, folder):
    stack = run_stack(STACK.format(cores="[0]", folder=folder, block_size=4096))
    with RawClient(stack.uri("disk")) as client, RawClient(stack.uri("disk"), flags=None):
        client.go()
        for i in range(64):
            client.request(READ, 0, 1 << 20, cookie=i)
        client.answer(1 << 20)
        assert stack.stop() == 0, stack.log


def test_the_socket_is_gone_afterwards_and_a_dead_servers_is_replaced(run_stack, folder):
    text = STACK.format(cores="[0]", folder=folder, block_size=4096)
    first = run_stack(text)
    first.process.send_signal(signal.SIGKILL)
    first.process.wait()
    second = run_stack(text)
    with RawClient(second.uri("disk")) as client:
        client.go()
    assert second.stop() == 0, second.log
    with pytest.raises(FileNotFoundError):
        RawClient(second.uri("disk"))
