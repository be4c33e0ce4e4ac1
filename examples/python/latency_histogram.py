#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""Draws the latencies of reads of a delayed bdev.

    PYTHONPATH=build/release/python /usr/bin/python3 examples/python/latency_histogram.py latency.png
"""

import sys

import bdevkit
import matplotlib
import numpy

matplotlib.use("Agg")
from matplotlib import pyplot  # noqa: E402

STACK = {"version": 1, "bdevs": [
    {"name": "top", "module": "delay", "avg_read": "200us", "p99_read": "2ms",
     "base": {"name": "disk", "module": "malloc", "size": "64MiB", "block_size": 4096}}]}


def measure(host, name, reads=10_000, depth=32):
    with host.open(name) as desc:
        offsets = numpy.random.default_rng(1).integers(0, desc.num_blocks, reads) * desc.block_size
        host.bdevs[name].measure_latency("read")
        desc.read_many(offsets, desc.block_size, depth=depth)
        return host.bdevs[name].latency


def draw(latency, path):
    first, last, count = (numpy.array(column) for column in zip(*latency.buckets))
    figure, axes = pyplot.subplots(figsize=(8, 4))
    axes.bar(first / 1000, count, width=(last - first + 1) / 1000, align="edge")
    for percent in (50, 99):
        at = latency.percentiles_ns[percent] / 1000
        axes.axvline(at, linestyle="--", color="gray")
        axes.text(at, max(count), f" {percent}%: {at:.0f} µs")
    axes.set(xscale="log", xlabel="latency of a read in µs", ylabel="reads")
    figure.savefig(path, dpi=100, bbox_inches="tight")


def main():
    path = sys.argv[1] if len(sys.argv) > 1 else "latency.png"
    with bdevkit.Host(STACK, check=True) as host:
        latency = measure(host, "top")
    draw(latency, path)
    print(f"{latency.count} reads, mean {latency.mean_ns / 1000:.0f} µs; drawn to {path}")


if __name__ == "__main__":
    main()
