#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""I/Os per second of one Python process on a malloc bdev: batches, single reads that wait, single reads that are
awaited, awaited ones together. Of many short runs it tells the median, and the best, which others disturbed least."""

import argparse
import asyncio
import pathlib
import sys
import time

STACK = {"version": 1, "bdevs": [{"name": "disk", "module": "malloc", "size": "64MiB", "block_size": 4096}]}


def report(what, rates):
    rates = sorted(rates)
    print(f"{what:36} median {rates[len(rates) // 2] / 1000:8.1f} k/s, best {rates[-1] / 1000:8.1f} k/s")


def rate(count, run):
    begin = time.perf_counter()
    run()
    return count / (time.perf_counter() - begin)


async def arate(count, awaitable):
    begin = time.perf_counter()
    await awaitable
    return count / (time.perf_counter() - begin)


async def one_by_one(desc, count):
    for _ in range(count):
        await desc.aread(0, 4096)


async def awaited(desc):
    report("single reads, awaited", [await arate(1000, one_by_one(desc, 1000)) for _ in range(100)])
    together = [await arate(500, asyncio.gather(*[desc.aread(0, 4096) for _ in range(500)])) for _ in range(50)]
    report("500 reads awaited together", together)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--build", default="build/release", help="the build to measure (default build/release)")
    sys.path.insert(0, str(pathlib.Path(parser.parse_args().build) / "python"))
    import bdevkit
    import numpy

    with bdevkit.Host(STACK) as host, host.open("disk", write=True) as desc:
        offsets = numpy.random.default_rng(1).integers(0, desc.num_blocks, 4096) * 4096
        data = numpy.ones((len(offsets), 4096), "u1")
        desc.write_many(offsets, 4096, data)
        report("4096 reads in a batch, depth 128",
               [rate(len(offsets), lambda: desc.read_many(offsets, 4096, into=data)) for _ in range(300)])
        report("single reads, waited for",
               [rate(1000, lambda: [desc.read(0, 4096) for _ in range(1000)]) for _ in range(100)])
        asyncio.run(awaited(desc))


if __name__ == "__main__":
    main()
