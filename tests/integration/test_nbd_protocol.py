# SPDX-License-Identifier: BSD-3-Clause
"""The corner cases of the protocol: forbidden and rare requests."""

import os
import socket
import struct
import tempfile

import nbd
import pytest

from conftest import wait_until
from nbd_raw import (ERR_INVALID, ERR_TOO_BIG, ERR_UNKNOWN, ERR_UNSUP, EINVAL, ENOSPC, EPERM, FUA, OPT_ABORT,
                     OPT_EXPORT_NAME, OPT_GO, OPT_INFO, OPT_LIST, OPT_SET_META_CONTEXT, OPT_STARTTLS,
                     OPTION_MAGIC, READ, REP_ACK, WRITE, WRITE_ZEROES, TRIM, FLUSH, DISC,
                     BLOCK_STATUS, CACHE, RawClient)

MIB = 1 << 20

STACK = """
version: 1
bdevs:
  - {{ name: disk, module: malloc, size: 64MiB, block_size: 4096 }}
  - {{ name: ro, module: readonly, base: {{ name: base, module: malloc, size: 1MiB, block_size: 512 }} }}
frontends:
  - nbd:
      listen: "unix:{folder}/s"
      max_connections: 20
      structured_replies: always
      exports: [ {{ bdev: disk }}, {{ bdev: ro }} ]
"""


@pytest.fixture
def stack(run_stack):
    with tempfile.TemporaryDirectory(prefix="nbd") as folder:
        stack = run_stack(STACK.format(folder=folder))
        yield stack
        assert_serves(stack)
        assert stack.stop() == 0, stack.log


def assert_serves(stack):
    with RawClient(stack.uri("disk")) as client:
        client.go()
        assert client.do(READ, 0, 512)[0] == 0


# ---- the handshake ----


def test_option_after_option(stack):
    with RawClient(stack.uri("disk")) as client:
        for _ in range(500):
            assert client.ask(OPT_LIST)[-1] == (REP_ACK, b"")
            assert client.ask(OPT_STARTTLS)[0][0] == ERR_UNSUP
            assert client.ask(OPT_INFO, client.name_data("nobody"))[0][0] == ERR_UNKNOWN
            assert client.ask(0xABCDEF, b"data")[0][0] == ERR_UNSUP
        client.go()
        assert client.do(READ, 0, 4096) == (0, bytes(4096))


def test_options_all_at_once_from_a_client_that_reads_late(stack):
    with RawClient(stack.uri("disk")) as client:
        client.send(struct.pack(">QII", OPTION_MAGIC, OPT_LIST, 0) * 2000)
        with RawClient(stack.uri("disk")) as other:
            other.go()
            assert other.do(READ, 0, 512)[0] == 0, "the late reader keeps nobody waiting"
        for _ in range(2000):
            while client.reply()[1] != REP_ACK:
                pass


def test_an_unknown_export(stack):
    with RawClient(stack.uri("disk")) as client:
        assert client.ask(OPT_GO, client.name_data("nobody"))[0][0] == ERR_UNKNOWN
        client.option(OPT_EXPORT_NAME, b"nobody")
        assert client.closed()


def test_malformed_and_oversized_options(stack):
    with RawClient(stack.uri("disk")) as client:
        assert client.ask(OPT_GO, b"")[0][0] == ERR_INVALID
        assert client.ask(OPT_GO, struct.pack(">I", 0xFFFFFFFF) + b"x" * 10)[0][0] == ERR_INVALID
        assert client.ask(OPT_LIST, b"x" * 100)[0][0] == ERR_INVALID
        assert client.ask(OPT_LIST, b"x" * 200000)[0][0] == ERR_TOO_BIG
        assert client.ask(OPT_SET_META_CONTEXT, b"")[0][0] == ERR_INVALID
        client.option(OPT_LIST, length=0xFFFFFFFF)
        assert client.closed()


def test_abort_is_acknowledged(stack):
    with RawClient(stack.uri("disk")) as client:
        assert client.ask(OPT_ABORT) == [(REP_ACK, b"")]
        assert client.closed()


