# SPDX-License-Identifier: BSD-3-Clause
"""Clients that vanish while their writes are in flight: none of these writes lands on later data."""

import socket
import struct
import tempfile
import threading

import pytest

from conftest import PATIENCE
from nbd_raw import DISC, READ, WRITE, RawClient

BLOCK = 4096

# Slow enough for writes to be in flight when their client vanishes, fast enough for a test to see all of them complete.
LIMITED = """
version: 1
host: {{ cores: {cores} }}
bdevs:
  - {{ name: disk, module: malloc, size: 16MiB, block_size: 4096, qos: {{ rw_iops: 40 }} }}
frontends:
  - nbd: {{ listen: "{listen}", exports: [ {{ bdev: disk }} ] }}
"""

SLOW = """
version: 1
bdevs:
  - {{ name: disk, module: malloc, size: 16MiB, block_size: 4096 }}
  - {{ name: slow, module: delay, base: disk, avg_write: 300ms }}
frontends:
  - nbd: {{ listen: "unix:{folder}/s", exports: [ {{ bdev: slow }} ] }}
"""


@pytest.fixture
def folder():
    with tempfile.TemporaryDirectory(prefix="nbd") as path:
        yield path


def reset(client):
    """Ends the connection in the rudest way that its socket knows."""
    client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    client.socket.close()


def close(client):
    client.socket.close()


def disconnect(client):
    client.request(DISC)
    client.socket.close()


def tcp_ports(client):
    return client.socket.getsockname()[1], client.socket.getpeername()[1]


def is_established(client_port, server_port):
    """True while the server has not seen the end of the connection."""
    with open("/proc/net/tcp", encoding="ascii") as connections:
        return f":{server_port:04X} 0100007F:{client_port:04X} 01 " in connections.read()


def half_close(client):
    """Shuts the sending side. The client is kept, and does not read."""
    client.socket.shutdown(socket.SHUT_WR)


def leave_and_be_heard(client, leave, transport):
    """Returns when the server's kernel knows: over TCP, the begin of another connection may overtake the end of one."""
    ports = tcp_ports(client) if transport == "tcp" else None
    leave(client)
    while ports and is_established(*ports):
        pass


@pytest.mark.parametrize("cores", ["[0]", "[0, 1]"])
@pytest.mark.parametrize("leave", [reset, close, disconnect, half_close])
@pytest.mark.parametrize("transport", ["unix", "tcp"])
def test_what_a_client_leaves_behind_does_not_land_on_newer_data(run_stack, folder, cores, leave, transport):
    listen = f"unix:{folder}/s" if transport == "unix" else "tcp:127.0.0.1:0"
    stack = run_stack(LIMITED.format(cores=cores, listen=listen))
    gone = RawClient(stack.uri("disk"))
    gone.go()
    for cookie in range(20):
        gone.request(WRITE, 0, BLOCK, b"a" * BLOCK, cookie=cookie)
    leave_and_be_heard(gone, leave, transport)
    with RawClient(stack.uri("disk")) as client:
        client.go()
        assert client.do(WRITE, 0, payload=b"b" * BLOCK)[0] == 0
        for _ in range(30):  # each waits for its turn, as the old writes would
            assert client.do(READ, 0, BLOCK) == (0, b"b" * BLOCK)
    gone.socket.close()


@pytest.mark.parametrize("transport", ["unix", "tcp"])
@pytest.mark.parametrize("leave", [reset, close])
def test_a_client_that_is_not_read_from_is_seen_to_leave(run_stack, folder, transport, leave):
    """It has more in flight than the server takes, so no receive tells that it has gone."""
    listen = f"unix:{folder}/s" if transport == "unix" else "tcp:127.0.0.1:0"
    stack = run_stack(LIMITED.format(cores="[0, 1]", listen=listen))
    gone = RawClient(stack.uri("disk"))
    gone.go()
    for cookie in range(265):
        gone.request(WRITE, 0, BLOCK, b"a" * BLOCK, cookie=cookie)
    assert gone.answer()[1] == 0
    leave_and_be_heard(gone, leave, transport)
    with RawClient(stack.uri("disk")) as client:
        client.go()
        assert client.do(WRITE, 0, payload=b"b" * BLOCK)[0] == 0
        for _ in range(30):
            assert client.do(READ, 0, BLOCK) == (0, b"b" * BLOCK)


def test_other_blocks_do_not_wait_for_a_lost_client(run_stack, folder):
    """Writes of other blocks overtake those that a lost client has at the module."""
    stack = run_stack(SLOW.format(folder=folder))
    gone = RawClient(stack.uri("slow"))
    gone.go()
    for cookie in range(64):
        gone.request(WRITE, cookie * BLOCK, BLOCK, b"a" * BLOCK, cookie=cookie)
    reset(gone)
    with RawClient(stack.uri("slow")) as client:
        client.go()
        assert client.do(WRITE, 1 << 20, payload=b"b" * BLOCK)[0] == 0
        assert client.do(WRITE, 0, payload=b"b" * BLOCK)[0] == 0
        assert client.do(READ, 0, BLOCK) == (0, b"b" * BLOCK)


def test_the_end_does_not_wait_for_writes_that_wait_for_blocks(run_stack, folder):
    """One after the other, these would take more than a minute."""
    stack = run_stack(SLOW.format(folder=folder))
    with RawClient(stack.uri("slow")) as client, RawClient(stack.uri("slow")) as other:
        client.go()
        other.go()
        for cookie in range(256):
            client.request(WRITE, 100, 1000, b"a" * 1000, cookie=cookie)
        assert client.answer()[:2] == (0, 0)
        end = threading.Timer(PATIENCE / 2, stack.process.kill)  # half of what was written
        end.start()
        assert stack.stop() == 0, stack.log
        end.cancel()
