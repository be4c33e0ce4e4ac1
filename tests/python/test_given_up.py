# SPDX-License-Identifier: BSD-3-Clause
"""Writes that were given up: none of them lands on later data."""

import asyncio
import contextlib
import os
import signal
import threading

import bdevkit
import pytest

OLD, NEW = b"A" * 512, b"B" * 512


class Holding(bdevkit.Bdev):
    """A disk that cannot abort a write. It holds the writes of OLD until it is told to do them."""

    begun = threading.Event()
    go_on = threading.Event()
    landed = threading.Event()

    def setup(self):
        self.num_blocks = 64
        self.memory = bytearray(64 * 512)
        for event in (Holding.begun, Holding.go_on, Holding.landed):
            event.clear()

    async def submit(self, io):
        place = slice(io.offset, io.offset + io.length)
        if io.type == "read":
            return bytes(self.memory[place])
        data = io.data
        if data[:512] == OLD:
            Holding.begun.set()
            while not Holding.go_on.is_set():
                try:
                    await asyncio.sleep(0.001)
                except asyncio.CancelledError:
                    pass
        self.memory[place] = data
        if data[:512] == OLD:
            Holding.landed.set()


@pytest.fixture
def held_host():
    bdevkit.register(Holding, name="holding")
    stack = {"version": 1, "host": {"memory": "128MiB", "auto_examine": False},
             "bdevs": [{"name": "disk", "module": "holding"},
                       {"name": "low", "module": "holding"}, {"name": "top", "module": "passthru", "base": "low"}]}
    host = bdevkit.Host(stack)
    yield host
    Holding.go_on.set()
    host.stop()


async def until(event):
    while not event.is_set():
        await asyncio.sleep(0.001)


async def give_up(writing):
    """Cancels a write that the module has begun."""
    task = asyncio.ensure_future(writing)
    await until(Holding.begun)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def assert_newer_data_last(desc, write):
    """`write()` does not end while the older write is in flight, and its data win."""
    newer = asyncio.ensure_future(write())
    for _ in range(3):  # these reads begin and end later, so the write has begun
        await desc.aread(4096, 512)
    assert not newer.done()
    Holding.go_on.set()
    await newer
    await until(Holding.landed)
    assert await desc.aread(0, 512) == NEW


OLDER = {"write": lambda desc: desc.awrite(0, OLD), "many": lambda desc: desc.awrite_many([0, 1024], 512, OLD * 2),
         "batch": lambda desc: desc.abatch([("write", 0, OLD), ("read", 512, 512)])}


@pytest.mark.parametrize("bdev", ["disk", "top"])
@pytest.mark.parametrize("older", OLDER)
def test_a_write_that_was_cancelled(held_host, bdev, older):
    async def run():
        with held_host.open(bdev, write=True) as desc:
            await give_up(OLDER[older](desc))
            await assert_newer_data_last(desc, lambda: desc.awrite(0, NEW))

    asyncio.run(run())


NEWER = {"write": lambda desc: desc.awrite(0, NEW), "many": lambda desc: desc.awrite_many([512, 0], 512, NEW * 2),
         "batch": lambda desc: desc.abatch([("write", 0, NEW)])}


@pytest.mark.parametrize("newer", NEWER)
def test_the_newer_write_may_come_by_another_desc(held_host, newer):
    async def run():
        with held_host.open("disk", write=True) as desc, held_host.open("disk", write=True) as other:
            await give_up(desc.awrite(0, OLD))
            await assert_newer_data_last(other, lambda: NEWER[newer](other))

    asyncio.run(run())


@contextlib.contextmanager
def as_at_a_terminal():
    """A process that was started in the background ignores Ctrl-C."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


@pytest.mark.main_thread
def test_a_write_whose_wait_ctrl_c_has_ended(held_host):
    def interrupt():
        Holding.begun.wait()
        os.kill(os.getpid(), signal.SIGINT)

    with as_at_a_terminal(), held_host.open("disk", write=True) as desc:
        threading.Thread(target=interrupt, daemon=True).start()
        with pytest.raises(KeyboardInterrupt):
            desc.write(0, OLD)
        asyncio.run(assert_newer_data_last(desc, lambda: desc.awrite(0, NEW)))


def test_a_write_of_a_desc_that_is_closed(held_host):
    """Its end is still waited for, or not."""

    async def run(cancels):
        desc = held_host.open("disk", write=True)
        writing = asyncio.ensure_future(desc.awrite(0, OLD))
        await until(Holding.begun)
        desc.close()
        if cancels:
            writing.cancel()
            with pytest.raises(asyncio.CancelledError):
                await writing
        with held_host.open("disk", write=True) as other:
            await assert_newer_data_last(other, lambda: other.awrite(0, NEW))
        if not cancels:
            await writing

    for cancels in (True, False):
        asyncio.run(run(cancels))
        for event in (Holding.begun, Holding.go_on, Holding.landed):
            event.clear()


def test_writes_of_other_blocks_do_not_wait(held_host):
    async def run():
        with held_host.open("disk", write=True) as desc:
            await give_up(desc.awrite(0, OLD))
            await desc.awrite(512, NEW)
            assert await desc.aread(0, 1024) == bytes(512) + NEW

    asyncio.run(run())
