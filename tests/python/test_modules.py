# SPDX-License-Identifier: BSD-3-Clause
"""Modules written in Python, alone, below and above native modules."""

import asyncio
import pathlib
from typing import Literal

import bdevkit
import pytest


class Ram(bdevkit.Bdev):
    """A disk in a bytearray."""

    size: bdevkit.Size
    block_size: int = bdevkit.option(512, min=512, max=65536, help="Bytes per block.")

    def setup(self):
        if self.size % self.block_size:
            raise OSError(22, f"size is no multiple of {self.block_size}")
        self.num_blocks = self.size // self.block_size
        self.memory = bytearray(self.size)

    def submit(self, io):
        place = slice(io.offset, io.offset + io.length)
        if io.type == "read":
            return self.memory[place]
        self.memory[place] = io.data


class Later(bdevkit.VirtualBdev):
    """Inverts the stored data, asynchronously."""

    io_types = ("read", "write", "flush")

    async def submit(self, io):
        await asyncio.sleep(0)
        if io.type == "read":
            return bytes(255 - byte for byte in await self.base.aread(io.offset, io.length))
        if io.type == "write":
            await self.base.awrite(io.offset, bytes(255 - byte for byte in io.data))
        else:
            await self.base.aflush()


class Spy(bdevkit.VirtualBdev):
    """Records, and fails on command."""

    instances = {}

    def setup(self):
        self.instances[self.name] = self
        self.seen, self.fault, self.gone = [], None, False

    def submit(self, io):
        self.seen.append((io.type, io.offset, io.length))
        if self.fault is not None:
            raise self.fault
        io.forward()

    def removed(self):
        self.gone = True


class Chooser(bdevkit.Bdev):
    """Has an option of each kind."""

    instances = {}
    text: str = "none"
    flag: bool = False
    number: int = bdevkit.option(3, max=9)
    delay: bdevkit.Duration = "10us"
    mode: Literal["slow", "fast"] = "fast"
    file: pathlib.Path = "relative"
    numbers: list[int] = ()

    def setup(self):
        self.num_blocks = 8
        self.instances[self.name] = self

    def submit(self, io):
        return bytes([self.number]) * io.length


for each in (Ram, Later, Spy, Chooser):
    bdevkit.register(each, name="py" + each.__name__.lower())

pytestmark = pytest.mark.stack({"version": 1, "host": {"memory": "128MiB"}, "bdevs": [
    {"name": "ram", "module": "pyram", "size": "1MiB"},
    {"name": "native", "module": "malloc", "size": "1MiB"},
]})


def test_a_stack_names_it_as_any_module(host, open_bdev):
    assert host.bdevs["ram"].module == "pyram"
    ram = open_bdev("ram")
    ram.write(512, b"a" * 1024)
    assert ram.read(0, 2048) == bytes(512) + b"a" * 1024 + bytes(512)
    ram.write_zeroes(512, 512)  # the host does it with writes
    ram.compare(0, bytes(1024) + b"a" * 512)


def test_its_options_are_checked_as_any(host):
    with pytest.raises(bdevkit.StackError, match="needs 'size'"):
        host.create("pyram", "second")
    with pytest.raises(bdevkit.StackError, match="'block_size': expected at least 512, at most 65536"):
        host.create("pyram", "second", size=4096, block_size=1)
    with pytest.raises(bdevkit.Error, match="could not be created") as raised:
        host.create("pyram", "second", size=100)
    assert raised.value.errno == 22


def test_each_kind_of_option(host, tmp_path):
    host.create("pychooser", "plain")
    plain = Chooser.instances["plain"]
    assert (plain.text, plain.flag, plain.number, plain.delay) == ("none", False, 3, 10_000)
    assert (plain.mode, plain.file, plain.numbers) == ("fast", tmp_path / "relative", [])
    host.create("pychooser", "other", text="x", flag=True, number=4, delay="1ms", mode="slow", file="/f", numbers=[7, 8])
    other = Chooser.instances["other"]
    assert (other.text, other.flag, other.number, other.delay) == ("x", True, 4, 1_000_000)
    assert (other.mode, other.file, other.numbers) == ("slow", pathlib.Path("/f"), [7, 8])


