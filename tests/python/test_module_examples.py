# SPDX-License-Identifier: BSD-3-Clause
"""The examples of the virtual modules do what they claim."""

import errno
import time

import bdevkit
import pytest
import yaml
from conftest import SOURCE


@pytest.fixture
def stack(request):
    """The bdevs of examples/NAME.yaml; NAME is in the test's name."""
    name = request.function.__name__.removeprefix("test_")
    return {"version": 1, "bdevs": yaml.safe_load((SOURCE / "examples" / f"{name}.yaml").read_text())["bdevs"]}


def test_error(open_bdev):
    faulty = open_bdev("faulty")
    faulty.read(0, 1 << 20)
    with pytest.raises(bdevkit.Error, match="NVMe"):
        faulty.read((1 << 20) + 4096, 4096)
    faulty.read((1 << 20) + 8192, 4096)
    for _ in range(99):
        faulty.write(8192, b"x" * 4096)
    with pytest.raises(bdevkit.Error) as refused:
        faulty.write(8192, b"y" * 4096)
    assert refused.value.errno == errno.ENOSPC
    faulty.write(8192, b"z" * 4096)
    assert faulty.read(8192, 4096) == b"z" * 4096


def test_delay(open_bdev):
    slow = open_bdev("slow")
    begin = time.monotonic()
    for i in range(20):
        slow.write(i * 4096, bytes([i]) * 4096)
    slow.flush()
    assert time.monotonic() - begin >= 20 * 500e-6 + 2e-3
    assert slow.read(0, 20 * 4096) == b"".join(bytes([i]) * 4096 for i in range(20))


def test_split(host, open_bdev):
    sizes = {"partp0": 8 << 20, "partp1": 16 << 20, "halfp0": 20 << 20, "halfp1": 20 << 20}
    assert {name: host.bdevs[name].size for name in sizes} == sizes
    parts = {name: open_bdev(name) for name in sizes}
    for name, part in parts.items():
        for offset in 0, sizes[name] - 4096:
            part.write(offset, name.encode().ljust(4096))
    for name, part in parts.items():
        for offset in 0, sizes[name] - 4096:
            assert part.read(offset, 4096) == name.encode().ljust(4096)