def test_old_style_export_name(stack):
    for flags, padding in ((3, 0), (1, 124)):
        with RawClient(stack.uri("disk"), flags=flags) as client:
            client.option(OPT_EXPORT_NAME, b"disk")
            size, _ = struct.unpack(">QH", client.receive(10))
            assert size == 64 * MIB
            assert client.receive(padding) == bytes(padding)
            assert client.do(READ, 0, 512)[0] == 0


def test_wrong_magic_and_flags_in_the_handshake(stack):
    with RawClient(stack.uri("disk")) as client:
        client.send(b"x" * 16)
        assert client.closed()
    with RawClient(stack.uri("disk"), flags=0x80) as client:
        assert client.closed()


def test_clients_that_say_nothing_count_and_are_turned_away(stack):
    quiet = [RawClient(stack.uri("disk"), flags=None) for _ in range(20)]
    with pytest.raises((AssertionError, ConnectionError)):
        RawClient(stack.uri("disk"))
    for client in quiet:
        client.socket.close()
    wait_until(lambda: can_connect(stack))
    stack.wait_for_log("max_connections")


def can_connect(stack):
    try:
        with RawClient(stack.uri("disk")):
            return True
    except (AssertionError, ConnectionError):
        return False


# ---- transmission ----


def test_bad_magic_drops_the_client(stack):
    with RawClient(stack.uri("disk")) as client:
        client.go()
        client.request(READ, 0, 512, magic=0xBADBAD)
        assert client.closed()
    stack.wait_for_log("magic")


def test_requests_that_are_refused_leave_the_connection_alive(stack):
    with RawClient(stack.uri("disk")) as client:
        client.go()
        assert client.do(77)[0] == EINVAL
        assert client.do(CACHE, 0, 512)[0] == EINVAL
        assert client.do(READ, 0, 512, flags=1 << 10)[0] == EINVAL
        assert client.do(BLOCK_STATUS, 0, 512)[0] == EINVAL
        assert client.do(READ, 64 * MIB - 10, 20)[0] == EINVAL
        assert client.do(READ, 1 << 63, 20)[0] == EINVAL
        assert client.do(WRITE, 64 * MIB - 10, payload=b"x" * 20)[0] == ENOSPC
        assert client.do(WRITE_ZEROES, 64 * MIB, 1)[0] == ENOSPC
        assert client.do(TRIM, 64 * MIB, 1)[0] == EINVAL
        assert client.do(READ, 0, 4096) == (0, bytes(4096))


def test_a_64_mib_request(stack):
    with RawClient(stack.uri("disk")) as client:
        client.go()
        assert client.do(WRITE, 0, payload=b"x" * (64 * MIB))[0] == EINVAL
        assert client.do(READ, 0, 64 * MIB)[0] == EINVAL
        assert client.do(READ, 0, 4096) == (0, bytes(4096)), "nothing was written"
        assert client.do(WRITE_ZEROES, 0, 64 * MIB)[0] == 0, "has no payload"


def test_the_longest_request(stack):
    data = os.urandom(32 * MIB)
    with RawClient(stack.uri("disk")) as client:
        client.go()
        assert client.do(WRITE, 16 * MIB + 5, payload=data)[0] == 0
        assert client.do(READ, 16 * MIB + 5, 32 * MIB) == (0, data)


def test_a_read_only_export(stack):
    with RawClient(stack.uri("ro")) as client:
        client.go()
        assert client.do(WRITE, 0, payload=b"x" * 512)[0] == EPERM
        assert client.do(WRITE_ZEROES, 0, 512)[0] == EPERM
        assert client.do(TRIM, 0, 512)[0] == EPERM
        assert client.do(READ, 0, 512) == (0, bytes(512))


def test_requests_of_length_zero(stack):
    with RawClient(stack.uri("disk")) as client:
        client.go()
        for command in (READ, WRITE, TRIM, WRITE_ZEROES, FLUSH):
            assert client.do(command, 4096, 0)[0] == 0
    with RawClient(stack.uri("disk")) as client:
        client.go(structured=True)
        client.request(READ, 0, 0, cookie=5)
        assert client.chunk() == (1, 0, 5, b"")