def test_options_change_in_use(host, open_bdev):
    host.create("pychooser", "bdev")
    bdev = open_bdev("bdev")
    assert bdev.read(0, 512) == b"\3" * 512
    host.reconfigure("bdev", number=5)
    assert bdev.read(0, 512) == b"\5" * 512


def test_native_modules_stand_on_it_and_it_on_them(host, open_bdev):
    host.create("passthru", "top", base={"name": "middle", "module": "pylater", "base": "native"})
    top = open_bdev("top")
    top.write(0, b"\x01" * 4096)
    top.flush()
    assert top.read(0, 4096) == b"\x01" * 4096
    host.remove("middle")
    assert not top.is_open
    with host.open("native") as native:
        assert native.read(0, 4096) == b"\xfe" * 4096


def test_many_at_once(host, open_bdev):
    host.create("pylater", "later", base="ram")
    later = open_bdev("later")
    later.write_many(range(0, 1 << 20, 4096), 4096, bytes(1 << 20))
    assert later.read_many(range(0, 1 << 20, 4096), 4096) == bytes(1 << 20)


def test_a_test_double_records_and_fails(host, open_bdev, bdevkit_log):
    host.create("pyspy", "spy", base="native")
    spy, desc = Spy.instances["spy"], open_bdev("spy")
    desc.write(0, bytes(512))
    desc.unmap(512, 1024)
    assert spy.seen == [("write", 0, 512), ("unmap", 512, 1024)]
    spy.fault = OSError(28, "the disk is full")
    with pytest.raises(bdevkit.Error) as raised:
        desc.write(0, bytes(512))
    assert raised.value.errno == 28
    spy.fault = bdevkit.Error(5, "a medium error", nvme=(2, 0x81))
    with pytest.raises(bdevkit.Error) as raised:
        desc.read(0, 512)
    assert raised.value.nvme == (2, 0x81)
    spy.fault = None
    host.remove("native")
    assert spy.gone and not desc.is_open
    assert bdevkit_log() == []  # a failure on purpose does not belong in the log


def test_an_exception_fails_the_io_and_is_in_the_log(host, open_bdev, bdevkit_log):
    host.create("pyspy", "spy", base="native")
    Spy.instances["spy"].fault = KeyError("lost")
    with pytest.raises(bdevkit.Error) as raised:
        open_bdev("spy").read(0, 512)
    assert raised.value.errno == 5
    log = "\n".join(bdevkit_log())
    assert "KeyError: 'lost'" in log and "in submit" in log


def test_a_blocking_call_in_submit_is_refused(host, bdevkit_log):
    class Blocks(bdevkit.VirtualBdev):
        def submit(self, io):
            self.base.read(0, 512)

    bdevkit.register(Blocks)
    with pytest.raises(bdevkit.StackError, match="no module 'blocks'"):  # hosts that start later have it
        host.create("blocks", "one", base="native")
    host.stop()
    with bdevkit.Host({"version": 1, "bdevs": [{"name": "one", "module": "blocks", "base": {
            "name": "low", "module": "malloc", "size": "1MiB"}}]}, check=True) as second, second.open("one") as one:
        with pytest.raises(bdevkit.Error):
            one.read(0, 512)
    assert any("use the awaitable form" in line for line in bdevkit_log())


def test_an_io_that_is_forgotten_fails(host, open_bdev):
    class Forgets(bdevkit.Bdev):
        num_blocks = 8

        def _submit(self, io):
            pass

    bdevkit.register(Forgets)
    host.stop()
    with bdevkit.Host({"version": 1, "bdevs": [{"name": "one", "module": "forgets"}]}) as second:
        with second.open("one") as one, pytest.raises(bdevkit.Error):
            one.read(0, 512)


def test_types_that_are_no_options_are_refused():
    class Wrong(bdevkit.Bdev):
        what: dict = None

    with pytest.raises(TypeError, match="cannot have the type"):
        bdevkit.register(Wrong)


def test_a_module_with_a_version():
    class Wide(bdevkit.Module):
        """Tells of itself."""

        name = "pywide"
        version = "1.2.3"
        bdev = Ram

    bdevkit.register(Wide)
    with bdevkit.Host({"version": 1, "bdevs": [{"name": "one", "module": "pywide", "size": 512}]}, check=True) as host:
        assert host.bdevs["one"].module == "pywide"
