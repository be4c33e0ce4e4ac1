# SPDX-License-Identifier: BSD-3-Clause
"""Runs in the virtual machine of tests/vm/nvme_pcie.py."""

import hashlib
import os
import subprocess

import nbd
import pytest
from tests.vm.guest import pci
from tests.vm.guest.tools import MIB, PROGRAM, client, kernel_reads, perf, told_size

DISK, FAILING, SMALL, PORT = "0000:00:10.0", "0000:00:11.0", "0000:00:12.0", "0000:00:18.0"


def stack_of(address, *exports, more=""):
    exports = ", ".join(f"{{ bdev: {export} }}" for export in exports)
    frontends = f'frontends:\n  - nbd: {{ listen: "unix:nbd.sock", exports: [ {exports} ] }}\n' if exports else ""
    return f"""
version: 1
bdevs:
  - {{ name: Nvme0, module: nvme, address: "{address}" }}
{more}{frontends}"""


@pytest.fixture(autouse=True)
def ours():
    """The controllers are the module's, after whatever a test has done with them."""
    for address in DISK, FAILING, SMALL:
        pci.bind(address, "vfio-pci")


def test_identify_data_are_those_that_the_kernel_sees(run_stack):
    pci.bind(DISK, "nvme")
    name = pci.kernel_name(DISK, 3)
    told = [told_size(f"/dev/{name}", nsid) for nsid in (1, 2, 3)]
    pci.bind(DISK, "vfio-pci")
    stack = run_stack(stack_of(DISK, "Nvme0n1", "Nvme0n2", "Nvme0n3"))
    for nsid, (size, block) in enumerate(told, start=1):
        handle = client(stack, f"Nvme0n{nsid}")
        assert handle.get_size() == size
        assert handle.get_block_size(nbd.SIZE_MINIMUM) in (1, block)


def test_the_kernel_reads_what_was_written_zeroed_and_unmapped(run_stack, tmp_path):
    image = tmp_path / "image"
    image.write_bytes(os.urandom(4 * MIB))
    stack = run_stack(stack_of(DISK, "Nvme0n1"))
    subprocess.run(["nbdcopy", "--connections=4", "--flush", image, stack.uri("Nvme0n1")], check=True)
    back = subprocess.run(["nbdcopy", stack.uri("Nvme0n1"), "-"], check=True, capture_output=True).stdout
    assert back[: 4 * MIB] == image.read_bytes()
    handle = client(stack, "Nvme0n1")
    handle.pwrite(b"x" * MIB, 32 * MIB)
    handle.trim(64 * 1024, 32 * MIB)
    handle.zero(64 * 1024, 32 * MIB + 128 * 1024)
    handle.flush()
    assert stack.stop() == 0, stack.log

    pci.bind(DISK, "nvme")
    device = f"/dev/{pci.kernel_name(DISK, 3)}n1"
    assert hashlib.sha256(kernel_reads(device, 0, 4 * MIB)).digest() == hashlib.sha256(image.read_bytes()).digest()
    found = kernel_reads(device, 32 * MIB, MIB)
    assert found[: 64 * 1024] == bytes(64 * 1024)
    assert found[64 * 1024 : 128 * 1024] == b"x" * (64 * 1024)
    assert found[128 * 1024 : 192 * 1024] == bytes(64 * 1024)
    assert found[192 * 1024 :] == b"x" * (MIB - 192 * 1024)


@pytest.mark.parametrize("address, bdev, size", [
    (DISK, "Nvme0n1", "512"), (DISK, "Nvme0n1", "4KiB"), (DISK, "Nvme0n1", "4MiB"),
    (SMALL, "Nvme0n1", "256KiB")])
def test_what_is_read_is_what_was_written(tmp_path, address, bdev, size):
    """The small controller takes 8 KiB at a time."""
    count = "50" if "MiB" in size else "300"
    result = perf(tmp_path, stack_of(address), bdev, "--rw", "verify", "--io-size", size, "--depth", "8", "--count", count)
    assert result.returncode == 0, result.stdout + result.stderr
    assert "0 errors" in result.stdout


@pytest.mark.parametrize("export", ["Nvme0n2", "Nvme0n3"])
def test_protection_information_is_made_and_checked_on_the_way(run_stack, export):
    """The core adds it to what an NBD client writes; the controller checks guard and reference tag of each block."""
    handle = client(run_stack(stack_of(DISK, export)), export)
    data = os.urandom(MIB)
    handle.pwrite(data, 5 * MIB)
    assert handle.pread(MIB, 5 * MIB) == data


