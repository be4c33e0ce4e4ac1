# SPDX-License-Identifier: BSD-3-Clause
"""Bdevs that few disks are like, behind NBD: with large write units, or without a flush."""

import re
import subprocess
import tempfile

import pytest

from conftest import BUILD, PATIENCE
from nbd_raw import FUA, READ, TRIM, WRITE, RawClient

LARGEST_REQUEST = 32 << 20

STACK = """
version: 1
bdevs:
  - {{ name: disk, module: malloc, size: 64MiB, block_size: {block_size}, write_unit_size: {unit} }}
frontends:
  - nbd: {{ listen: "unix:{folder}/s", exports: [ {{ bdev: disk, read_only: {read_only} }} ] }}
"""

WITHOUT_FLUSH = """
version: 1
plugins: {{ path: [{plugins}] }}
host: {{ auto_examine: false }}
bdevs:
  - {{ name: disk, module: late, time: 1us }}
frontends:
  - nbd: {{ listen: "unix:{folder}/s", exports: [ {{ bdev: disk }} ] }}
"""


@pytest.fixture
def folder():
    with tempfile.TemporaryDirectory(prefix="nbd") as path:
        yield path


# The first two are 2^32 bytes.
@pytest.mark.parametrize("block_size, unit", [(512, 8388608), (65536, 65536), (512, 65537), (4096, 4294967295)])
def test_a_write_unit_that_no_request_holds_is_refused(tmp_path, folder, block_size, unit):
    (tmp_path / "stack.yaml").write_text(
        STACK.format(folder=folder, block_size=block_size, unit=unit, read_only="false"))
    ended = subprocess.run([BUILD / "bin" / "bdevkit", "run", "stack.yaml"], cwd=tmp_path, capture_output=True,
                           text=True, timeout=PATIENCE, check=False)
    assert ended.returncode == 1, ended.stderr
    assert re.search(r"^stack.yaml:6:\d+: nbd: export 'disk': bdev 'disk' is written in units of "
                     rf"{block_size * unit} bytes, .* {LARGEST_REQUEST} bytes", ended.stderr, re.MULTILINE), ended.stderr


def test_a_bdev_with_such_a_write_unit_can_be_read(run_stack, folder):
    stack = run_stack(STACK.format(folder=folder, block_size=512, unit=8388608, read_only="true"))
    with RawClient(stack.uri("disk")) as client:
        client.go()
        assert client.do(READ, 1, 700) == (0, bytes(700))


def test_a_write_unit_as_large_as_a_request_is_served(run_stack, folder):
    stack = run_stack(STACK.format(folder=folder, block_size=4096, unit=LARGEST_REQUEST // 4096, read_only="false"))
    with RawClient(stack.uri("disk")) as client:
        client.go()
        # A write of a part, and a write of parts of two units.
        for offset, data in ((3, b"abc"), (LARGEST_REQUEST - 2, b"defg")):
            assert client.do(WRITE, offset, payload=data)[0] == 0
            assert client.do(READ, offset - 1, len(data) + 2) == (0, b"\0" + data + b"\0")


def test_a_trim_with_fua_needs_no_flush(run_stack, folder):
    """A bdev that has neither a write cache nor a flush is as durable after the trim as it can be."""
    stack = run_stack(WITHOUT_FLUSH.format(folder=folder, plugins=BUILD / "tests" / "plugins" / "late"))
    with RawClient(stack.uri("disk")) as client:
        client.go()
        for offset, length in ((0, 4096), (1, 4096), (0, 1)):
            assert client.do(TRIM, offset, length, flags=FUA)[0] == 0
        assert client.do(WRITE, 0, payload=bytes(512), flags=FUA)[0] == 0
