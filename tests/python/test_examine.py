# SPDX-License-Identifier: BSD-3-Clause
"""Which bdevs are examined, and when: with the module gpt, on disks that a script writes a table to."""

import asyncio
import os
import pathlib
import subprocess
import threading

import bdevkit
import pytest

MIB = 1 << 20
SPDK = "6527994E-2C5A-4EEC-9613-8F5944074E8B"


@pytest.fixture
def disk_image(tmp_path):
    """A disk with a partition that examination takes."""
    image = tmp_path / "disk.img"
    with open(image, "wb") as file:
        file.truncate(64 * MIB)
    subprocess.run(["/usr/sbin/sgdisk", "--new=1:0:+16MiB", f"--typecode=1:{SPDK}", image], check=True, capture_output=True,
                   env=os.environ | {"LD_PRELOAD": ""})
    return image


def stack(image, examine=("gpt",), **host):
    return {"version": 1, "host": host, "plugins": {"examine": list(examine)},
            "bdevs": [{"name": "disk", "module": "uring", "path": str(image)}]}


def write_table(host, image, name):
    with host.open(name, write=True) as desc:
        desc.write(0, image.read_bytes()[:MIB])


def test_a_disk_that_nobody_writes_to_is_examined_by_the_start(disk_image):
    with bdevkit.Host(stack(disk_image)) as host:
        assert "diskp1" in host.bdevs


def test_a_module_that_nothing_names_examines_nothing(disk_image):
    with bdevkit.Host(stack(disk_image, examine=())) as host:
        assert list(host.bdevs) == ["disk"]
        with pytest.raises(bdevkit.Error, match="name one that does, such as `plugins: { examine: \\[gpt\\] }`"):
            host.examine("disk")


def test_what_a_script_has_written_is_examined_when_it_is_asked_for(disk_image):
    with bdevkit.Host(stack(disk_image)) as host:
        host.create("malloc", "blank", size="64MiB")
        write_table(host, disk_image, "blank")
        host.remove("blank")
        host.create("malloc", "blank", size="64MiB")
        write_table(host, disk_image, "blank")
        assert "blankp1" not in host.bdevs
        host.examine("blank")
        assert "blankp1" in host.bdevs
        with pytest.raises(bdevkit.Error, match="it is claimed"):
            host.examine("blank")
        with pytest.raises(bdevkit.Error, match="nobody"):
            host.examine("nobody")


def test_a_module_that_comes_later_leaves_written_disks_alone(disk_image):
    with bdevkit.Host(stack(disk_image, examine=())) as host:
        host.create("malloc", "written", size="64MiB")
        write_table(host, disk_image, "written")
        host.create("malloc", "base", size="64MiB")
        write_table(host, disk_image, "base")
        host.create("gpt", "part", base="base")  # loads the module
        assert "partp1" in host.bdevs
        assert "writtenp1" not in host.bdevs


class Slow(bdevkit.Bdev):
    """A disk whose reads end when the test allows it."""

    image: pathlib.Path
    allowed = threading.Event()

    def setup(self):
        self.num_blocks = 64 * MIB // 512

    async def submit(self, io):
        while not Slow.allowed.is_set():
            await asyncio.sleep(0.01)
        return self.image.read_bytes()[io.offset:io.offset + io.length]


bdevkit.register(Slow, name="slow")


def test_a_slow_disk_delays_nothing_but_what_is_found_on_it(disk_image):
    stack = {"version": 1, "host": {"examine_limit": "300ms", "late_call": "0s"}, "plugins": {"examine": ["gpt"]}, "bdevs": [
        {"name": "slow", "module": "slow", "image": str(disk_image)},
        {"name": "late", "module": "passthru", "base": "slowp1"},
        {"name": "soon", "module": "passthru", "base": "diskp1"},
        {"name": "disk", "module": "uring", "path": str(disk_image)}]}
    Slow.allowed.clear()
    with bdevkit.capture_log() as log, bdevkit.Host(stack) as host:
        assert "soon" in host.bdevs and "late" not in host.bdevs
        assert any("'slow'" in line and "gave up waiting" in line for line in log.lines)
        Slow.allowed.set()
        while "late" not in host.bdevs:
            pass
        assert host.bdevs["late"].size == 16 * MIB


def test_modules_to_examine_with_are_checked(disk_image):
    with pytest.raises(bdevkit.StackError, match="no module 'gtp' was found; did you mean 'gpt'"):
        bdevkit.Host(stack(disk_image, examine=["gtp"]))
    with pytest.raises(bdevkit.StackError, match="module 'malloc' examines no bdevs"):
        bdevkit.Host(stack(disk_image, examine=["malloc"]))
