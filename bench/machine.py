# SPDX-License-Identifier: BSD-3-Clause
"""Describes a machine, so that results can be compared elsewhere."""

import datetime
import os
import pathlib
import platform
import re
import subprocess


def describe():
    cpuinfo = pathlib.Path("/proc/cpuinfo").read_text()
    meminfo = pathlib.Path("/proc/meminfo").read_text()
    huge = pathlib.Path("/sys/kernel/mm/transparent_hugepage/enabled")
    return {
        "time": datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"),
        "cpu": re.search(r"model name\s*: (.*)", cpuinfo)[1],
        "cores": os.cpu_count(),
        "virtual": "hypervisor" in cpuinfo,
        "memory_gib": round(int(re.search(r"MemTotal:\s+(\d+)", meminfo)[1]) / 2**20, 1),
        "hugepages_2mib": int(re.search(r"HugePages_Total:\s+(\d+)", meminfo)[1]),
        "transparent_hugepages": re.search(r"\[(\w+)\]", huge.read_text())[1] if huge.exists() else "none",
        "kernel": platform.release(),
        "load": os.getloadavg()[0],
        "commit": output("git", "describe", "--always", "--dirty"),
        "fio": output("fio", "--version"),
        "nbdkit": output("nbdkit", "--version"),
        "qemu_storage_daemon": output("qemu-storage-daemon", "--version").split("\n")[0],
    }


def output(*command):
    here = pathlib.Path(__file__).resolve().parent
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, cwd=here).stdout.strip()