def test_structured_replies(stack):
    with RawClient(stack.uri("disk")) as client:
        client.go(structured=True)
        client.request(READ, 100, 1000, cookie=7)
        flags, kind, cookie, data = client.chunk()
        assert (flags, kind, cookie) == (1, 1, 7)
        assert data == struct.pack(">Q", 100) + bytes(1000)
        client.request(READ, 1 << 40, 1, cookie=8)
        flags, kind, cookie, data = client.chunk()
        assert (flags, kind, cookie) == (1, 0x8001, 8)
        error, length = struct.unpack(">IH", data[:6])
        assert error == EINVAL
        assert len(data) == 6 + length and length > 0


def test_a_request_byte_by_byte(stack):
    with RawClient(stack.uri("disk")) as client:
        client.go()
        for byte in struct.pack(">IHHQQI", 0x25609513, 0, WRITE, 3, 10, 5) + b"hello":
            client.send(bytes([byte]))
        assert client.answer() == (3, 0, b"")
        assert client.do(READ, 9, 7) == (0, b"\0hello\0")


def test_many_requests_in_one_piece(stack):
    with RawClient(stack.uri("disk")) as client:
        client.go()
        client.send(b"".join(struct.pack(">IHHQQI", 0x25609513, 0, WRITE, i, i * 8, 8) + struct.pack(">Q", i)
                             for i in range(3000)))
        assert sorted(client.answer()[:2] for _ in range(3000)) == [(i, 0) for i in range(3000)]
        assert client.do(READ, 0, 24000) == (0, b"".join(struct.pack(">Q", i) for i in range(3000)))


def test_clients_that_vanish(stack):
    halves = [
        struct.pack(">IHH", 0x25609513, 0, WRITE),
        struct.pack(">IHHQQI", 0x25609513, 0, WRITE, 1, 0, MIB) + b"x" * 5000,
        struct.pack(">IHHQQI", 0x25609513, 0, WRITE, 1, 0, 40 * MIB) + b"x" * 5000,
        struct.pack(">IHHQQI", 0x25609513, 0, READ, 1, 0, 32 * MIB) * 3,
        struct.pack(">IHHQQI", 0x25609513, 0, READ, 1, 0, 4096) * 1000,
        b"",
    ]
    for half in halves:
        client = RawClient(stack.uri("disk"))
        client.go()
        client.send(half)
        client.socket.close()
    RawClient(stack.uri("disk"), flags=None).socket.close()
    client = RawClient(stack.uri("disk"))
    client.option(OPT_GO, b"abc", length=100)
    client.socket.close()


def test_what_was_asked_is_answered_after_the_client_has_shut_its_side(stack):
    with RawClient(stack.uri("disk")) as client:
        client.go()
        client.request(READ, 0, 8192, cookie=9)
        client.socket.shutdown(socket.SHUT_WR)
        assert client.answer(8192) == (9, 0, bytes(8192))
        assert client.closed()


def test_disconnect_finishes_what_came_before(stack):
    with RawClient(stack.uri("disk")) as client:
        client.go()
        client.request(READ, 0, MIB, cookie=1)
        client.request(DISC)
        assert client.answer(MIB) == (1, 0, bytes(MIB))
        assert client.closed()


def test_a_slow_reader_keeps_nobody_waiting(stack):
    with RawClient(stack.uri("disk")) as slow, RawClient(stack.uri("disk")) as other:
        slow.go()
        other.go()
        for i in range(64):
            slow.request(READ, 0, MIB, cookie=i)
        for _ in range(100):
            assert other.do(READ, 0, 4096)[0] == 0
        for _ in range(64):
            assert slow.answer(MIB)[1] == 0


