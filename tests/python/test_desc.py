# SPDX-License-Identifier: BSD-3-Clause
"""I/O through a desc: each operation, its buffers, its errors."""

import array
import errno
import threading

import bdevkit
import numpy
import pytest

BLOCK = 512
SIZE = 1 << 20


@pytest.fixture(scope="module")
def host():
    stack = {"version": 1, "host": {"memory": "128MiB"}, "bdevs": [
        {"name": "disk", "module": "malloc", "size": SIZE},
        {"name": "safe", "module": "malloc", "size": SIZE, "md_size": 8, "md_interleave": True, "dif_type": 1},
        {"name": "aside", "module": "malloc", "size": SIZE, "md_size": 8},
        {"name": "nothing", "module": "null", "size": SIZE},
    ]}
    with bdevkit.Host(stack, check=True) as running:
        yield running


@pytest.fixture
def disk(host):
    with host.open("disk", write=True) as desc:
        desc.write_zeroes(0, SIZE)
        yield desc


def pattern(length, seed=1):
    return numpy.random.default_rng(seed).bytes(length)


def test_what_is_written_is_read(disk):
    assert (disk.size, len(disk), disk.block_size, disk.num_blocks) == (SIZE, SIZE, BLOCK, SIZE // BLOCK)
    data = pattern(4096)
    disk.write(512, data)
    assert disk.read(512, 4096) == data
    assert disk.read(0, 512) == bytes(512)


@pytest.mark.parametrize("make", [bytes, bytearray, memoryview, lambda data: numpy.frombuffer(data, "u4"),
                                  lambda data: array.array("Q", data)])
def test_anything_with_the_buffer_protocol_is_written(disk, make):
    data = pattern(2048)
    disk.write(0, make(data), fua=True)
    assert disk.read(0, 2048) == data


@pytest.mark.parametrize("make", [bytearray, bdevkit.Buffer, lambda size: memoryview(bytearray(size)),
                                  lambda size: numpy.empty(size // 8, "u8"),
                                  lambda size: memoryview(bytearray(size + 1))[1:]])
def test_anything_writable_is_filled_in_place(disk, make):
    disk.write(0, pattern(2048))
    buffer = make(2048)
    disk.read_into(0, buffer)
    assert bytes(memoryview(buffer)) == pattern(2048)


def test_buffers_that_do_not_fit_are_refused(disk):
    for attempt in (lambda: disk.read_into(0, bytes(512)), lambda: disk.write(0, "text"),
                    lambda: disk.write(0, numpy.zeros((64, 64), "u1")[:, ::2])):
        with pytest.raises((TypeError, BufferError, ValueError)):
            attempt()


def test_a_dma_buffer_is_aligned_and_given_back():
    buffer = bdevkit.Buffer(8192, alignment=4096)
    assert (len(buffer), buffer.address % 4096) == (8192, 0)
    view = memoryview(buffer)
    assert bytes(view) == bytes(8192)
    with pytest.raises(BufferError, match="1 views"):
        buffer.release()
    view.release()
    buffer.release()
    with pytest.raises(ValueError, match="released"):
        memoryview(buffer)
    with pytest.raises(ValueError, match="power of two"):
        bdevkit.Buffer(8192, alignment=3)


def test_ranges(disk):
    disk.write(0, pattern(4096))
    disk.copy(8192, 0, 4096)
    assert disk.read(8192, 4096) == pattern(4096)
    disk.unmap(0, 1024)
    assert disk.read(0, 4096) == bytes(1024) + pattern(4096)[1024:]
    disk.write_zeroes(8192, 4096, unmap=False)
    assert disk.read(8192, 4096) == bytes(4096)
    disk.flush()
    disk.flush(0, 512)
    disk.reset()
    disk.abort()


def test_compare(disk):
    disk.write(0, pattern(1024))
    disk.compare(0, pattern(1024))
    with pytest.raises(bdevkit.Miscompare) as raised:
        disk.compare(0, bytes(1024))
    assert (raised.value.status, raised.value.bdev, raised.value.operation) == ("miscompare", "disk", "compare")
    disk.compare_and_write(0, pattern(512), b"w" * 512)
    with pytest.raises(bdevkit.Miscompare):
        disk.compare_and_write(0, pattern(512), b"v" * 512)
    assert disk.read(0, 512) == b"w" * 512


def test_a_zcopy_lends_the_memory_of_the_disk(disk):
    disk.write(0, pattern(4096))
    with disk.zcopy(0, 4096, commit=True) as data:
        assert bytes(data) == pattern(4096)
        data[:5] = b"hello"
    assert disk.read(0, 512)[:5] == b"hello"
    with pytest.raises(KeyError), disk.zcopy(0, 4096, commit=True):
        raise KeyError
    with pytest.raises(BufferError, match="1 views"):
        with disk.zcopy(0, 4096) as data:
            kept = data[1:]
    del kept


def test_separate_metadata_come_in_buffers_of_their_own(host):
    with host.open("aside", write=True) as desc:
        desc.write(0, bytes(1024), metadata=b"m" * 16)
        metadata = bytearray(16)
        desc.read_into(0, bytearray(1024), metadata)
        assert metadata == b"m" * 16
        with pytest.raises(bdevkit.Error, match="expected 16 bytes of metadata, got 8"):
            desc.read_into(0, bytearray(1024), bytearray(8))


def test_metadata_are_shown_or_hidden(host):
    with host.open("safe", write=True, hide_metadata=True) as desc:
        assert desc.block_size == 512
        desc.write(0, pattern(512))
    with host.open("safe") as desc:
        assert desc.block_size == 520
        assert desc.read(0, 520)[:512] == pattern(512)


@pytest.mark.parametrize("attempt, code, text", [
    (lambda d: d.read(1, 512), errno.EINVAL, "offset 1 is not a multiple of the block size 512 of bdev 'disk'"),
    (lambda d: d.read(0, 100), errno.EINVAL, "length 100 is not a multiple"),
    (lambda d: d.read(0, 0), errno.EINVAL, "length of 0"),
    (lambda d: d.read(SIZE, 512), errno.EINVAL, "read of bdev 'disk' at byte 1048576, length 512: Invalid argument"),
    (lambda d: d.nvme_admin(bytes(64)), errno.ENOTSUP, "nvme_admin of bdev 'disk'"),
    (lambda d: d.nvme_io(bytes(63)), errno.EINVAL, "has 64 bytes, not 63"),
    (lambda d: d.compare_and_write(0, bytes(512), bytes(1024)), errno.EINVAL, "the same length"),
])
def test_what_cannot_be_done_is_refused_with_a_reason(disk, attempt, code, text):
    with pytest.raises(bdevkit.Error) as raised:
        attempt(disk)
    assert raised.value.errno == code
    assert text in str(raised.value)


def test_a_read_only_desc_says_so(host):
    with host.open("disk") as desc, pytest.raises(bdevkit.Error, match="open it with write=True"):
        desc.write(0, bytes(512))


def test_a_closed_desc_says_so(host):
    desc = host.open("disk")
    desc.close()
    desc.close()
    assert repr(desc) == "<bdevkit.Desc of 'disk', closed>"
    for attempt in (lambda: desc.read(0, 512), lambda: desc.read_many([0], 512), lambda: desc.batch([("read", 0, 512)])):
        with pytest.raises(bdevkit.Error, match="the desc is closed"):
            attempt()


def test_a_desc_of_a_removed_bdev_is_closed(host):
    host.create("null", "short-lived", size="1MiB")
    desc = host.open("short-lived")
    host.remove("short-lived")
    assert not desc.is_open
    with pytest.raises(bdevkit.Error, match="the bdev was removed"):
        desc.read(0, 512)


def test_who_writes_below_a_claim_is_told_why(host):
    host.create("passthru", "above", base="nothing")
    with pytest.raises(bdevkit.Error, match="has claimed it") as raised:
        host.open("nothing", write=True)
    assert raised.value.errno == errno.EPERM
    host.remove("above")


def test_many_reads_and_writes_from_one_call(disk):
    offsets = range(0, SIZE, 4096)
    disk.write_many(offsets, 4096, pattern(SIZE))
    assert disk.read(0, SIZE) == pattern(SIZE)
    backwards = numpy.arange(SIZE - 4096, -1, -4096)
    assert disk.read_many(backwards, 4096, depth=7)[-4096:] == pattern(SIZE)[:4096]
    buffer = numpy.empty((len(backwards), 4096), "u1")
    disk.read_many(list(offsets), 4096, into=buffer)
    assert buffer.tobytes() == pattern(SIZE)
    assert disk.read_many([], 4096) == b""
    with pytest.raises(bdevkit.Error, match="expected memory of 8192 bytes, got 1"):
        disk.read_many([0, 4096], 4096, into=bytearray(1))
    with pytest.raises(bdevkit.Error, match="at byte 1048576"):
        disk.read_many([0, SIZE], 4096)
    with pytest.raises(TypeError, match="64-bit integers"):
        disk.read_many(numpy.arange(4, dtype="u4"), 4096)


def test_a_batch_says_what_became_of_each(disk):
    results = disk.batch([("write", 0, b"a" * 512), ("write_zeroes", 512, 512)])
    assert results == [None, None]
    read, beyond, differs, copied = disk.batch(
        [("read", 0, 1024), ("read", SIZE, 512), ("compare", 0, bytes(512)), ("copy", 4096, 0, 512)], depth=2)
    assert read == b"a" * 512 + bytes(512)
    assert isinstance(beyond, bdevkit.Error) and beyond.errno == errno.EINVAL
    assert isinstance(differs, bdevkit.Miscompare)
    assert copied is None
    with pytest.raises(ValueError, match="'fly' in a batch"):
        disk.batch([("fly", 0, 512)])


def test_more_in_flight_than_the_host_has_bdev_ios(disk):
    assert len(disk.read_many([0] * 100_000, 512, depth=100_000)) == 100_000 * 512


def test_threads_share_a_desc(disk):
    failures = []

    def work(place):
        try:
            for turn in range(100):
                data = bytes([place, turn]) * 256
                disk.write(place * 512, data)
                assert disk.read(place * 512, 512) == data
        except Exception as failure:  # reported in the main thread
            failures.append(failure)

    threads = [threading.Thread(target=work, args=(place,)) for place in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []


def test_memory_that_cannot_be(host, disk):
    """The product of 64-bit numbers is 0."""
    host.create("null", "vast", size=1 << 63)
    with host.open("vast") as vast, pytest.raises(bdevkit.Error, match="no memory is that long") as raised:
        vast.read_many([0, 0], 1 << 63)
    assert raised.value.errno == errno.EINVAL
    host.remove("vast")
    with pytest.raises(MemoryError):
        disk.read(0, 1 << 63)