def test_namespaces_of_a_controller_are_apart(run_stack, tmp_path):
    stack = run_stack(stack_of(DISK, "Nvme0n1", "Nvme0n2"))
    images = {name: tmp_path / name for name in ("Nvme0n1", "Nvme0n2")}
    copies = []
    for name, image in images.items():
        image.write_bytes(os.urandom(8 * MIB))
        copies.append(subprocess.Popen(["nbdcopy", "--flush", image, stack.uri(name)]))
    assert [copy.wait() for copy in copies] == [0, 0]
    for name, image in images.items():
        assert client(stack, name).pread(8 * MIB, 0) == image.read_bytes()


def test_a_media_error_keeps_its_nvme_status(run_stack, tmp_path):
    at = ["--io-size", "4KiB", "--rw", "read", "--depth", "1", "--count", "1"]
    result = perf(tmp_path, stack_of(FAILING), "Nvme0n1", "--offset", "1MiB", *at)
    assert result.returncode == 1
    assert "read at block 2048: NVMe error (sct 2, sc 0x81)" in result.stderr, result.stderr
    handle = client(run_stack(stack_of(FAILING, "Nvme0n1")), "Nvme0n1")
    with pytest.raises(nbd.Error, match="Input/output error"):
        handle.pread(4096, MIB)
    assert handle.pread(4096, 2 * MIB) == bytes(4096)


def test_layers_on_top(run_stack):
    more = """  - { name: top, module: passthru, base: Nvme0n1 }
  - { name: view, module: readonly, base: Nvme0n2 }
"""
    stack = run_stack(stack_of(DISK, "top", "view", more=more))
    top, view = client(stack, "top"), client(stack, "view")
    top.pwrite(b"y" * 4096, 0)
    assert top.pread(4096, 0) == b"y" * 4096
    assert view.is_read_only()
    assert len(view.pread(4096, 0)) == 4096


def test_a_controller_that_the_kernel_has_is_refused(tmp_path):
    pci.bind(SMALL, "nvme")
    result = perf(tmp_path, stack_of(SMALL), "Nvme0n1", "--rw", "read", "--count", "1")
    assert result.returncode != 0
    assert f"'{SMALL}' is bound to nvme, not to vfio-pci: bind it with" in result.stderr


def test_a_controller_in_use_is_refused(run_stack, tmp_path):
    run_stack(stack_of(SMALL, "Nvme0n1"))
    result = perf(tmp_path, stack_of(SMALL), "Nvme0n1", "--rw", "read", "--count", "1")
    assert result.returncode != 0
    assert "another process uses the device" in result.stderr


def test_what_is_not_there_is_refused(tmp_path):
    result = perf(tmp_path, stack_of("0000:00:1f.7"), "Nvme0n1", "--rw", "read", "--count", "1")
    assert result.returncode != 0
    assert "no such PCI device: '0000:00:1f.7'" in result.stderr


def test_bdevkit_check_finds_no_broken_rule():
    """Those about resets, aborts, threads and removal; `bdevkit check nvme` tries all."""
    rules = [word for rule in ("control.*", "remove.load", "data.threads") for word in ("--rule", rule)]
    result = subprocess.run([PROGRAM, "check", "nvme", "--jobs", "1", "--timeout", "120s", "--option", f"address={SMALL}", *rules],
                            capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout + result.stderr


def test_the_disk_is_taken_out_and_put_back_under_load(run_stack):
    """I/O ends with errors, the bdevs go, the process lives on; with the disk back it is as it was."""
    def plugged_in():
        address = pci.wait_until(lambda: pci.behind(PORT), "the disk is there")[0]
        pci.kernel_name(address)  # the kernel takes it first
        pci.bind(address, "vfio-pci")
        return address

    for number in range(int(os.environ["VM_ROUNDS"])):
        address = plugged_in()
        stack = run_stack(stack_of(address, "Nvme0n1"))
        load = [client(stack, "Nvme0n1") for _ in range(2)]
        mark = number.to_bytes(8, "little") * 512
        load[0].pwrite(mark, 4096 * number)
        load[0].flush()
        for handle in load:
            for block in range(64):
                handle.aio_pwrite(nbd.Buffer.from_bytearray(bytearray(65536)), MIB + 65536 * block)
        pci.qmp('{ "execute": "device_del", "arguments": { "id": "hot" } }')
        pci.wait_until(lambda: not pci.behind(PORT), "the disk is gone")
        pci.wait_until(lambda log=stack: "is lost" in log.log, "the module has noticed")
        for handle in load:
            with pytest.raises(nbd.Error):
                for _ in range(1000):
                    handle.pread(4096, 0)
        assert stack.process.poll() is None
        assert stack.stop() == 0, stack.log
        pci.qmp('{ "execute": "device_add", "arguments": '
                '{ "driver": "nvme", "id": "hot", "serial": "hot", "drive": "hot", "bus": "rp" } }')
    handle = client(run_stack(stack_of(plugged_in(), "Nvme0n1")), "Nvme0n1")
    for number in range(int(os.environ["VM_ROUNDS"])):
        assert handle.pread(4096, 4096 * number) == number.to_bytes(8, "little") * 512