def test_flush_and_fua(stack):
    with RawClient(stack.uri("disk")) as client:
        client.go()
        assert client.do(WRITE, 4096, payload=b"x" * 4096, flags=FUA)[0] == 0
        assert client.do(WRITE, 8193, payload=b"y" * 10, flags=FUA)[0] == 0
        assert client.do(WRITE_ZEROES, 4100, 100, flags=FUA)[0] == 0
        assert client.do(TRIM, 0, 4096, flags=FUA)[0] == 0
        assert client.do(FLUSH)[0] == 0
        assert client.do(READ, 4096, 104) == (0, b"xxxx" + bytes(100))


# ---- with libnbd ----


@pytest.mark.parametrize("option, bdev, first_extent", [
    ("auto", '{ name: top, module: malloc, size: 1MiB, block_size: 512 }', None),
    ("auto", '{ name: top, module: passthru, base: { name: file, module: uring, path: disk.img } }',
     [MIB // 2, nbd.STATE_HOLE]),
    ("always", '{ name: top, module: malloc, size: 1MiB, block_size: 512 }', [MIB, 0]),
    ("never", '{ name: top, module: uring, path: disk.img }', None),
])
def test_structured_replies_are_offered_where_they_tell_more(run_stack, option, bdev, first_extent):
    """They report the hole of a file with data only in its second half; for a disk in memory they report nothing."""
    offered = first_extent is not None

    def make_file(folder):
        with open(folder / "disk.img", "wb") as file:
            file.seek(MIB // 2)
            file.write(b"d" * (MIB // 2))

    with tempfile.TemporaryDirectory(prefix="nbd") as folder:
        stack = run_stack(f"""
version: 1
bdevs: [ {bdev} ]
frontends:
  - nbd: {{ listen: "unix:{folder}/s", structured_replies: {option}, exports: [ {{ bdev: top }} ] }}
""", prepare=make_file)
        client = nbd.NBD()
        client.add_meta_context("base:allocation")
        client.connect_uri(stack.uri("top"))
        assert client.get_structured_replies_negotiated() is offered
        assert client.can_meta_context("base:allocation") is offered
        client.pwrite(b"x" * 4096, MIB - 4096)
        assert client.pread(4096, MIB - 4096) == b"x" * 4096
        if offered:
            extents = []
            client.block_status(MIB, 0, lambda context, offset, entries, error: extents.append(entries))
            assert extents[0][:2] == first_extent
        client.shutdown()


def test_block_status_is_honest(stack):
    client = nbd.NBD()
    client.add_meta_context("base:allocation")
    client.connect_uri(stack.uri("disk"))
    client.pwrite(b"x" * 8192, 4096)
    extents = []
    client.block_status(MIB, 0, lambda context, offset, entries, error: extents.append((context, offset, entries)))
    context, offset, entries = extents[0]
    assert (context, offset) == ("base:allocation", 0)
    covered = 0
    for length, state in zip(entries[::2], entries[1::2]):
        if covered < 12288 and covered + length > 4096:
            assert state & nbd.STATE_ZERO == 0, "what was written is not called zero"
        covered += length
    assert 0 < covered <= MIB
    client.shutdown()


def test_libnbd_in_strict_mode(stack):
    client = nbd.NBD()
    client.set_strict_mode(nbd.STRICT_MASK)
    client.connect_uri(stack.uri("disk"))
    data = os.urandom(100000)
    client.pwrite(data, 12345)
    assert client.pread(100000, 12345) == data
    client.zero(50000, 12345 + 1000, nbd.CMD_FLAG_NO_HOLE)
    assert client.pread(100000, 12345) == data[:1000] + bytes(50000) + data[51000:]
    client.trim(4096, 0)
    client.flush()
    with pytest.raises(nbd.Error):
        client.pread(10, 64 * MIB)
    client.shutdown()


def test_multi_conn_sees_what_another_has_written(stack):
    one, two = nbd.NBD(), nbd.NBD()
    for client in (one, two):
        client.connect_uri(stack.uri("disk"))
        assert client.can_multi_conn()
    for i in range(50):
        one.pwrite(struct.pack(">Q", i), i * 3)
        one.flush()
        assert two.pread(8, i * 3) == struct.pack(">Q", i)
    one.shutdown()
    two.shutdown()
