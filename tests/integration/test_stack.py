# SPDX-License-Identifier: BSD-3-Clause
"""Stacks of several shapes, served and used by a real client; and scripts/run."""

import os
import subprocess

import nbd
import pytest

from conftest import BUILD, PATIENCE, SOURCE


def connect(uri):
    client = nbd.NBD()
    client.connect_uri(uri)
    return client


def test_quickstart(run_stack):
    text = (SOURCE / "examples" / "quickstart.yaml").read_text()
    stack = run_stack(text, "--listen", "unix:nbd.sock")
    writer = connect(stack.uri("pass"))
    reader = connect(stack.uri("top"))
    assert reader.is_read_only() and not writer.is_read_only()
    data = os.urandom(65536)
    writer.pwrite(data, 4096)
    assert reader.pread(65536, 4096) == data
    reader.set_strict_mode(0)
    with pytest.raises(nbd.Error):
        reader.pwrite(b"x" * 512, 0)
    writer.shutdown()
    reader.shutdown()


def test_nested_example(run_stack):
    text = (SOURCE / "examples" / "nested.yaml").read_text()
    stack = run_stack(text, "--listen", "unix:nbd.sock")
    client = connect(stack.uri("archive"))
    assert client.get_size() == 64 << 20
    assert client.is_read_only()
    client.shutdown()


def test_tcp_example(run_stack):
    text = (SOURCE / "examples" / "tcp.yaml").read_text()
    for port in ("10809", "10810"):
        text = text.replace(f"127.0.0.1:{port}\"", "127.0.0.1:0\"")
    stack = run_stack(text)
    scratch, bench = connect(stack.uri("scratch")), connect(stack.uri("bench"))
    assert scratch.get_size() == 128 << 20
    assert bench.get_size() == 1 << 40
    assert bench.is_read_only()
    scratch.pwrite(b"abc", 12345)  # not aligned to the disk's blocks of 4096
    assert scratch.pread(5, 12344) == b"\0abc\0"
    scratch.shutdown()
    bench.shutdown()


def test_a_tower_of_layers(run_stack, tmp_path):
    height = 50
    counters = tmp_path / "counters.json"
    bdevs = "".join(f"  - {{ name: b{i}, module: passthru, base: b{i - 1} }}\n" for i in range(height, 0, -1))
    stack = run_stack(f"version: 1\nbdevs:\n{bdevs}  - {{ name: b0, module: malloc, size: 1MiB }}\n"
                      f"frontends:\n  - nbd: {{ listen: 'unix:nbd.sock', exports: [ {{ bdev: b{height} }} ] }}\n",
                      "--stats-json", counters)
    client = connect(stack.uri(f"b{height}"))
    client.pwrite(b"deep" * 1024, 0)
    assert client.pread(4096, 0) == b"deep" * 1024
    client.shutdown()
    assert stack.stop() == 0
    assert counters.read_text().count('"bytes_written": 4096') == height + 1


WAITING = """
version: 1
bdevs:
  - { name: top, module: passthru, base: found }     # stands on what c_passthru makes by examination
  - { name: found, module: c_passthru, base: disk }  # its base is a string of its own, and comes later
  - { name: disk, module: malloc, size: 1MiB }
frontends:
  - nbd: { listen: "unix:nbd.sock", exports: [ { bdev: top } ] }
"""


def test_a_bdev_is_created_when_its_base_appears(run_stack):
    stack = run_stack(WAITING, "--plugin-path", BUILD / "tests" / "plugins")
    client = connect(stack.uri("top"))
    client.pwrite(b"late" * 128, 0)
    assert client.pread(512, 0) == b"late" * 128
    client.shutdown()
    assert stack.stop() == 0


def test_a_base_that_never_appears_is_told(run_stack):
    stack = run_stack("version: 1\nbdevs:\n"
                      "  - { name: found, module: c_passthru, base: nothing }\n"
                      "  - { name: top, module: passthru, base: found }\n",
                      "--plugin-path", BUILD / "tests" / "plugins")
    assert stack.stop() == 0
    assert "bdev 'top' waits for its base 'found'" in stack.log


def test_scripts_run(tmp_path):
    environment = dict(os.environ, BDEVKIT_BUILD=str(BUILD), TMPDIR=str(tmp_path))
    result = subprocess.run([SOURCE / "scripts" / "run"], env=environment, capture_output=True, text=True,
                            timeout=3 * PATIENCE)
    assert result.returncode == 0, result.stdout + result.stderr
    for line in ("the same", "command failed: Operation not permitted", "the blocks are what they were",
                 "the host ended cleanly"):
        assert line in result.stdout
    assert os.listdir(tmp_path) == []
