# SPDX-License-Identifier: BSD-3-Clause
"""One run of qemu: boots, passes the guest's output on, and answers QMP meanwhile."""

import json
import re
import socket
import subprocess
import threading

BOOT = "console=ttyS0 panic=-1 quiet loglevel=4 intel_iommu=on iommu=pt rdinit=/init"


class Qmp:
    """qemu's monitor. What it says by itself is left out."""

    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.connect(str(path))
        self.lines = self.socket.makefile("r")
        self.lines.readline()
        self.command("qmp_capabilities")

    def command(self, name, **arguments):
        """Its result. Throws RuntimeError with what qemu says."""
        self.socket.sendall(json.dumps({"execute": name, "arguments": arguments}).encode())
        for line in self.lines:
            answer = json.loads(line)
            if "error" in answer:
                raise RuntimeError(f"{name}: {answer['error']['desc']}")
            if "return" in answer:
                return answer["return"]
        raise RuntimeError(f"{name}: qemu is gone")


def run(kernel, initramfs, devices, folder, timeout, on_line=None):
    """Boots and waits for the end.

    @param devices  arguments of qemu's
    @param on_line  called with (qmp, line) for each line of the guest's: for tests that plug and pull devices
    @return the exit code of the guest's command; None when there is none, for a crash or `timeout` seconds
    """
    monitor = folder / "qmp.sock"
    command = ["qemu-system-x86_64", "-accel", "tcg,thread=multi", "-cpu", "max", "-smp", "2", "-m", "3G",
               "-M", "q35,kernel-irqchip=split", "-device", "intel-iommu,intremap=on,caching-mode=on",
               "-kernel", kernel.image, "-initrd", initramfs, "-append", BOOT, "-nodefaults", "-no-reboot", "-display", "none",
               "-serial", f"file:{folder}/console.log", "-serial", "stdio",
               "-qmp", f"unix:{monitor},server=on,wait=off",
               "-virtfs", "local,path=/,mount_tag=host,security_model=none,readonly=on,multidevs=remap", *devices]
    with subprocess.Popen([str(word) for word in command], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          text=True, errors="replace") as qemu:
        timer = threading.Timer(timeout, qemu.kill)
        timer.start()
        code, qmp = None, None
        for line in qemu.stdout:
            line = line.rstrip("\r\n")
            end = re.fullmatch(r"vm: exit (\d+)", line)
            if end:
                code = int(end[1])
                continue
            print(line, flush=True)
            if on_line is not None:
                qmp = qmp or Qmp(monitor)
                on_line(qmp, line)
        timer.cancel()
    return code
