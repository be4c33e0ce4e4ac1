# SPDX-License-Identifier: BSD-3-Clause
"""One run of qemu: boots, and passes the guest's output on."""

import re
import subprocess
import threading

from qmp import Qmp

# Under load the kernel may find that its timer does not tick; it does.
BOOT = "no_timer_check console=ttyS0 panic=-1 quiet loglevel=4 intel_iommu=on iommu=pt rdinit=/init"


def run(kernel, initramfs, devices, folder, timeout):
    """Boots and waits for the end. A line `vm: qmp COMMAND` of the guest's is a command to qemu.

    @param devices  arguments of qemu's
    @return the exit code of the guest's command; None when there is none, for a crash or `timeout` seconds
    """
    command = ["qemu-system-x86_64", "-accel", "tcg,thread=multi", "-cpu", "max", "-smp", "2", "-m", "3G",
               "-M", "q35,kernel-irqchip=split", "-device", "intel-iommu,intremap=on,caching-mode=on",
               "-kernel", kernel.image, "-initrd", initramfs, "-append", BOOT, "-nodefaults", "-no-reboot", "-display", "none",
               "-serial", f"file:{folder}/console.log", "-serial", "stdio", "-qmp", f"unix:{folder}/qmp,server=on,wait=off",
               "-virtfs", "local,path=/,mount_tag=host,security_model=none,readonly=on,multidevs=remap", *devices]
    with subprocess.Popen([str(word) for word in command], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          text=True, errors="replace") as qemu:
        timer = threading.Timer(timeout, qemu.kill)
        timer.start()
        code = None
        qmp = Qmp(folder / "qmp")
        for line in qemu.stdout:
            line = line.rstrip("\r\n")
            end = re.fullmatch(r"vm: exit (\d+)", line)
            request = re.fullmatch(r"vm: qmp (.*)", line)
            if end:
                code = int(end[1])
            elif request:
                answer = qmp.run(request[1])
                if "error" in answer:
                    print(f"vm: {request[1]}: {answer['error']['desc']}", flush=True)
            else:
                print(line, flush=True)
        qmp.close()
        timer.cancel()
    if qemu.returncode != 0:
        print(f"vm: qemu ended with {qemu.returncode}", flush=True)
    return code
