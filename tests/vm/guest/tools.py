# SPDX-License-Identifier: BSD-3-Clause
"""Helpers of the tests in the guest: clients of a stack, `bdevkit perf`, and the kernel's data about a disk."""

import json
import os
import pathlib
import subprocess

import nbd

BUILD = pathlib.Path(os.environ["BDEVKIT_BUILD"]).resolve()
PROGRAM = BUILD / "bin" / "bdevkit"
MIB = 1 << 20


def client(stack, export="Nvme0n1"):
    handle = nbd.NBD()
    handle.connect_uri(stack.uri(export))
    return handle


def perf_command(folder, stack, bdev, *arguments):
    """`bdevkit perf` on a bdev of a stack, which runs without its frontends."""
    file = folder / "perf.yaml"
    file.write_text(stack.split("frontends")[0])
    return [PROGRAM, "perf", file, "--bdev", bdev, "--no-calibration", *arguments]


def perf(folder, stack, bdev, *arguments):
    return subprocess.run(perf_command(folder, stack, bdev, *arguments), capture_output=True, text=True, check=False)


def kernel_reads(device, offset, length):
    """The data that the kernel's driver reads there."""
    return subprocess.run(["dd", f"if={device}", "iflag=direct,skip_bytes,count_bytes", "bs=64k", f"skip={offset}",
                           f"count={length}"], check=True, capture_output=True).stdout


def told_identity(controller, nsid=None):
    """The identify data of a controller, or of a namespace, as nvme-cli gets them."""
    what = ["id-ctrl"] if nsid is None else ["id-ns", f"--namespace-id={nsid}"]
    return subprocess.run(["nvme", *what, controller, "--raw-binary"], check=True, capture_output=True).stdout


def told_size(controller, nsid):
    """Bytes of a namespace and of its blocks, as the controller tells nvme-cli."""
    told = json.loads(subprocess.run(["nvme", "id-ns", controller, f"--namespace-id={nsid}", "--output-format=json"],
                                     check=True, capture_output=True).stdout)
    block = 1 << told["lbafs"][told["flbas"] & 15]["ds"]
    return told["nsze"] * block, block
