#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""Writes a pattern over a whole bdev in random order, reads it back in another order, and reports blocks that differ.

    PYTHONPATH=build/release/python /usr/bin/python3 examples/python/integrity_check.py [STACK.yaml BDEV]
"""

import sys

import bdevkit
import numpy

STACK = {"version": 1, "bdevs": [{"name": "top", "module": "passthru",
                                  "base": {"name": "disk", "module": "malloc", "size": "64MiB"}}]}
PIECE = 16 << 20


def check(desc, io_size=64 << 10, seed=1):
    """Returns the offsets of the I/Os that read other data than was written."""
    random = numpy.random.default_rng(seed)
    wrong = []
    for begin in range(0, desc.size - io_size + 1, PIECE):
        length = min(PIECE, desc.size - begin) // io_size * io_size
        written = numpy.frombuffer(random.bytes(length), "u1").reshape(-1, io_size)
        offsets = begin + numpy.arange(len(written)) * io_size
        order = random.permutation(len(written))
        desc.write_many(offsets[order], io_size, written[order])
        order = random.permutation(len(written))
        read = numpy.empty_like(written)
        desc.read_many(offsets[order], io_size, into=read)
        differs = (read != written[order]).any(axis=1)
        wrong.extend(int(offset) for offset in offsets[order][differs])
    return sorted(wrong)


def main():
    stack, name = (sys.argv[1:3] if len(sys.argv) > 2 else (STACK, "top"))
    with bdevkit.Host(stack, check=True) as host, host.open(name, write=True) as desc:
        wrong = check(desc)
        print(f"{name}: {desc.size >> 20} MiB checked, {len(wrong)} I/Os differ", wrong[:10] or "")
        return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
