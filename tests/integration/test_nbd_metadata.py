# SPDX-License-Identifier: BSD-3-Clause
"""NBD has no metadata: it serves a bdev whose blocks have some."""

import json
import random
import subprocess
import tempfile

import pytest

from conftest import PATIENCE

STACK = """
version: 1
bdevs:
  - name: top
    module: passthru
    base: {{ name: disk, module: malloc, size: 64MiB, block_size: 512, md_size: 8, md_interleave: true, dif_type: 1 }}
frontends:
  - nbd:
      listen: "unix:{folder}/s"
      exports:
        - {{ bdev: top }}
"""


def run(*command):
    result = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE * 3)
    assert result.returncode == 0, result.stderr
    return result.stdout


@pytest.fixture
def stack(run_stack):
    with tempfile.TemporaryDirectory(prefix="nbd") as folder:  # short: a unix socket's path has 107 bytes
        yield run_stack(STACK.format(folder=folder))


def test_the_export_is_as_large_as_the_data(stack):
    export = json.loads(run("nbdinfo", "--json", stack.uri("top")))["exports"][0]
    assert export["export-size"] == 64 << 20
    assert export["is_read_only"] is False


def test_what_is_copied_in_comes_out_again(stack, tmp_path):
    data = random.Random(1)
    image, back = tmp_path / "image", tmp_path / "back"
    # Data, zeroes, which nbdcopy turns into write zeroes, and an end that fills no block.
    image.write_bytes(b"".join(data.randbytes(1 << 20) if i % 3 else bytes(1 << 20) for i in range(63)) + b"end")
    run("nbdcopy", str(image), stack.uri("top"))
    run("nbdcopy", stack.uri("top"), str(back))
    expected = image.read_bytes()
    assert back.read_bytes() == expected + bytes((64 << 20) - len(expected))
