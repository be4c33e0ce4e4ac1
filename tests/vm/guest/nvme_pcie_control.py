# SPDX-License-Identifier: BSD-3-Clause
"""Runs in the virtual machine of tests/vm/nvme_pcie.py: commands for controllers, resets, late commands, namespaces that
come and go. The host runs in this process."""

import errno
import pathlib
import struct
import threading

import bdevkit
import pytest
from tests.vm.guest import methods, pci
from tests.vm.guest.tools import MIB, told_identity

DISK, SMALL = "0000:00:10.0", "0000:00:12.0"
IDENTIFY, ASYNC_EVENT_REQUEST, NAMESPACE_ATTACHMENT = 0x06, 0x0c, 0x15


def host_of(address, **options):
    """A host with that controller as Nvme0, given to the module."""
    pci.bind(address, "vfio-pci")
    return bdevkit.Host({"version": 1, "host": {"memory": "128MiB", "mode": "interrupt" if "interrupts" in options else "adaptive"},
                         "bdevs": [{"name": "Nvme0", "module": "nvme", "address": address, **options}]})


def command(opcode, nsid=0, cdw10=0):
    return struct.pack("<BBHI32xI20x", opcode, 0, 0, nsid, cdw10)


def test_admin_commands_pass_through():
    """Identify data are, byte for byte, those that nvme-cli and the kernel see."""
    pci.bind(DISK, "nvme")
    device = f"/dev/{pci.kernel_name(DISK, 3)}"
    told = told_identity(device)
    told_namespaces = {nsid: told_identity(device, nsid) for nsid in (1, 2, 3)}
    with host_of(DISK) as host, host.open("Nvme0n1", write=True) as desc:
        assert host.bdevs["Nvme0n1"].info["driver_specific"]["serial_number"] == "disk"
        _, found = desc.nvme_admin(command(IDENTIFY, cdw10=1), 4096)
        assert found == told
        assert {nsid: desc.nvme_admin(command(IDENTIFY, nsid=nsid), 4096)[1] for nsid in (1, 2, 3)} == told_namespaces
        with pytest.raises(bdevkit.Error) as raised:
            desc.nvme_admin(command(0xc5))
        assert raised.value.nvme[:2] == (0, 1)  # invalid opcode
        with pytest.raises(bdevkit.Error) as raised:
            desc.nvme_admin(command(ASYNC_EVENT_REQUEST))  # would never end
        assert raised.value.errno == errno.EPERM


def test_methods():
    address = {"address": DISK}
    with host_of(DISK) as host:
        methods.try_list(host, "pcie", DISK, serial="disk")
        methods.try_reset_under_load(host)
        methods.try_detach(host, **address)
        found = host.call("nvme", "health", name="Nvme0")
        methods.try_removal_of_each(host)
        pci.bind(DISK, "nvme")
        methods.compare_health(found, methods.told_health(f"/dev/{pci.kernel_name(DISK, 3)}"), exactly=False)


def test_a_reset_of_one_namespace_repeats_the_io_of_another():
    with host_of(DISK) as host, host.open("Nvme0n1", write=True) as busy, host.open("Nvme0n3", write=True) as other:
        other_block = other.block_size
        failures = []

        def load():
            try:
                for fill in range(1, 30):
                    busy.write_many(range(0, 4 * MIB, 65536), 65536, bytes([fill]) * (4 * MIB), depth=32)
                    assert busy.read(0, 4 * MIB) == bytes([fill]) * (4 * MIB)
            except Exception as error:  # told below, in the test's thread
                failures.append(error)

        worker = threading.Thread(target=load)
        worker.start()
        resets = 0
        while worker.is_alive():
            other.reset()
            resets += 1
        worker.join()
        assert not failures
        assert resets > 0
        assert len(other.read(0, other_block)) == other_block


