# SPDX-License-Identifier: BSD-3-Clause
"""The memory that all clients of an NBD frontend hold together is bounded."""

import pathlib
import tempfile
import threading

import pytest

from conftest import BUILD
from nbd_raw import READ, WRITE, RawClient

MIB = 1 << 20
LARGEST = 32 * MIB

STACK = """
version: 1
bdevs:
  - {{ name: disk, module: malloc, size: 64MiB, block_size: 512, qos: {{ write_bytes_per_second: 400M }} }}
frontends:
  - nbd: {{ listen: "unix:{folder}/s", memory: 64MiB, exports: [ {{ bdev: disk }} ] }}
"""


@pytest.fixture
def stack(run_stack):
    with tempfile.TemporaryDirectory(prefix="nbd") as folder:
        yield run_stack(STACK.format(folder=folder))


def most_resident(stack):
    """Bytes of memory that the host has had at most."""
    status = pathlib.Path(f"/proc/{stack.process.pid}/status").read_text()
    line = next(line for line in status.splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) << 10


def connected(stack):
    client = RawClient(stack.uri("disk"))
    client.go()
    return client


def hold(client, length=LARGEST):
    """Begins a write and sends all of it but a byte, as far as the server takes it."""
    client.request(WRITE, 0, length)
    client.socket.setblocking(False)
    rest = memoryview(bytes(length - 1))
    while rest:
        try:
            rest = rest[client.socket.send(rest):]
        except BlockingIOError:
            break
    client.socket.settimeout(60)


def hold_memory(stack, count):
    """So many clients; two have all of it."""
    clients = [connected(stack) for _ in range(count)]
    for client in clients:
        hold(client)
    return clients


def begin_large_read(client):
    """The read starts and ends inside blocks, so that the bdev cannot lend its own memory."""
    client.request(READ, 1, LARGEST - 1024, cookie=7)


def end_large_read(client):
    cookie, error, data = client.answer(LARGEST - 1024)
    return (cookie, error, len(data)) == (7, 0, LARGEST - 1024)


def test_many_large_writes_take_turns(stack):
    before = most_resident(stack)
    results = []

    def write(number):
        with connected(stack) as client:
            results.append(client.do(WRITE, 0, payload=bytes([number]) * LARGEST)[0])

    threads = [threading.Thread(target=write, args=(number,)) for number in range(24)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == [0] * 24
    if BUILD.name in ("asan", "tsan"):
        return  # sanitizers have memory of their own for each byte
    # The budget, the blocks of the disk that were written, and the memory of each client.
    assert most_resident(stack) - before < (64 + 32 + 16) * MIB


def test_clients_that_hold_all_memory_keep_nobody_from_small_requests(stack):
    holders = hold_memory(stack, 6)
    with connected(stack) as other:
        assert other.do(WRITE, 4096, payload=b"x" * 4096)[0] == 0
        assert other.do(READ, 4096, 4096) == (0, b"x" * 4096)
    for holder in holders:
        holder.socket.close()


def test_a_client_that_leaves_gives_its_memory_to_those_that_wait(stack):
    holders = hold_memory(stack, 2)
    with connected(stack) as other:
        begin_large_read(other)
        holders.pop().socket.close()
        assert end_large_read(other)
    holders.pop().socket.close()


def test_a_client_that_waits_and_leaves_is_forgotten(stack):
    holders = hold_memory(stack, 2)
    waiting = connected(stack)
    begin_large_read(waiting)
    with connected(stack) as other:
        begin_large_read(other)
        waiting.socket.close()
        for holder in holders:
            holder.socket.close()
        assert end_large_read(other)


def test_a_client_that_does_not_go_on_is_dropped_when_others_wait(stack):
    holders = hold_memory(stack, 2)
    with connected(stack) as other:
        begin_large_read(other)
        assert end_large_read(other)
    stack.wait_for_log("that others wait for, and has neither sent nor read anything for 30 s")
    for holder in holders:
        holder.socket.close()
