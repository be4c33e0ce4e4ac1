# SPDX-License-Identifier: BSD-3-Clause
"""Modules, served and used by a real client."""

import contextlib
import os
import pathlib
import subprocess

import nbd
import pytest

from conftest import BUILD, PATIENCE, SOURCE


def connect(uri):
    client = nbd.NBD()
    client.connect_uri(uri)
    return client


def test_uring(run_stack):
    stack = run_stack((SOURCE / "examples" / "uring.yaml").read_text(), "--listen", "unix:nbd.sock")
    image = stack.file.parent / "disk.img"
    assert image.stat().st_size == 64 << 20 and image.stat().st_blocks == 0, "made, and sparse"
    client = connect(stack.uri("disk"))
    data = bytes(range(256)) * 256
    client.pwrite(data, 1 << 20)
    client.pwrite(data, 3 << 20, nbd.CMD_FLAG_FUA)
    client.flush()
    assert image.read_bytes()[1 << 20:(1 << 20) + len(data)] == data
    client.zero(32768, 1 << 20)
    client.trim(32768, (1 << 20) + 32768)
    assert client.pread(65536, 1 << 20) == bytes(65536)
    assert client.pread(65536, 3 << 20) == data
    client.shutdown()
    assert stack.stop() == 0, stack.log


def run_as_root(*command):
    """Skips the test without the rights that it takes."""
    result = subprocess.run(command, capture_output=True, text=True, env={"PATH": "/usr/sbin:/sbin:/usr/bin:/bin"}, check=False)
    if result.returncode != 0:
        pytest.skip(f"needs the right to set a loop device up and mount it: {result.stderr.strip()}")
    return result.stdout.strip()


FILE_SYSTEMS = {
    "ext2": ["mkfs.ext2", "-q"],
    "ext3": ["mkfs.ext3", "-q"],
    "ext4": ["mkfs.ext4", "-q"],
    "xfs": ["mkfs.xfs", "--unsupported", "-q", "-l", "size=8m"],
}
if BUILD.name in ("asan", "tsan"):  # they differ in the kernel, which a sanitizer does not see
    FILE_SYSTEMS = {"ext4": FILE_SYSTEMS["ext4"]}


@pytest.mark.parametrize("make", FILE_SYSTEMS.values(), ids=FILE_SYSTEMS)
def test_uring_on_file_systems(tmp_path, make):
    """Runs the unit tests of uring with their temporary folder on each file system."""
    image, folder = tmp_path / "fs.img", tmp_path / "mounted"
    with open(image, "wb") as file:
        file.truncate(192 << 20)
    folder.mkdir()
    run_as_root(*make, image)
    run_as_root("mount", "-o", "loop", image, folder)
    try:
        tests = subprocess.run([BUILD / "tests" / "uring_test"], env=os.environ | {"TEST_TMPDIR": str(folder)},
                               capture_output=True, text=True, timeout=3 * PATIENCE, check=False)
    finally:
        subprocess.run(["umount", folder], check=True)
    assert tests.returncode == 0, tests.stdout + tests.stderr


@contextlib.contextmanager
def loop_device(image, size=16 << 20):
    """A device with sectors of 4096 bytes."""
    image.write_bytes(bytes(size))
    device = run_as_root("losetup", "--find", "--show", "--sector-size", "4096", image)
    try:
        yield device
    finally:
        subprocess.run(["/usr/sbin/losetup", "--detach", device], check=True)


def test_uring_on_a_loop_device(run_stack, tmp_path):
    image = tmp_path / "loop.img"
    with loop_device(image) as device:
        use_device(run_stack, device)
    assert image.read_bytes()[8192:12288] == b"f" * 4096


def test_uring_with_blocks_smaller_than_the_sectors_of_a_device(run_stack, tmp_path):
    """Zeroing is exact at every edge; a trim leaves partial sectors."""
    with loop_device(tmp_path / "loop.img") as device:
        stack = run_stack(f"""
version: 1
bdevs: [ {{ name: disk, module: uring, path: {device}, block_size: 512 }} ]
frontends: [ nbd: {{ listen: "unix:nbd.sock", exports: [ {{ bdev: disk }} ] }} ]
""")
        client = connect(stack.uri("disk"))
        size = 1 << 20
        expected = bytearray(b"a" * size)
        client.pwrite(expected, 0)
        ranges = [(512, 512), (4096, 4096), (8192 + 512, 4096), (20480 - 512, 1024), (32768, 65536 - 512), (131072 + 3584, 9216)]
        for place, (start, length) in enumerate(ranges):
            client.zero(length, start, nbd.CMD_FLAG_NO_HOLE if place % 2 else 0)
            client.zero(length, 262144 + start, 0 if place % 2 else nbd.CMD_FLAG_NO_HOLE)
            for begin in (start, 262144 + start):
                expected[begin:begin + length] = bytes(length)
        assert client.pread(size, 0) == expected
        client.trim(1024, 524288 + 512)
        client.trim(16384, 524288 + 4096 + 512)
        data = client.pread(size, 0)
        assert data[:524288] == expected[:524288]
        assert data[524288:524288 + 8192] == b"a" * 8192, "the edge stays"
        assert data[524288 + 20480:] == expected[524288 + 20480:]
        client.shutdown()
        assert stack.stop() == 0, stack.log


