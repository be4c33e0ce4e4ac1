# SPDX-License-Identifier: BSD-3-Clause
"""A disk of bdevkit's in the hands of Linux: /dev/nbd0, connected by nbd-client with several connections."""

import contextlib
import hashlib
import json
import os
import pathlib
import shutil
import signal
import subprocess
import time


from tools import MIB

DEVICE = pathlib.Path("/dev/nbd0")
QUEUE = pathlib.Path("/sys/block/nbd0")
CONNECTIONS = 3
PATIENCE = 120

# The disk outlives the host, as a file does. Under it lies memory of the guest's.
STACK = """
version: 1
host: { cores: [0, 1] }
bdevs:
  - { name: file, module: uring, path: disk.img, size: 256MiB, direct: false }
  - { name: disk, module: passthru, base: file }
frontends:
  - nbd: { listen: "unix:nbd.sock", exports: [ { bdev: disk }, { bdev: file, name: view, read_only: true } ] }
"""


def run(*command, **options):
    """Its output. Fails with what it has said."""
    result = subprocess.run([str(word) for word in command], capture_output=True, text=True, timeout=PATIENCE, check=False,
                            **options)
    assert result.returncode == 0, f"{command}: {result.stdout}{result.stderr}"
    return result.stdout


def wait_until(is_so, what):
    """Waits for work that the kernel does in its own time."""
    deadline = time.monotonic() + PATIENCE
    while not is_so():
        assert time.monotonic() < deadline, f"{what}, which has not come"
        time.sleep(0.05)


def sectors():
    return int((QUEUE / "size").read_text())


