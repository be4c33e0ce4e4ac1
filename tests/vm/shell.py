# SPDX-License-Identifier: BSD-3-Clause
"""Any command, on a machine with an NVMe controller."""

import nvme_devices


def devices(folder):
    return nvme_devices.controller(folder, "nvme0", {"size": 64 << 20})


def command(arguments):
    return f"modprobe -d $VM_KERNEL nvme; {' '.join(arguments) or 'uname -a'}"