def flushes_of(device):
    """How often the kernel has flushed it."""
    return int((pathlib.Path("/sys/block") / pathlib.Path(device).name / "stat").read_text().split()[15])


@pytest.mark.parametrize("layer", ["passthru", "trace, path: {folder}/trace", "split, count: 1"], ids=lambda layer: layer.split(",")[0])
@pytest.mark.parametrize("direct", ["true", "false"])
def test_what_asks_for_fua_is_flushed_by_the_kernel(run_stack, tmp_path, layer, direct):
    with loop_device(tmp_path / "loop.img") as device:
        top = "topp0" if layer.startswith("split") else "top"
        stack = run_stack(f"""
version: 1
bdevs:
  - {{ name: top, module: {layer.format(folder=tmp_path)}, base: {{ name: disk, module: uring, path: {device}, direct: {direct} }} }}
frontends: [ nbd: {{ listen: "unix:nbd.sock", exports: [ {{ bdev: {top} }} ] }} ]
""")
        client = connect(stack.uri(top))
        requests = {
            "write": lambda flags: client.pwrite(b"a" * 65536, 0, flags),
            "unaligned write": lambda flags: client.pwrite(b"b" * 1000, 100, flags),
            "zero": lambda flags: client.zero(65536, 65536, flags),
            "unaligned zero": lambda flags: client.zero(65536, 65536 + 100, flags),
            "zero that keeps": lambda flags: client.zero(65536, 65536, flags | nbd.CMD_FLAG_NO_HOLE),
            "trim": lambda flags: client.trim(65536, 131072, flags),
        }
        for name, request in requests.items():
            before = flushes_of(device)
            request(nbd.CMD_FLAG_FUA)
            assert flushes_of(device) > before, name
        client.shutdown()
        assert stack.stop() == 0, stack.log


def use_device(run_stack, device):
    stack = run_stack(f"""
version: 1
bdevs: [ {{ name: disk, module: uring, path: {device} }} ]
frontends: [ nbd: {{ listen: "unix:nbd.sock", exports: [ {{ bdev: disk }} ] }} ]
""")
    client = connect(stack.uri("disk"))
    assert client.get_size() == 16 << 20
    client.pwrite(b"a" * 65536, 0)
    client.pwrite(b"f" * 4096, 8192, nbd.CMD_FLAG_FUA)
    client.trim(4096, 12288)
    client.zero(4096, 16384)
    client.zero(4096, 20480, nbd.CMD_FLAG_NO_HOLE)
    client.flush()
    expected = b"a" * 8192 + b"f" * 4096 + bytes(12288) + b"a" * (65536 - 24576)
    assert client.pread(65536, 0) == expected
    client.shutdown()
    assert stack.stop() == 0, stack.log
    assert "page cache" not in stack.log, "direct"


def test_a_file_in_use_is_refused_with_the_holder(run_stack, tmp_path):
    text = f"""
version: 1
bdevs: [ {{ name: disk, module: uring, path: {tmp_path}/disk.img, size: 1MiB }} ]
frontends: [ nbd: {{ listen: "unix:nbd.sock", exports: [ {{ bdev: disk }} ] }} ]
"""
    first = run_stack(text)
    second = subprocess.run([BUILD / "bin" / "bdevkit", "run", first.file], cwd=tmp_path, capture_output=True, text=True,
                            timeout=PATIENCE)
    assert second.returncode == 1
    assert f"in use by process {first.process.pid}" in second.stderr
    first.process.kill()
    first.process.wait()
    third = run_stack(text)
    assert third.stop() == 0, third.log


def test_io_that_error_holds_does_not_keep_the_host_from_ending(run_stack):
    stack = run_stack("""
version: 1
bdevs:
  - { name: stuck, module: error, action: hold, io_types: [write],
      base: { name: disk, module: malloc, size: 1MiB } }
frontends: [ nbd: { listen: "unix:nbd.sock", exports: [ { bdev: stuck } ] } ]
""")
    client = connect(stack.uri("stuck"))
    cookie = client.aio_pwrite(nbd.Buffer.from_bytearray(bytearray(4096)), 0)
    client.pread(4096, 0)  # the write has reached the bdev before
    assert not client.aio_command_completed(cookie)
    assert stack.stop() == 0, stack.log
