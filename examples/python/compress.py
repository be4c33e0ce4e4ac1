# SPDX-License-Identifier: BSD-3-Clause
"""A prototype of a module that compresses: each chunk of the bdev is stored compressed in a slot of its base.

The base is twice as large as the offered size, so even an incompressible chunk fits: this saves transfers, not space. A
chunk's slot begins with the length of the compressed data; 0 means that the chunk has never been written.

    PYTHONPATH=build/release/python /usr/bin/python3 -m pytest examples/python/test_compress.py
"""

import asyncio
import collections
import zlib

import bdevkit

HEADER = 8


class Compress(bdevkit.VirtualBdev):
    """Stores chunks compressed on its base."""

    io_types = ("read", "write", "flush")
    chunk: bdevkit.Size = bdevkit.option("16KiB", min=4096, help="Bytes that are compressed together.")
    level: int = bdevkit.option(1, min=1, max=9, help="1 is fast, 9 is small.")

    def setup(self):
        base_block = self.base.block_size
        worst = HEADER + len(zlib.compress(bytes(self.chunk), 0)) + 64
        self.slot = -(-worst // base_block) * base_block
        chunks = self.base.size // self.slot
        if chunks == 0:
            raise OSError(28, f"the base is smaller than one slot of {self.slot} bytes")
        self.num_blocks = chunks * self.chunk // self.block_size
        self.locks = collections.defaultdict(asyncio.Lock)
        self.stored = self.given = 0  # bytes written to the base, and by clients

    async def submit(self, io):
        if io.type == "flush":
            return await self.base.aflush()
        data, done = bytearray(io.length) if io.type == "read" else io.data, 0
        for chunk, first, last in self.pieces(io.offset, io.length):
            async with self.locks[chunk]:  # a chunk takes several I/Os, so no other I/O may come in between
                whole = bytearray(await self.load(chunk))
                if io.type == "read":
                    data[done:done + last - first] = whole[first:last]
                else:
                    whole[first:last] = data[done:done + last - first]
                    await self.store(chunk, whole)
            done += last - first
        if io.type == "read":
            return data
        self.given += io.length
        return None

    def pieces(self, offset, length):
        """(chunk, first byte, last byte) of the range."""
        end = offset + length
        while offset < end:
            chunk, first = divmod(offset, self.chunk)
            last = min(self.chunk, first + end - offset)
            yield chunk, first, last
            offset += last - first

    async def load(self, chunk):
        block = self.base.block_size
        head = await self.base.aread(chunk * self.slot, block)
        length = int.from_bytes(head[:HEADER], "little")
        if length == 0:
            return bytes(self.chunk)
        if HEADER + length > block:
            rest = -(-(HEADER + length) // block) * block - block
            head += await self.base.aread(chunk * self.slot + block, rest)
        return zlib.decompress(head[HEADER:HEADER + length])

    async def store(self, chunk, data):
        packed = zlib.compress(data, self.level)
        whole = len(packed).to_bytes(HEADER, "little") + packed
        whole += bytes(-len(whole) % self.base.block_size)
        await self.base.awrite(chunk * self.slot, whole)
        self.stored += len(whole)


bdevkit.register(Compress)