def connect(stack, export="disk", device=DEVICE, *arguments):
    socket = stack.file.parent / "nbd.sock"
    run("nbd-client", "-unix", socket, "-N", export, "-C", CONNECTIONS, "-b", "4096", *arguments, device)
    wait_until(lambda: sectors() == 256 * MIB // 512, "the size of /dev/nbd0")


def disconnect(device=DEVICE):
    run("nbd-client", "-d", device)
    wait_until(lambda: sectors() == 0, "the end of /dev/nbd0")


@contextlib.contextmanager
def connected(stack, *arguments):
    connect(stack, *arguments)
    try:
        yield
    finally:
        disconnect()


@contextlib.contextmanager
def mounted(folder):
    folder.mkdir(exist_ok=True)
    run("mount", "-t", "ext4", DEVICE, folder)
    try:
        yield folder
    finally:
        run("umount", folder)


def check_file_system():
    """A check that mends nothing and finds nothing."""
    run("e2fsck", "-f", "-n", DEVICE)


def connections():
    """Sockets that a server of this machine has accepted."""
    lines = pathlib.Path("/proc/net/unix").read_text().splitlines()
    return sum(line.endswith("nbd.sock") and line.split()[5] == "03" for line in lines)


def digest_of(folder):
    """The content of the files."""
    digest = hashlib.sha256()
    for file in sorted(path for path in folder.rglob("*") if path.is_file()):
        digest.update(f"{file.relative_to(folder)}\0".encode() + file.read_bytes())
    return digest.hexdigest()


def allocated(stack):
    """Bytes that the file under the disk takes."""
    return (stack.file.parent / "disk.img").stat().st_blocks * 512


def trimmed(folder, stack):
    """What the disk takes after fstrim.

    ext4 frees the blocks of a deleted file after the commit that sync waits for, one extent after the other, and fstrim may
    come before the last. Another fstrim visits only the groups in which blocks were freed since, so that it does not hide a
    discard that the host has lost.
    """
    run("fstrim", folder)
    return allocated(stack)


def test_the_kernel_takes_what_the_export_offers(run_stack):
    stack = run_stack(STACK)
    with connected(stack):
        assert connections() == CONNECTIONS
        assert len(list((QUEUE / "mq").iterdir())) == min(CONNECTIONS, os.cpu_count())
        assert (QUEUE / "ro").read_text() == "0\n"
        assert int((QUEUE / "queue" / "discard_max_bytes").read_text()) > 0
        assert (QUEUE / "queue" / "write_cache").read_text() == "write back\n"
        assert (QUEUE / "queue" / "fua").read_text() == "1\n"
    connect(stack, "view")
    assert (QUEUE / "ro").read_text() == "1\n"
    disconnect()


def test_fio_finds_what_it_has_written(run_stack):
    stack = run_stack(STACK)
    with connected(stack):
        output = run("fio", "--name=nbd", f"--filename={DEVICE}", "--ioengine=io_uring", "--direct=1", "--rw=randrw",
                              "--rwmixread=30", "--bsrange=4k-64k", "--iodepth=16", "--size=64m", "--io_size=8m", "--numjobs=2",
                              "--offset_increment=64m", "--verify=crc32c", "--verify_fatal=1", "--fsync=64", "--group_reporting",
                              "--output-format=json")
        told = json.loads(output[output.index("{"):])  # fio may have said something before
        assert told["jobs"][0]["error"] == 0
        assert told["jobs"][0]["write"]["io_bytes"] >= 8 * MIB


def test_a_file_system_keeps_its_files_and_gives_back_what_they_took(run_stack, tmp_path):
    stack = run_stack(STACK)
    with connected(stack):
        # Without tables that the kernel would write later, during the test's count.
        run("mkfs.ext4", "-q", "-E", "nodiscard,lazy_itable_init=0,lazy_journal_init=0", DEVICE)
        with mounted(tmp_path / "mnt") as folder:
            shutil.copytree("/usr/lib/python3/dist-packages/pluggy", folder / "many")
            (folder / "large").write_bytes(os.urandom(32 * MIB))
            os.sync()
            with_large = allocated(stack)
            before = digest_of(folder / "many")
            (folder / "large").unlink()
            os.sync()
            wait_until(lambda: trimmed(folder, stack) < with_large - 30 * MIB, "what the large file took")
        with mounted(tmp_path / "mnt") as folder:  # read from the disk: the cache went with the first mount
            assert digest_of(folder / "many") == before
        check_file_system()
    assert stack.stop() == 0
    assert "error" not in stack.log


def test_a_disk_that_was_taken_away_comes_back(run_stack, tmp_path):
    stack = run_stack(STACK)
    with connected(stack):
        run("mkfs.ext4", "-q", DEVICE)
        with mounted(tmp_path / "mnt") as folder:
            (folder / "file").write_bytes(os.urandom(8 * MIB))
            before = digest_of(folder)
    for _ in range(3):
        with connected(stack), mounted(tmp_path / "mnt") as folder:
            assert digest_of(folder) == before
    assert stack.stop() == 0


def test_a_host_that_is_killed_loses_nothing_that_was_on_the_disk(run_stack, tmp_path):
    """Data that the file system has synced are there when the host is back; its journal handles what was in flight."""
    stack = run_stack(STACK)
    connect(stack)
    run("mkfs.ext4", "-q", DEVICE)
    folder = tmp_path / "mnt"
    folder.mkdir()
    run("mount", DEVICE, folder)
    (folder / "synced").mkdir()
    for number in range(16):
        with open(folder / "synced" / str(number), "wb") as file:
            file.write(os.urandom(MIB // 2))
            file.flush()
            os.fsync(file.fileno())
    os.sync()
    before = digest_of(folder / "synced")
    with subprocess.Popen(["dd", "if=/dev/urandom", f"of={folder}/under-way", "bs=64k", "count=1000", "oflag=dsync"],
                          stderr=subprocess.DEVNULL) as writer:
        wait_until(lambda: (folder / "under-way").exists() and (folder / "under-way").stat().st_size > MIB, "a write")
        stack.process.send_signal(signal.SIGKILL)
        assert writer.wait(PATIENCE) != 0, "its disk has gone"
    stack.process.wait()
    run("umount", folder)
    disconnect()

    again = run_stack(STACK, prepare=lambda there: shutil.move(stack.file.parent / "disk.img", there / "disk.img"))
    with connected(again):
        run("mount", DEVICE, folder)  # plays the journal back
        assert digest_of(folder / "synced") == before
        assert (folder / "under-way").stat().st_size > 0
        run("umount", folder)
        check_file_system()
    assert again.stop() == 0
