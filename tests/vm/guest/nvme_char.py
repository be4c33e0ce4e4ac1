# SPDX-License-Identifier: BSD-3-Clause
"""Runs in the virtual machine of tests/vm/nvme_char.py."""

import hashlib
import os
import struct
import subprocess

import bdevkit
import nbd
import pytest
from tests.vm.guest import methods, pci
from tests.vm.guest.tools import MIB, client, kernel_reads, perf, told_identity, told_size

DEVICE = f"/dev/{pci.kernel_name_of('char', namespaces=2)}"
FIRST = f"{DEVICE}n1"
FAILING = f"/dev/{pci.kernel_name_of('char-failing')}"


def stack_of(device, *exports):
    exports = ", ".join(f"{{ bdev: {export} }}" for export in exports)
    return f"""
version: 1
bdevs:
  - {{ name: Nvme0, module: nvme, address: {device} }}
frontends:
  - nbd: {{ listen: "unix:nbd.sock", exports: [ {exports} ] }}
"""


STACK = stack_of(DEVICE, "Nvme0n1", "Nvme0n2")


def test_sizes_are_those_that_the_controller_tells_nvme_cli(run_stack):
    stack = run_stack(STACK)
    for nsid in 1, 2:
        size, block = told_size(DEVICE, nsid)
        handle = client(stack, f"Nvme0n{nsid}")
        assert handle.get_size() == size
        assert handle.get_block_size(nbd.SIZE_MINIMUM) in (1, block)


def host_of(**options):
    return bdevkit.Host({"version": 1, "host": {"memory": "128MiB"}, "bdevs": [{"name": "Nvme0", "module": "nvme", **options}]})


def test_identify_data_are_those_of_nvme_cli():
    def identify(desc, nsid, cns):
        return desc.nvme_admin(struct.pack("<BBHI32xI20x", 0x06, 0, 0, nsid, cns), 4096)[1]

    with host_of(address=DEVICE) as host, host.open("Nvme0n1", write=True) as desc:
        assert identify(desc, 0, 1) == told_identity(DEVICE)
        for nsid in 1, 2:
            assert identify(desc, nsid, 0) == told_identity(DEVICE, nsid)


def test_blocks_are_copied_with_reference_tags_of_their_place():
    with host_of(address=DEVICE) as host, host.open("Nvme0n2", write=True, hide_metadata=True) as desc:
        data = os.urandom(8 * 4096)
        desc.write(0, data)
        desc.copy(64 * 4096, 0, len(data))
        assert desc.read(64 * 4096, len(data)) == data


def test_methods():
    address = {"address": DEVICE}
    with host_of(**address) as host:
        methods.try_list(host, "kernel", DEVICE, serial="char")
        methods.compare_health(host.call("nvme", "health", name="Nvme0"), methods.told_health(DEVICE), exactly=True)
        # Commands in flight would fail: the kernel's driver does not repeat them.
        assert host.call("nvme", "reset", name="Nvme0") == {}
        methods.try_detach(host, **address)
        methods.try_removal_of_each(host)


def test_the_kernel_reads_what_was_written(run_stack, tmp_path):
    image = tmp_path / "image"
    image.write_bytes(os.urandom(16 * MIB))
    stack = run_stack(STACK)
    subprocess.run(["nbdcopy", "--connections=4", "--flush", image, stack.uri("Nvme0n1")], check=True)
    back = subprocess.run(["nbdcopy", stack.uri("Nvme0n1"), "-"], check=True, capture_output=True).stdout
    assert back[: 16 * MIB] == image.read_bytes()
    assert stack.stop() == 0
    assert hashlib.sha256(kernel_reads(FIRST, 0, 16 * MIB)).digest() == hashlib.sha256(image.read_bytes()).digest()


