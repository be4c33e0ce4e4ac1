# SPDX-License-Identifier: BSD-3-Clause
"""Descs: open handles on bdevs, with all operations on them."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import traceback
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Sequence
from typing import Any, Union

from bdevkit import _core

# Any object with the buffer protocol: bytes, bytearray, memoryview, bdevkit.Buffer, numpy arrays.
Bytes = Any
Offsets = Union[Iterable[int], Any]

# I/O types and flags, with the numbers of the C ABI (bdev_io.h).
_READ, _WRITE, _UNMAP, _FLUSH, _RESET, _NVME_ADMIN, _NVME_IO, _NVME_IO_MD = range(1, 9)
_ZONE_APPEND = 13
_WRITE_ZEROES, _ZCOPY, _COMPARE, _ABORT, _SEEK_HOLE, _SEEK_DATA, _COPY = 9, 10, 14, 16, 17, 18, 19
_FUA, _POPULATE, _NO_UNMAP = 1, 2, 16

# The numbers of zone.h.
_ZONE_ACTIONS = {"close": 1, "finish": 2, "open": 3, "reset": 4, "offline": 5}
_ZONE_STATES = {1: "empty", 2: "implicitly open", 3: "full", 4: "closed", 5: "read-only", 6: "offline",
                7: "explicitly open", 8: "without a write pointer"}

_EVENTS = {1: "remove", 2: "resize", 3: "media_management"}


@dataclasses.dataclass(frozen=True)
class Event:
    """An event of a desc's bdev: kind is "remove", "resize" or "media_management"."""

    kind: str
    bdev: str
    num_blocks: int


@dataclasses.dataclass(frozen=True)
class Zone:
    """A zone, in bytes: the next write goes to `write_pointer`, the last block is before `start + capacity`. Its state is
    "empty", "implicitly open", "explicitly open", "closed", "read-only", "full", "offline" or "without a write
    pointer"."""

    start: int
    write_pointer: int
    capacity: int
    state: str


