# SPDX-License-Identifier: BSD-3-Clause
"""Runs in the virtual machines of tests/vm/nvme_char.py and nvme_pcie.py: a namespace with zones, on the transport that
VM_TRANSPORT names. The host runs in this process."""

import contextlib
import json
import os
import subprocess

import bdevkit
import pytest
from tests.vm.guest import pci
from tests.vm.guest.tools import PROGRAM, kernel_reads

ADDRESS = "0000:00:13.0"
IS_PCIE = os.environ["VM_TRANSPORT"] == "pcie"
# As tests/vm/nvme_devices.py has them, and qemu's largest append (zoned.zasl=4).
ZONE, CAPACITY, COUNT, MAX_OPEN, MAX_ACTIVE, MAX_APPEND = 256 << 10, 192 << 10, 256, 6, 8, 64 << 10
INVALID_WRITE, TOO_MANY_ACTIVE, TOO_MANY_OPEN, FULL, INVALID_TRANSITION = 0xbc, 0xbd, 0xbe, 0xb9, 0xbf
STATES = {"EMPTY": "empty", "IMP_OPENED": "implicitly open", "EXP_OPENED": "explicitly open", "CLOSED": "closed",
          "FULL": "full"}


def kernel_device():
    """The kernel's name of the controller, without /dev: such as nvme2."""
    if IS_PCIE:
        pci.bind(ADDRESS, "nvme")
        return pci.kernel_name(ADDRESS)
    return pci.kernel_name_of("char-zoned")


def address():
    if IS_PCIE:
        pci.bind(ADDRESS, "vfio-pci")
        return ADDRESS
    return f"/dev/{kernel_device()}"


@contextlib.contextmanager
def host():
    """With passthru on top, as `top`."""
    with bdevkit.Host({"version": 1, "host": {"memory": "128MiB"}, "bdevs": [
            {"name": "Nvme0", "module": "nvme", "address": address()},
            {"name": "top", "module": "passthru", "base": "Nvme0n1"}]}) as running:
        yield running


@pytest.fixture(scope="module")
def running():
    with host() as host_of_all:
        yield host_of_all


@pytest.fixture
def disk(running):
    with running.open("top", write=True) as desc:
        for zone in desc.zones():
            if zone.state != "empty":
                desc.manage_zone(zone.start, "reset")
        yield desc


def fails_with(code, attempt):
    with pytest.raises(bdevkit.Error) as raised:
        attempt()
    assert raised.value.nvme[:2] == (1, code)


def told_by_kernel(generic):
    told = json.loads(subprocess.run(["nvme", "zns", "report-zones", generic, "--output-format=json"], check=True,
                                     capture_output=True).stdout)
    return {zone["slba"] * 512: (STATES.get(zone["state"], zone["state"]), zone["wp"] * 512, zone["cap"] * 512)
            for zone in told["zone_list"]}


