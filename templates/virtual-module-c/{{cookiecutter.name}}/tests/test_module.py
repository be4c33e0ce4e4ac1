# SPDX-License-Identifier: {{cookiecutter.license}}
"""The module in this process, over a disk that fails on command. bdevkit's docs/python.md describes the fixtures."""

import random

import bdevkit
import pytest


@pytest.fixture
def base(faulty_base):
    return faulty_base(size="4MiB")


@pytest.fixture
def top(host, base, open_bdev):
    host.create("{{cookiecutter.name}}", "top", base=base.name)
    return open_bdev("top")


def test_what_is_written_anywhere_is_read(top):
    written = {}
    for number in range(500):
        offset = random.randrange(8192) * 512
        written[offset] = number.to_bytes(2, "little") * 256
        top.write(offset, written[offset])
    for offset, data in written.items():
        assert top.read(offset, 512) == data


def test_a_failure_below_is_told_above(top, base):
    base.fail("write", count=1)
    with pytest.raises(bdevkit.Error):
        top.write(0, b"a" * 4096)
    top.write(0, b"b" * 4096)
    assert top.read(0, 4096) == b"b" * 4096


def test_it_goes_with_its_base(host, top, base):
    top.write(0, b"c" * 4096)
    base.vanish()
    assert "top" not in host.bdevs
