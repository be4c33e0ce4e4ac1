# SPDX-License-Identifier: BSD-3-Clause
"""Clients that we did not write, against a running stack."""

import json
import os
import random
import subprocess
import tempfile

import pytest

from conftest import PATIENCE

# Seconds of the fio test; the release run uses 30.
FIO_SECONDS = int(os.environ.get("BDEVKIT_FIO_SECONDS", "5"))

STACK = """
version: 1
bdevs:
  - name: top
    module: readonly
    base: {{ name: mid, module: passthru, base: frozen }}
  - {{ name: frozen, module: malloc, size: 4MiB, block_size: 4096 }}
  - {{ name: disk, module: malloc, size: 64MiB, block_size: 4096 }}
  - {{ name: copy, module: malloc, size: 64MiB, block_size: 512 }}
frontends:
  - nbd:
      listen: "{listen}"
      structured_replies: {structured_replies}
      exports:
        - {{ bdev: disk, description: "the first" }}
        - {{ bdev: copy }}
        - {{ bdev: top, name: "a top/with space" }}
        - {{ bdev: disk, name: guarded, read_only: true }}
"""


def run(*command, ok=True, cwd=None):
    result = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE * 3, cwd=cwd)
    if ok:
        assert result.returncode == 0, result.stderr
    return result


@pytest.fixture
def short_folder():
    """A unix socket's path has 107 bytes at most; pytest's own folders are long."""
    with tempfile.TemporaryDirectory(prefix="nbd") as folder:
        yield folder


@pytest.fixture(params=["unix", "tcp"])
def stack(request, run_stack, short_folder):
    """Clients get simple replies over the unix socket and structured ones over TCP."""
    unix = request.param == "unix"
    stack = run_stack(STACK.format(listen=f"unix:{short_folder}/s" if unix else "tcp:127.0.0.1:0",
                                   structured_replies="never" if unix else "always"))
    stack.structured = not unix
    return stack


@pytest.fixture
def image(tmp_path):
    """64 MiB with data, zeroes and an odd end."""
    data = random.Random(1)
    path = tmp_path / "image"
    with open(path, "wb") as file:
        for i in range(64):
            file.write(data.randbytes(1 << 20) if i % 3 else bytes(1 << 20))
    return path


def test_nbdinfo_tells_what_an_export_is(stack):
    info = json.loads(run("nbdinfo", "--json", stack.uri("disk")).stdout)
    assert info["protocol"] == "newstyle-fixed"
    assert info["structured"] is stack.structured
    export = info["exports"][0]
    assert export["export-size"] == 64 << 20
    assert export["is_read_only"] is False
    for ability in ("can_flush", "can_fua", "can_trim", "can_zero", "can_multi_conn"):
        assert export[ability] is True, ability
    assert export["can_df"] is stack.structured
    assert export["block_size_minimum"] == 1
    assert export["block_size_preferred"] == 4096
    assert export["block_size_maximum"] == 32 << 20


def test_nbdinfo_lists_all_exports(stack):
    address = stack.uri("disk").replace("/disk", "/", 1)
    info = json.loads(run("nbdinfo", "--json", "--list", address).stdout)
    exports = {export["export-name"]: export for export in info["exports"]}
    assert list(exports) == ["disk", "copy", "a top/with space", "guarded"]
    assert exports["disk"]["description"] == "the first"
    assert exports["a top/with space"]["is_read_only"] is True, "a read-only bdev is exported read-only"
    assert exports["guarded"]["is_read_only"] is True, "and so is one that the stack says"
    assert exports["copy"]["is_read_only"] is False


def test_the_empty_name_is_the_first_export(stack):
    address = stack.uri("disk").replace("/disk", "/", 1)
    assert run("nbdinfo", "--size", address).stdout.strip() == str(64 << 20)


def test_the_uri_of_an_odd_name_works(stack):
    uri = next(uri for uri in stack.uris if "%20" in uri)
    assert run("nbdinfo", "--size", uri).stdout.strip() == str(4 << 20)


def test_nbdcopy_both_ways_with_four_connections(stack, image, tmp_path):
    run("nbdcopy", "--connections=4", image, stack.uri("disk"))
    run("nbdcopy", "--connections=4", stack.uri("disk"), stack.uri("copy"))
    run("nbdcopy", "--connections=4", stack.uri("copy"), tmp_path / "back")
    assert image.read_bytes() == (tmp_path / "back").read_bytes()


def test_qemu_img_knows_it(stack, image, tmp_path):
    info = json.loads(run("qemu-img", "info", "--output=json", stack.uri("disk")).stdout)
    assert info["virtual-size"] == 64 << 20
    run("qemu-img", "convert", "-n", "-f", "raw", "-O", "raw", image, stack.uri("disk"))
    run("qemu-img", "compare", "-f", "raw", "-F", "raw", image, stack.uri("disk"))
    run("qemu-img", "convert", "-f", "raw", "-O", "qcow2", stack.uri("disk"), tmp_path / "back.qcow2")
    run("qemu-img", "compare", "-f", "raw", "-F", "qcow2", image, tmp_path / "back.qcow2")


def test_qemu_io_writes_zeroes_and_discards(stack, image):
    run("nbdcopy", image, stack.uri("disk"))
    run("qemu-io", "-f", "raw", "-c", "write -z 1000 100000", "-c", "read -P 0 1000 100000",
        "-c", "discard 2M 1M", "-c", "write -P 0xab 3M 64k", "-c", "read -P 0xab 3M 64k", "-c", "flush",
        stack.uri("disk"))


def test_a_read_only_export_refuses_writes(stack):
    uri = next(uri for uri in stack.uris if "%20" in uri)
    assert run("qemu-io", "-f", "raw", "-c", "write 0 4096", uri, ok=False).returncode != 0
    run("qemu-io", "-r", "-f", "raw", "-c", "read 0 4096", uri)


def test_fio_verifies_what_it_wrote(stack, tmp_path):
    job = tmp_path / "verify.fio"
    job.write_text(f"""
[global]
ioengine=nbd
uri={stack.uri("disk")}
rw=randwrite
bsrange=4k-64k
iodepth=64
size=16m
verify=crc32c
verify_state_save=0
verify_backlog=32
time_based
runtime={FIO_SECONDS}
thread
group_reporting
[a]
offset=0
[b]
offset=16m
[c]
offset=32m
[d]
offset=48m
""")
    result = run("fio", "--output-format=json", job, cwd=tmp_path)  # it leaves files where it runs
    jobs = json.loads(result.stdout[result.stdout.index("{"):])["jobs"]
    assert jobs[0]["error"] == 0
    assert jobs[0]["read"]["total_ios"] > 0, "verified something"
    assert jobs[0]["write"]["total_ios"] > 0
