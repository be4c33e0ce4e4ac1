# SPDX-License-Identifier: BSD-3-Clause
"""Zones, on a disk that is a test's: 32 of 32 KiB, of which 24 KiB can be written, four open at a time."""

import asyncio
import shutil

import bdevkit
import pytest

from conftest import BUILD

ZONE, CAPACITY = 32768, 24576


@pytest.fixture
def disk(tmp_path):
    shutil.copy(BUILD / "tests" / "rogues" / "zoned.so", tmp_path)
    stack = {"version": 1, "bdevs": [{"name": "disk", "module": "rogue"},
                                     {"name": "top", "module": "passthru", "base": "disk"}]}
    with bdevkit.Host(stack, plugin_path=[tmp_path]) as host, host.open("top", write=True) as desc:
        yield desc


def test_the_report_is_in_bytes(disk):
    assert disk.zone_size == ZONE
    assert len(disk.zones()) == disk.size // ZONE == 32
    disk.write(ZONE, b"a" * 1024)
    assert disk.zones(ZONE, 2) == [bdevkit.Zone(ZONE, ZONE + 1024, CAPACITY, "implicitly open"),
                                   bdevkit.Zone(2 * ZONE, 2 * ZONE, CAPACITY, "empty")]
    assert len(disk.zones(30 * ZONE)) == 2


def test_management_changes_the_state(disk):
    def state():
        return disk.zones(0, 1)[0].state

    for action, expected in [("open", "explicitly open"), ("close", "closed"), ("finish", "full"), ("reset", "empty")]:
        disk.manage_zone(0, action)
        assert state() == expected
    with pytest.raises(KeyError):
        disk.manage_zone(0, "delete")


def test_appends_return_where_they_went(disk):
    assert disk.zone_append(ZONE, b"a" * 512) == ZONE
    assert disk.zone_append(ZONE, b"b" * 1024) == ZONE + 512
    assert disk.read(ZONE, 1536) == b"a" * 512 + b"b" * 1024


def test_what_a_zone_does_not_take_is_an_nvme_status(disk):
    with pytest.raises(bdevkit.Error) as raised:
        disk.write(512, bytes(512))
    assert raised.value.nvme[:2] == (1, 0xbc)  # invalid write
    for zone in range(4):
        disk.manage_zone(zone * ZONE, "open")
    with pytest.raises(bdevkit.Error) as raised:
        disk.manage_zone(4 * ZONE, "open")
    assert raised.value.nvme[:2] == (1, 0xbe)  # too many open


def test_each_can_be_awaited(disk):
    async def work():
        places = await asyncio.gather(*(disk.azone_append(0, bytes([i]) * 512) for i in range(8)))
        assert sorted(places) == list(range(0, 4096, 512))
        await disk.amanage_zone(0, "finish")
        return await disk.azones(0, 1)

    assert asyncio.run(work())[0].state == "full"


def test_a_bdev_without_zones_has_none():
    with bdevkit.Host({"version": 1, "bdevs": [{"name": "flat", "module": "null", "size": "1MiB"}]}) as host:
        with host.open("flat", write=True) as desc:
            assert desc.zone_size == 0
            for attempt in (desc.zones, lambda: desc.manage_zone(0, "reset"), lambda: desc.zone_append(0, bytes(512))):
                with pytest.raises(bdevkit.Error):
                    attempt()