def test_the_bdev_says_what_its_zones_are_like(running, disk):
    info = running.bdevs["Nvme0n1"].info
    assert info["zoned"]
    told = info["driver_specific"]
    assert (told["zone_size"], told["max_zone_append_size"]) == (ZONE // 512, MAX_APPEND // 512)
    assert (told["max_open_zones"], told["max_active_zones"]) == (MAX_OPEN, MAX_ACTIVE)
    zones = disk.zones()
    assert zones == [bdevkit.Zone(i * ZONE, i * ZONE, CAPACITY, "empty") for i in range(COUNT)]
    assert disk.zones(3 * ZONE, 5) == zones[3:8]


def test_writes_move_the_write_pointer_and_elsewhere_fail(disk):
    data = os.urandom(CAPACITY)
    disk.write(ZONE, data[:65536])
    assert disk.zones(ZONE, 1)[0] == bdevkit.Zone(ZONE, ZONE + 65536, CAPACITY, "implicitly open")
    fails_with(INVALID_WRITE, lambda: disk.write(ZONE, data[:512]))
    fails_with(INVALID_WRITE, lambda: disk.write(ZONE + 65536 + 512, data[:512]))
    disk.write(ZONE + 65536, data[65536:])
    assert disk.zones(ZONE, 1)[0].state == "full"
    fails_with(FULL, lambda: disk.write(ZONE + 65536, data[:512]))
    assert disk.read(ZONE, CAPACITY) == data


def test_reads_may_reach_from_zone_to_zone(disk):
    """The controller does not allow it: the core cuts them."""
    disk.write(ZONE, b"x" * 4096)
    assert disk.read(ZONE - 4096, 8192) == bytes(4096) + b"x" * 4096


def test_appends_tell_where_they_went(disk):
    assert disk.zone_append(2 * ZONE, b"a" * 4096) == 2 * ZONE
    assert disk.zone_append(2 * ZONE, b"b" * MAX_APPEND) == 2 * ZONE + 4096
    assert disk.read(2 * ZONE, 8192) == b"a" * 4096 + b"b" * 4096
    with pytest.raises(bdevkit.Error, match="Invalid argument"):
        disk.zone_append(2 * ZONE, bytes(MAX_APPEND + 512))


def test_management_changes_states(disk):
    def state():
        return disk.zones(0, 1)[0].state

    disk.manage_zone(0, "open")
    assert state() == "explicitly open"
    disk.write(0, bytes(512))
    disk.manage_zone(0, "close")
    assert state() == "closed"
    disk.manage_zone(0, "finish")
    assert state() == "full"
    assert disk.zones(0, 1)[0].write_pointer == CAPACITY
    fails_with(INVALID_TRANSITION, lambda: disk.manage_zone(0, "open"))
    disk.manage_zone(0, "reset")
    assert disk.zones(0, 1)[0] == bdevkit.Zone(0, 0, CAPACITY, "empty")


def test_open_and_active_zones_are_limited(disk):
    for zone in range(MAX_OPEN):
        disk.manage_zone(zone * ZONE, "open")
    fails_with(TOO_MANY_OPEN, lambda: disk.manage_zone(MAX_OPEN * ZONE, "open"))
    for zone in range(MAX_OPEN):
        disk.write(zone * ZONE, bytes(512))
        disk.manage_zone(zone * ZONE, "close")
    for zone in range(MAX_OPEN, MAX_ACTIVE):
        disk.manage_zone(zone * ZONE, "open")
    fails_with(TOO_MANY_ACTIVE, lambda: disk.manage_zone(MAX_ACTIVE * ZONE, "open"))


def test_a_reset_of_the_controller_leaves_the_zones(disk):
    disk.write(ZONE, b"r" * 8192)
    disk.reset()
    assert disk.zones(ZONE, 1)[0].write_pointer == ZONE + 8192
    disk.write(ZONE + 8192, b"s" * 4096)
    assert disk.read(ZONE + 4096, 8192) == b"r" * 4096 + b"s" * 4096


def test_the_kernel_sees_the_same_zones(running, disk):
    """Asked at the end: with pcie the kernel has to get the controller, which closes zones when it is shut down."""
    data = os.urandom(65536)
    assert disk.zone_append(3 * ZONE, data) == 3 * ZONE
    disk.write(4 * ZONE, data[:4096])
    disk.manage_zone(4 * ZONE, "close")
    disk.write(5 * ZONE, data[:4096])
    disk.manage_zone(5 * ZONE, "finish")
    expected = {zone.start: zone for zone in disk.zones()}
    disk.flush()
    if IS_PCIE:
        disk.close()
        running.stop()
    name = kernel_device()
    told = told_by_kernel(f"/dev/{name.replace('nvme', 'ng')}n1")
    assert len(told) == COUNT
    for start, (state, pointer, capacity) in told.items():
        zone = expected[start]
        assert capacity == zone.capacity
        assert state == ("closed" if IS_PCIE and "open" in zone.state else zone.state)
        assert state == "full" or pointer == zone.write_pointer
    assert kernel_reads(f"/dev/{name}n1", 3 * ZONE, len(data)) == data


def test_bdevkit_check_finds_no_broken_rule(running):
    running.stop()
    result = subprocess.run([PROGRAM, "check", "nvme", "--jobs", "1", "--timeout", "120s", "--option", f"address={address()}",
                             "--rule", "zone.*"], capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout + result.stderr
    assert "8 ok" in result.stdout, result.stdout
