# SPDX-License-Identifier: {{cookiecutter.license}}
"""The module in this process. bdevkit's docs/python.md describes the fixtures."""

import os
import random

import pytest


@pytest.fixture
def top(host, open_bdev):
    host.create("{{cookiecutter.name}}", "top", size="4MiB")
    return open_bdev("top")


def test_what_is_written_anywhere_is_read(top):
    written = {}
    for number in range(500):
        offset = random.randrange(8192) * 512
        written[offset] = number.to_bytes(2, "little") * 256
        top.write(offset, written[offset])
    for offset, data in written.items():
        assert top.read(offset, 512) == data


def test_many_at_a_time(top):
    offsets = random.sample(range(0, 4 << 20, 512), 4000)
    data = os.urandom(512 * len(offsets))
    top.write_many(offsets, 512, data)
    assert top.read_many(offsets, 512) == data
