# SPDX-License-Identifier: BSD-3-Clause
"""The awaitable forms, and events."""

import asyncio

import bdevkit
import pytest

STACK = {"version": 1, "host": {"memory": "128MiB"}, "bdevs": [
    {"name": "disk", "module": "malloc", "size": "1MiB"},
    {"name": "base", "module": "malloc", "size": "1MiB"},
    {"name": "gate", "module": "error", "base": "base", "action": "hold", "io_types": ["read"]},
    {"name": "nothing", "module": "null", "size": "1MiB"},
]}

pytestmark = pytest.mark.stack(STACK)


def test_each_operation_can_be_awaited(open_bdev):
    async def run():
        disk = open_bdev("disk")
        await disk.awrite(0, b"a" * 1024)
        assert await disk.aread(0, 512) == b"a" * 512
        buffer = bytearray(512)
        await disk.aread_into(512, buffer)
        await disk.acompare(0, b"a" * 1024)
        await disk.acompare_and_write(0, b"a" * 512, b"b" * 512)
        with pytest.raises(bdevkit.Miscompare):
            await disk.acompare(0, b"a" * 512)
        await disk.acopy(4096, 0, 512)
        await disk.aunmap(0, 512)
        await disk.awrite_zeroes(512, 512)
        await disk.aflush()
        await disk.areset()
        assert await disk.aread_many([4096, 0], 512) == b"b" * 512 + bytes(512)
        await disk.awrite_many([0, 512], 512, bytes(1024))
        assert (await disk.abatch([("read", 4096, 512)]))[0] == b"b" * 512

    asyncio.run(run())


def test_thousands_are_in_flight_at_once(open_bdev):
    async def run():
        disk = open_bdev("disk")
        blocks = await asyncio.gather(*[disk.aread(512 * (n % 2048), 512) for n in range(5000)])
        assert len(blocks) == 5000

    asyncio.run(run())


def test_other_tasks_get_their_turns(open_bdev):
    """Even an await whose I/O has completed returns to the loop now and then."""

    async def run():
        disk = open_bdev("disk")
        turns = 0

        async def count():
            nonlocal turns
            while True:
                turns += 1
                await asyncio.sleep(0)

        counting = asyncio.create_task(count())
        for _ in range(1000):
            await disk.aread(0, 512)
        counting.cancel()
        assert turns > 10

    asyncio.run(run())


def test_an_await_that_is_cancelled_aborts_its_io(host, open_bdev):
    """The gate holds the read until it is aborted; closing the host would wait for it."""

    async def run():
        gate = open_bdev("gate")
        task = asyncio.create_task(gate.aread(0, 512))
        while host.bdevs["gate"].info["driver_specific"]["held"] == 0:
            await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        while host.bdevs["gate"].info["driver_specific"]["held"] != 0:
            await asyncio.sleep(0)

    asyncio.run(run())


def test_an_abort_ends_what_is_held(host, open_bdev):
    async def run():
        gate = open_bdev("gate")
        task = asyncio.create_task(gate.aread(0, 512))
        while host.bdevs["gate"].info["driver_specific"]["held"] == 0:
            await asyncio.sleep(0)
        await gate.aabort()
        with pytest.raises(bdevkit.Aborted):
            await task

    asyncio.run(run())


def test_a_wait_with_a_timeout(open_bdev):
    async def run():
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(open_bdev("gate").aread(0, 512), timeout=0.01)

    asyncio.run(run())


def test_events_are_told(host):
    async def run():
        desc = host.open("nothing")
        heard = asyncio.Event()
        kinds = []

        async def listen():
            heard.set()
            async for event in desc.events():
                kinds.append((event.kind, event.bdev, event.num_blocks))

        listening = asyncio.create_task(listen())
        await heard.wait()
        await asyncio.to_thread(host.resize, "nothing", 2 << 20)
        await asyncio.to_thread(host.remove, "nothing")
        await listening
        assert kinds == [("resize", "nothing", 4096), ("remove", "nothing", 4096)]

    asyncio.run(run())


def test_a_callback_that_raises_is_in_the_log(host, bdevkit_log):
    desc = host.open("nothing")
    desc.on_event(lambda event: 1 / 0)
    seen = []
    desc.on_event(seen.append)
    host.remove("nothing")
    while not seen:
        pass
    assert any("ZeroDivisionError" in line for line in bdevkit_log())


def test_several_loops_one_after_another(open_bdev):
    disk = open_bdev("disk")

    async def read_at_once():
        return await asyncio.gather(*[disk.aread(0, 512) for _ in range(200)])

    for _ in range(5):
        assert len(asyncio.run(read_at_once())) == 200


def test_bdevs_come_and_go_while_the_loop_runs(host, open_bdev):
    async def run():
        made = await host.acreate("null", "other", size="1MiB")
        await host.aresize(made, 2 << 20)
        assert made.size == 2 << 20
        gate = open_bdev("gate")
        held = asyncio.ensure_future(gate.aread(0, 512))
        await host.areconfigure("gate", action="pass")
        removal = asyncio.ensure_future(host.aremove("other"))
        assert await open_bdev("disk").aread(0, 512) == bytes(512)
        await removal
        assert "other" not in host.bdevs
        assert await held == bytes(512)

    asyncio.run(run())
