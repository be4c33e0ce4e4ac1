# SPDX-License-Identifier: BSD-3-Clause
"""File systems and disks made by other people's tools, copied by qemu-img through crypto on uring, and looked at by those
tools again."""

import os
import subprocess

import pytest

from conftest import PATIENCE, SOURCE

MIB = 1 << 20
PATH = "/usr/sbin:/sbin:/usr/bin:/bin"

STACK = """
version: 1
bdevs:
  - name: plain
    module: crypto
    key_file: ../disk.key
    base: { name: disk, module: uring, path: ../disk.img, size: SIZE, block_size: BLOCK }
"""
WHOLE = """
frontends: [ nbd: { listen: "unix:nbd.sock", exports: [ { bdev: plain } ] } ]
"""
PARTITIONS = """
  - { name: part, module: gpt, base: plain }
frontends: [ nbd: { listen: "unix:nbd.sock", exports: [ { bdev: partp1 }, { bdev: partp2 } ] } ]
"""


def run(*command):
    result = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE * 3, env={"PATH": PATH})
    assert result.returncode == 0, f"{command}: {result.stdout}{result.stderr}"
    return result.stdout


def empty(path, size):
    with open(path, "wb") as file:
        file.truncate(size)
    return path


def make_ext4(path):
    run("mkfs.ext4", "-q", "-d", SOURCE / "docs", empty(path, 16 * MIB))


def make_xfs(path):
    # Smaller than it likes: that is for the time of this test.
    run("mkfs.xfs", "--unsupported", "-q", "-l", "size=8m", empty(path, 32 * MIB))


CHECKS = {make_ext4: ["fsck.ext4", "-f", "-n"], make_xfs: ["xfs_repair", "-n", "-f"]}


@pytest.fixture
def serve(run_stack, tmp_path):
    with open(os.open(tmp_path / "disk.key", os.O_WRONLY | os.O_CREAT, 0o600), "wb") as key:
        key.write(os.urandom(64))

    def start(size, exports, block=512):
        return run_stack(STACK.replace("SIZE", str(size)).replace("BLOCK", str(block)) + exports)

    return start


def copy(source, target):
    run("qemu-img", "convert", "-n", "-f", "raw", "-O", "raw", source, target)
    run("qemu-img", "compare", "-f", "raw", "-F", "raw", source, target)


@pytest.mark.parametrize("make", [make_ext4, make_xfs])
def test_a_file_system_goes_in_and_out(serve, tmp_path, make):
    image, back = tmp_path / "in.img", tmp_path / "out.img"
    make(image)
    size = image.stat().st_size
    first = serve(size, WHOLE, block=4096)
    copy(image, first.uri("plain"))
    assert first.stop() == 0, first.log
    with open(image, "rb") as plain, open(tmp_path / "disk.img", "rb") as stored:
        assert plain.read(MIB) != stored.read(MIB), "what is stored is encrypted"

    second = serve(size, WHOLE, block=4096)  # by another host
    run("qemu-img", "compare", "-f", "raw", "-F", "raw", image, second.uri("plain"))
    copy(second.uri("plain"), empty(back, size))
    run(*CHECKS[make], back)
    assert second.stop() == 0, second.log


def test_the_partitions_of_a_disk_appear(serve, tmp_path):
    disk, file_system = tmp_path / "in.img", tmp_path / "ext4.img"
    make_ext4(file_system)
    run("sgdisk", "--new=1:0:+16MiB", "--new=2:0:0", empty(disk, 24 * MIB))
    start = int(run("sgdisk", "--info=1", disk).split("First sector: ")[1].split()[0]) * 512
    with open(disk, "r+b") as file:
        file.seek(start)
        file.write(file_system.read_bytes())

    first = serve(24 * MIB, WHOLE)
    copy(disk, first.uri("plain"))
    assert first.stop() == 0, first.log

    second = serve(24 * MIB, PARTITIONS)
    run("qemu-img", "compare", "-f", "raw", "-F", "raw", file_system, second.uri("partp1"))
    back = tmp_path / "out.img"
    copy(second.uri("partp1"), empty(back, 16 * MIB))
    run("fsck.ext4", "-f", "-n", back)
    run("qemu-io", "-f", "raw", "-c", "write -P 0x5a 0 64k", "-c", "read -P 0x5a 0 64k", second.uri("partp2"))
    assert second.stop() == 0, second.log

    third = serve(24 * MIB, WHOLE)
    copy(third.uri("plain"), empty(back, 24 * MIB))
    assert third.stop() == 0, third.log
    assert "No problems found" in run("sgdisk", "--verify", back)