def test_the_kernel_sees_what_was_unmapped_and_zeroed(run_stack):
    stack = run_stack(STACK)
    handle = client(stack, "Nvme0n1")
    handle.pwrite(b"x" * MIB, 32 * MIB)
    handle.trim(64 * 1024, 32 * MIB)
    handle.zero(64 * 1024, 32 * MIB + 128 * 1024)
    handle.flush()
    found = kernel_reads(FIRST, 32 * MIB, MIB)
    assert found[: 64 * 1024] == bytes(64 * 1024)
    assert found[64 * 1024 : 128 * 1024] == b"x" * (64 * 1024)
    assert found[128 * 1024 : 192 * 1024] == bytes(64 * 1024)
    assert found[192 * 1024 :] == b"x" * (MIB - 192 * 1024)


@pytest.mark.parametrize("bdev, size", [("Nvme0n1", "512"), ("Nvme0n1", "4KiB"), ("Nvme0n1", "1MiB")])
def test_what_is_read_is_what_was_written(tmp_path, bdev, size):
    stack = STACK
    result = perf(tmp_path, stack, bdev, "--rw", "verify", "--io-size", size, "--depth", "8", "--count", "2000")
    assert result.returncode == 0, result.stdout + result.stderr
    assert "0 errors" in result.stdout


def test_protection_information_is_made_and_checked_on_the_way(run_stack):
    """The core adds it to what an NBD client writes; the controller checks guard and reference tag of each block."""
    stack = run_stack(STACK)
    handle = client(stack, "Nvme0n2")
    data = os.urandom(MIB)
    handle.pwrite(data, 5 * MIB)
    assert handle.pread(MIB, 5 * MIB) == data


def test_layers_on_top(run_stack):
    stack = run_stack(stack_of(DEVICE, "top", "view").replace("frontends:", """\
  - { name: top, module: passthru, base: Nvme0n1 }
  - { name: view, module: readonly, base: Nvme0n2 }
frontends:"""))
    top, view = client(stack, "top"), client(stack, "view")
    top.pwrite(b"y" * 4096, 0)
    assert top.pread(4096, 0) == b"y" * 4096
    assert view.is_read_only()
    assert len(view.pread(4096, 0)) == 4096


def test_a_media_error_keeps_its_nvme_status(run_stack, tmp_path):
    stack = stack_of(FAILING, "Nvme0n1")
    at = ["--io-size", "4KiB", "--rw", "read", "--depth", "1", "--count", "1"]
    result = perf(tmp_path, stack, "Nvme0n1", "--offset", "1MiB", *at)
    assert result.returncode == 1
    assert "read at block 2048: NVMe error (sct 2, sc 0x81)" in result.stderr, result.stderr
    assert perf(tmp_path, stack, "Nvme0n1", "--offset", "2MiB", *at).returncode == 0

    running = run_stack(stack)
    handle = client(running, "Nvme0n1")
    with pytest.raises(nbd.Error, match="Input/output error"):
        handle.pread(4096, MIB)
    assert handle.pread(4096, 2 * MIB) == bytes(4096)


def test_a_controller_in_use_is_refused(tmp_path):
    subprocess.run(["mke2fs", "-q", "-F", FIRST], check=True)
    subprocess.run(["modprobe", "-d", os.environ["VM_KERNEL"], "ext4"], check=True)
    folder = tmp_path / "mounted"
    folder.mkdir()
    subprocess.run(["mount", FIRST, folder], check=True)
    try:
        result = perf(tmp_path, STACK, "Nvme0n1", "--rw", "read", "--count", "1")
        assert result.returncode != 0
        assert f"'{FIRST}' is in use: unmount it" in result.stderr
    finally:
        subprocess.run(["umount", folder], check=True)


def test_what_is_no_controller_is_refused(tmp_path):
    result = perf(tmp_path, stack_of("/dev/null", "Nvme0n1"), "Nvme0n1", "--rw", "read", "--count", "1")
    assert result.returncode != 0
    assert "it is no NVMe controller, such as /dev/nvme0" in result.stderr