def interrupts():
    """How many each vector of vfio-pci's has raised."""
    lines = pathlib.Path("/proc/interrupts").read_text().splitlines()
    processors = len(lines[0].split())
    return {line.split()[-1]: sum(map(int, line.split()[1:1 + processors])) for line in lines if "vfio-msix" in line}


def test_what_the_controller_offers_is_used():
    """Data go to and fro with it in every other test; here past several rounds of the queues, and a reset."""
    with host_of(DISK, queue_depth=8) as host, host.open("Nvme0n1", write=True) as desc:
        told = host.bdevs["Nvme0n1"].info["driver_specific"]
        assert told["shadow_doorbells"] and told["sgls"]
        for fill in range(4):
            data = bytes(range(fill, fill + 64)) * (MIB // 64)
            desc.write_many(range(0, MIB, 16384), 16384, data, depth=32)
            assert desc.read_many(range(0, MIB, 16384), 16384, depth=32) == data
            desc.reset()


def test_an_interrupt_tells_who_sleeps():
    """A poller sleeps while an I/O takes longer than 100 us, as each does here: only the interrupt can end it."""
    with host_of(SMALL) as host, host.open("Nvme0n1", write=True) as desc:
        desc.write(0, b"p" * 4096)
        assert host.bdevs["Nvme0n1"].info["driver_specific"]["interrupts"] == 0
        assert not interrupts()
    with host_of(SMALL, interrupts=True) as host, host.open("Nvme0n1", write=True) as desc:
        assert host.bdevs["Nvme0n1"].info["driver_specific"]["interrupts"] > 0
        before = sum(interrupts().values())
        for number in range(50):
            desc.write(4096 * number, bytes([number]) * 4096)
        desc.reset()
        data = b"".join(bytes([number]) * 4096 for number in range(50))
        assert desc.read(0, len(data)) == data
        assert sum(interrupts().values()) >= before + 50


@pytest.mark.parametrize("options", [{}, {"interrupts": True}], ids=["polled", "asleep"])
def test_late_commands_are_aborted_and_then_the_controller_is_reset(options):
    def throttle(iops):
        pci.qmp('{ "execute": "block_set_io_throttle", "arguments": { "device": "smalln1", "bps": 0, "bps_rd": 0, '
                f'"bps_wr": 0, "iops": {iops}, "iops_rd": 0, "iops_wr": 0 }} }}')

    with bdevkit.capture_log() as log, host_of(SMALL, timeout="500ms", **options) as host, host.open("Nvme0n1", write=True) as desc:
        def failures():
            results = desc.batch([("read", 0, 4096)] * 32, depth=32)
            return [result for result in results if isinstance(result, bdevkit.Error)]

        desc.write(0, b"x" * 4096)
        throttle(1)
        late = pci.wait_until(failures, "a command is late")
        throttle(0)
        assert {error.errno for error in late} == {errno.ETIMEDOUT}
        pci.wait_until(lambda: not failures(), "none is any more")
        assert desc.read(0, 4096) == b"x" * 4096
    assert f"'{SMALL}' does not end its commands: it is reset" in log


def test_namespaces_that_go_and_come_are_followed():
    with host_of(DISK) as host, host.open("Nvme0n1", write=True) as desc:
        _, identity = desc.nvme_admin(command(IDENTIFY, cdw10=1), 4096)
        controllers = struct.pack("<HH4092x", 1, struct.unpack_from("<H", identity, 78)[0])
        desc.nvme_admin(command(NAMESPACE_ATTACHMENT, nsid=2, cdw10=1), controllers)
        pci.wait_until(lambda: "Nvme0n2" not in host.bdevs, "the bdev is gone")
        assert "Nvme0n3" in host.bdevs
        desc.nvme_admin(command(NAMESPACE_ATTACHMENT, nsid=2, cdw10=0), controllers)
        pci.wait_until(lambda: "Nvme0n2" in host.bdevs, "the bdev is back")
        with host.open("Nvme0n2") as back:
            assert len(back.read(0, 4096)) == 4096