class Desc:
    """An open bdev, returned by `Host.open()`: a context manager that closes it.

    Offsets and lengths are in bytes, multiples of the block size. Each operation comes in two forms: `read()`
    waits, without the GIL and with Ctrl-C at work; `aread()` is awaited in asyncio. An I/O that fails raises
    bdevkit.Error. Data are used in place: leave them alone until the call has returned or the await has ended. When a
    task that awaits is cancelled, or Ctrl-C ends a wait, the I/O is given up: it is aborted where the bdev can do that,
    and does not land on what is written afterwards. The data are in use until it has ended.

    Any thread may use a desc. When its bdev is removed, it closes itself.
    """

    def __init__(self, core: _core.Desc, watch_events: Callable[[], None]) -> None:
        """`watch_events` is called when somebody wants the events of this desc: its owner then calls _told()."""
        self._core = core
        self._watch_events = watch_events
        self._callbacks: list[Callable[[Event], None]] = []
        self._streams: list[Callable[[Event | None], None]] = []

    def __enter__(self) -> Desc:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def __repr__(self) -> str:
        try:
            state = ("writable" if self._core.writable else "read-only") if self.is_open else "closed"
            return f"<bdevkit.Desc of '{self.bdev}', {state}>"
        except RuntimeError:
            return "<bdevkit.Desc of the process that this one was forked from>"

    def close(self) -> None:
        """Closes the desc; I/O in flight ends first, in the background. A second close does nothing."""
        self._core.close()

    @property
    def bdev(self) -> str:
        """The bdev's name."""
        return self._core.bdev

    @property
    def is_open(self) -> bool:
        return self._core.is_open

    @property
    def block_size(self) -> int:
        """Bytes per block."""
        return self._core.block_size

    @property
    def num_blocks(self) -> int:
        return self._core.num_blocks

    @property
    def size(self) -> int:
        """Size of the bdev in bytes."""
        return self._core.num_blocks * self._core.block_size

    def __len__(self) -> int:
        return self.size

    # ---- reading and writing ----

    def read(self, offset: int, length: int) -> bytes:
        """Reads into a new bytes object."""
        return self._core.read(offset, length).wait()

    async def aread(self, offset: int, length: int) -> bytes:
        return await self._core.read(offset, length)

    def read_into(self, offset: int, buffer: Bytes, metadata: Bytes = None) -> None:
        """Reads into the buffer, whose length is the length of the read; `metadata` receives separate metadata."""
        self._core.with_data(_READ, offset, buffer, 0, metadata).wait()

    async def aread_into(self, offset: int, buffer: Bytes, metadata: Bytes = None) -> None:
        await self._core.with_data(_READ, offset, buffer, 0, metadata)

    def write(self, offset: int, data: Bytes, *, fua: bool = False, metadata: Bytes = None) -> None:
        """Writes the data; with `fua` they are on stable storage when it returns."""
        self._core.with_data(_WRITE, offset, data, _FUA if fua else 0, metadata).wait()

    async def awrite(self, offset: int, data: Bytes, *, fua: bool = False, metadata: Bytes = None) -> None:
        await self._core.with_data(_WRITE, offset, data, _FUA if fua else 0, metadata)

    def compare(self, offset: int, data: Bytes) -> None:
        """Raises bdevkit.Miscompare if the blocks hold other data."""
        self._core.with_data(_COMPARE, offset, data, 0, None).wait()

    async def acompare(self, offset: int, data: Bytes) -> None:
        await self._core.with_data(_COMPARE, offset, data, 0, None)

    def compare_and_write(self, offset: int, expected: Bytes, data: Bytes) -> None:
        """Writes the data if the blocks hold the expected data, atomically; otherwise raises bdevkit.Miscompare."""
        self._core.compare_and_write(offset, expected, data).wait()

    async def acompare_and_write(self, offset: int, expected: Bytes, data: Bytes) -> None:
        await self._core.compare_and_write(offset, expected, data)

    # ---- ranges ----

    def flush(self, offset: int = 0, length: int | None = None) -> None:
        """Puts earlier writes of the range (by default of the whole bdev) on stable storage."""
        self._range(_FLUSH, offset, length).wait()

    async def aflush(self, offset: int = 0, length: int | None = None) -> None:
        await self._range(_FLUSH, offset, length)

    def unmap(self, offset: int, length: int) -> None:
        """Unmaps the range; its content is undefined until it is written."""
        self._range(_UNMAP, offset, length).wait()

    async def aunmap(self, offset: int, length: int) -> None:
        await self._range(_UNMAP, offset, length)

    def write_zeroes(self, offset: int, length: int, *, fua: bool = False, unmap: bool = True) -> None:
        """Makes the range read as zero; without `unmap` its blocks stay allocated."""
        self._zeroes(offset, length, fua, unmap).wait()

    async def awrite_zeroes(self, offset: int, length: int, *, fua: bool = False, unmap: bool = True) -> None:
        await self._zeroes(offset, length, fua, unmap)

    def copy(self, destination: int, source: int, length: int) -> None:
        """Copies within the bdev."""
        self._core.on_range(_COPY, destination, length, source, 0).wait()

    async def acopy(self, destination: int, source: int, length: int) -> None:
        await self._core.on_range(_COPY, destination, length, source, 0)

    def seek_data(self, offset: int) -> int | None:
        """The first data at or after the offset; None when there are none."""
        return self._core.on_range(_SEEK_DATA, offset, 0, 0, 0).wait()

    async def aseek_data(self, offset: int) -> int | None:
        return await self._core.on_range(_SEEK_DATA, offset, 0, 0, 0)

    def seek_hole(self, offset: int) -> int | None:
        """The first hole at or after the offset; None when there is none."""
        return self._core.on_range(_SEEK_HOLE, offset, 0, 0, 0).wait()

    async def aseek_hole(self, offset: int) -> int | None:
        return await self._core.on_range(_SEEK_HOLE, offset, 0, 0, 0)

    # ---- the bdev as a whole ----

    def reset(self) -> None:
        """Resets the bdev: I/O in flight is aborted or drained."""
        self._core.on_range(_RESET, 0, 0, 0, 0).wait()

    async def areset(self) -> None:
        await self._core.on_range(_RESET, 0, 0, 0, 0)

    def abort(self) -> None:
        """Aborts the I/O that this desc has in flight; raises bdevkit.Error if some of it could not be aborted."""
        self._core.on_range(_ABORT, 0, 0, 0, 0).wait()

    async def aabort(self) -> None:
        await self._core.on_range(_ABORT, 0, 0, 0, 0)

    # ---- zones ----

    @property
    def zone_size(self) -> int:
        """Bytes per zone; 0 for a bdev without zones."""
        return self._core.zone_size * self._core.block_size

    def zones(self, start: int = 0, count: int | None = None) -> list[Zone]:
        """The given number of zones beginning with that zone, by default all."""
        return self._zone_list(self._core.zones(start, self._zones_from(start, count)).wait())

    async def azones(self, start: int = 0, count: int | None = None) -> list[Zone]:
        return self._zone_list(await self._core.zones(start, self._zones_from(start, count)))

    def manage_zone(self, start: int, action: str) -> None:
        """"open", "close", "finish", "reset" or "offline" for the zone that starts there."""
        self._core.manage_zone(start, _ZONE_ACTIONS[action]).wait()

    async def amanage_zone(self, start: int, action: str) -> None:
        await self._core.manage_zone(start, _ZONE_ACTIONS[action])

    def zone_append(self, start: int, data: Bytes, *, metadata: Bytes = None) -> int:
        """Writes the data at the write pointer of the zone that starts there. Returns the position of the data."""
        return self._core.with_data(_ZONE_APPEND, start, data, 0, metadata).wait()

    async def azone_append(self, start: int, data: Bytes, *, metadata: Bytes = None) -> int:
        return await self._core.with_data(_ZONE_APPEND, start, data, 0, metadata)

    # ---- memory of the bdev, NVMe commands ----

    @contextlib.contextmanager
    def zcopy(self, offset: int, length: int, *, populate: bool = True, commit: bool = False) -> Iterator[memoryview]:
        """Lends the module's own memory for the range: `with desc.zcopy(0, 4096, commit=True) as data: ...`.

        With `populate` the memory holds the blocks' data; with `commit` its content is written to the blocks at the
        end. A `with` block that raises commits nothing. Slices of the view must be released before the end.
        """
        borrowed = self._core.on_range(_ZCOPY, offset, length, 0, _POPULATE if populate else 0).wait()
        pieces = borrowed.pieces
        if len(pieces) != 1:
            raise NotImplementedError(f"the module lends its memory in {len(pieces)} pieces; use read() instead")
        view = memoryview(pieces[0])
        try:
            yield view
        except BaseException:
            commit = False
            raise
        finally:
            view.release()
            self._core.zcopy_end(borrowed, commit).wait()

    def nvme_admin(self, command: Bytes, data: Bytes | int | None = None) -> tuple[int, bytes | None]:
        """Sends an NVMe admin command of 64 bytes. `data`: bytes to send, a writable buffer to fill, or the number of
        bytes to receive. Returns the completion's dword 0, and the received bytes if a number was given."""
        return self._core.nvme(_NVME_ADMIN, command, data, None).wait()

    async def anvme_admin(self, command: Bytes, data: Bytes | int | None = None) -> tuple[int, bytes | None]:
        return await self._core.nvme(_NVME_ADMIN, command, data, None)

    def nvme_io(self, command: Bytes, data: Bytes | int | None = None,
                metadata: Bytes = None) -> tuple[int, bytes | None]:
        """Like nvme_admin(), for an I/O command; `metadata` is a writable buffer."""
        return self._core.nvme(_NVME_IO if metadata is None else _NVME_IO_MD, command, data, metadata).wait()

    async def anvme_io(self, command: Bytes, data: Bytes | int | None = None,
                       metadata: Bytes = None) -> tuple[int, bytes | None]:
        return await self._core.nvme(_NVME_IO if metadata is None else _NVME_IO_MD, command, data, metadata)

    # ---- many at once ----

    def read_many(self, offsets: Offsets, length: int, *, into: Bytes = None, depth: int = 128) -> bytes | None:
        """Reads `length` bytes at each offset, up to `depth` at a time. Returns the data concatenated as bytes, or
        fills `into`. Offsets: any iterable of numbers; an array of 64-bit integers is fastest. The first failure is
        raised."""
        return self._core.many(_READ, offsets, length, into, depth).wait()

    async def aread_many(self, offsets: Offsets, length: int, *, into: Bytes = None, depth: int = 128) -> bytes | None:
        return await self._core.many(_READ, offsets, length, into, depth)

    def write_many(self, offsets: Offsets, length: int, data: Bytes, *, depth: int = 128) -> None:
        """Writes `length` bytes at each offset: `data` holds the data of the first, then of the second, and so on."""
        self._core.many(_WRITE, offsets, length, data, depth).wait()

    async def awrite_many(self, offsets: Offsets, length: int, data: Bytes, *, depth: int = 128) -> None:
        await self._core.many(_WRITE, offsets, length, data, depth)

    def batch(self, operations: Iterable[Sequence[Any]], *, depth: int = 128) -> list[bytes | None | Exception]:
        """Does many operations, started in order, up to `depth` at a time: ("read", offset, length),
        ("write", offset, data), ("compare", offset, data), ("copy", destination, source, length),
        ("unmap" or "write_zeroes" or "flush", offset, length). Returns a list: for each operation the data of a read,
        None, or the exception if it failed."""
        return self._core.batch(operations, depth).wait()

    async def abatch(self, operations: Iterable[Sequence[Any]], *, depth: int = 128) -> list[bytes | None | Exception]:
        return await self._core.batch(operations, depth)

    # ---- events ----

    def on_event(self, callback: Callable[[Event], None]) -> None:
        """Calls callback(event) for each event from now on, on a thread of the host."""
        self._callbacks.append(callback)
        self._watch_events()

    async def events(self) -> AsyncIterator[Event]:
        """Yields each event from now on; ends after "remove", or when the host stops."""
        loop = asyncio.get_running_loop()
        arrived: asyncio.Queue[Event | None] = asyncio.Queue()

        def hand_over(event: Event | None) -> None:
            if not loop.is_closed():
                loop.call_soon_threadsafe(arrived.put_nowait, event)

        self._streams.append(hand_over)
        self._watch_events()
        try:
            while (event := await arrived.get()) is not None:
                yield event
                if event.kind == "remove":
                    return
        finally:
            self._streams.remove(hand_over)

    def _told(self, kind: int, num_blocks: int) -> None:
        event = Event(_EVENTS.get(kind, f"event {kind}"), self.bdev, num_blocks)
        for listener in [*self._callbacks, *self._streams]:
            try:
                listener(event)
            except Exception:
                _core.log("error", "python", f"an exception left a callback for events:\n{traceback.format_exc()}")

    def _told_end(self) -> None:
        for stream in list(self._streams):
            stream(None)

    # ---- within ----

    def _zones_from(self, start: int, count: int | None) -> int:
        if count is not None:
            return count
        return -(-(self.size - start) // self.zone_size) if self.zone_size else 1

    @staticmethod
    def _zone_list(told: list[tuple[int, int, int, int]]) -> list[Zone]:
        return [Zone(start, pointer, capacity, _ZONE_STATES[state]) for start, pointer, capacity, state in told]

    def _range(self, kind: int, offset: int, length: int | None, flags: int = 0) -> _core.Pending:
        return self._core.on_range(kind, offset, self.size - offset if length is None else length, 0, flags)

    def _zeroes(self, offset: int, length: int, fua: bool, unmap: bool) -> _core.Pending:
        return self._range(_WRITE_ZEROES, offset, length, (_FUA if fua else 0) | (0 if unmap else _NO_UNMAP))
