# SPDX-License-Identifier: BSD-3-Clause
"""Tests of the prototype beside this file, as the author of any module would write them."""

import bdevkit
import compress  # noqa: F401  registers the module
import pytest

CHUNK = 16 << 10


@pytest.fixture
def stack():
    return {"version": 1, "bdevs": [{"name": "top", "module": "compress", "base": {
        "name": "disk", "module": "malloc", "size": "1MiB"}}]}


def test_what_is_written_is_read(open_bdev):
    top = open_bdev("top")
    assert top.read(0, 2 * CHUNK) == bytes(2 * CHUNK)
    data = bytes(range(256)) * 160
    top.write(CHUNK - 512, data)  # the end of one chunk, the next, and the beginning of a third
    assert top.read(CHUNK - 512, len(data)) == data
    assert top.read(0, CHUNK - 512) == bytes(CHUNK - 512)


def test_writers_of_one_chunk_do_not_undo_each_other(open_bdev):
    top = open_bdev("top")
    top.write_many(range(0, CHUNK, 512), 512, b"".join(bytes([n]) * 512 for n in range(32)), depth=32)
    assert top.read(0, CHUNK) == b"".join(bytes([n]) * 512 for n in range(32))


def test_what_repeats_takes_less(host, open_bdev):
    open_bdev("top").write(0, b"a" * CHUNK)
    assert host.bdevs["disk"].stats.write.bytes < CHUNK // 4


def test_it_is_all_there_after_a_restart(start_host, tmp_image):
    base = {"name": "disk", "module": "malloc", "size": "1MiB"}
    host = start_host({"version": 1, "bdevs": [base]})
    host.create("compress", "top", base="disk")
    with host.open("top", write=True) as top:
        top.write(0, b"b" * CHUNK)
    host.remove("top")
    host.create("compress", "again", base="disk", level=9)
    with host.open("again") as again:
        assert again.read(0, CHUNK) == b"b" * CHUNK


def test_a_base_that_fails_fails_the_io(host, faulty_base):
    base = faulty_base(size="1MiB")
    host.create("compress", "above", base="base")
    with host.open("above", write=True) as above:
        base.fail("write", count=1)
        with pytest.raises(bdevkit.Error):
            above.write(0, bytes(CHUNK))
        above.write(0, b"c" * CHUNK)
        assert above.read(0, CHUNK) == b"c" * CHUNK


def test_a_base_that_is_too_small_is_refused(host):
    host.create("malloc", "small", size=4096)
    with pytest.raises(bdevkit.Error, match="could not be created"):
        host.create("compress", "on-small", base="small")
