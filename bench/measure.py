# SPDX-License-Identifier: BSD-3-Clause
"""One measurement each: ours, and the yardsticks beside it."""

import contextlib
import json
import os
import pathlib
import subprocess
import tempfile
import time

import servers

BENCH = pathlib.Path(__file__).resolve().parent


def run(*command):
    return subprocess.run([str(word) for word in command], check=True, stdout=subprocess.PIPE, text=True).stdout


class Bench:
    """The build to measure, and how long each measurement takes."""

    def __init__(self, build, seconds):
        self.bin = pathlib.Path(build).resolve() / "bin"
        self.seconds = seconds

    def perf(self, stack, io_size, depth, cores="0"):
        """I/Os per second of `bdevkit perf`, random reads of data that was written."""
        fill = ["--fill"] if stack.startswith("malloc") else []
        return self.random_reads(BENCH / "stacks" / f"{stack}.yaml", io_size, depth, cores, *fill)

    def random_reads(self, stack, io_size, depth, cores="0", *more):
        return json.loads(run(self.bin / "bdevkit", "perf", stack, "--bdev", "top", "--rw", "randread",
                              "--io-size", io_size, "--depth", depth, "--cores", cores,
                              "--time", f"{self.seconds}s", "--no-calibration", "--json", *more))["iops"]

    def fio_null(self):
        """fio's null engine: a reference loop that everybody can install."""
        report = json.loads(run("taskset", "-c", "0", "fio", "--name=null", "--ioengine=null", "--size=64m", "--rw=randread",
                                "--bs=512", "--iodepth=128", "--gtod_reduce=1", "--thread", "--time_based",
                                f"--runtime={self.seconds}", "--output-format=json"))
        return report["jobs"][0]["read"]["iops"]

    def perf_file(self, direct):
        """I/Os per second of the module uring: 4 KiB, random reads of a file, depth 64."""
        servers.make_file()
        return self.random_reads(servers.FILE.parent / f"uring-{'direct' if direct else 'cached'}.yaml", 4096, 64)

    def fio_file(self, direct):
        """I/Os per second of fio's io_uring engine, for the same reads."""
        servers.make_file()
        report = json.loads(run("taskset", "-c", "0", "fio", "--name=file", "--ioengine=io_uring", f"--direct={int(direct)}",
                                f"--filename={servers.FILE}", "--readonly", "--rw=randread", "--bs=4k", "--iodepth=64",
                                "--invalidate=0", "--thread", "--time_based", f"--runtime={self.seconds}",
                                "--output-format=json"))
        return report["jobs"][0]["read"]["iops"]

    def nbd_file(self, server, depth):
        """I/Os per second that fio gets from a server of the file."""
        servers.make_file()
        with servers.serving(server, self.bin / "bdevkit") as running:
            return fio_nbd(running.uri, "--rw=randread", "--bs=4k", f"--iodepth={depth}", "--time_based",
                           f"--runtime={self.seconds}")["read"]["iops"]

    def bare_copy(self, io_size):
        """Copies per second of the same size, with nothing around them."""
        return float(run("taskset", "-c", "0", self.bin / "memcpy_bench", io_size, self.seconds))

    def nbd(self, server, depth, connections):
        """I/Os per second that fio gets from a server, and the server's processor time per I/O in microseconds."""
        with servers.serving(server, self.bin / "bdevkit") as running:
            fio_nbd(running.uri, "--rw=write", "--bs=1m", "--iodepth=4")
            before = running.cpu_seconds()
            job = fio_nbd(running.uri, "--rw=randread", "--bs=4k", f"--iodepth={depth}", f"--numjobs={connections}",
                          "--time_based", f"--runtime={self.seconds}")["read"]
            return {"iops": job["iops"], "cpu_us": (running.cpu_seconds() - before) / job["total_ios"] * 1e6}

    def many_bdevs(self, stacks):
        """Seconds to start so many stacks of a null and a passthru on it, and the memory in use then, in MiB."""
        lines = ["version: 1", "bdevs:"]
        for number in range(stacks):
            lines.append(f'  - {{ name: n{number}, module: "null", size: 64MiB }}')
            lines.append(f"  - {{ name: p{number}, module: passthru, base: n{number} }}")
        with tempfile.NamedTemporaryFile("w", suffix=".yaml") as stack:
            stack.write("\n".join(lines) + "\n")
            stack.flush()
            return start(self.bin / "bdevkit", stack.name)


def fio_nbd(uri, *options):
    output = run("taskset", "-c", "1", "fio", "--name=nbd", "--ioengine=nbd", f"--uri={uri}", "--size=64m", "--thread",
                 "--group_reporting", "--output-format=json", *options)
    return json.loads(output[output.index("{"):])["jobs"][0]  # libnbd's engine says hello first


def start(program, stack):
    began = time.monotonic()
    host = subprocess.Popen([program, "run", stack], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    with contextlib.closing(host.stdout):
        if not host.stdout.readline():
            raise RuntimeError(f"{stack}: the host did not start")
        seconds = time.monotonic() - began
        pages = int(pathlib.Path(f"/proc/{host.pid}/statm").read_text().split()[1])
        host.terminate()
        host.wait()
    return {"seconds": seconds, "mib": pages * os.sysconf("SC_PAGESIZE") / 2**20}
