# SPDX-License-Identifier: BSD-3-Clause
"""The module nvme on controllers that the kernel keeps: /dev/nvme0 and its character devices."""

import nvme_devices


def devices(folder):
    arguments = nvme_devices.controller(
        folder, "char",
        {"size": 64 << 20},
        {"size": 64 << 20, "logical_block_size": 4096, "physical_block_size": 4096, "ms": 8, "mset": 1, "pi": 1},
        mdts=5)
    arguments += nvme_devices.failing_controller(folder, "char-failing", size=16 << 20, bad_sector=2048)
    return arguments + nvme_devices.controller(folder, "char-zoned", nvme_devices.ZONED, **{"zoned.zasl": 4})


def command(arguments):
    return ("modprobe -d $VM_KERNEL nvme && "
            "VM_TRANSPORT=kernel PYTHONPATH=$BDEVKIT_BUILD/python /usr/bin/python3 -m pytest -p no:cacheprovider --color=no -v "
            f"tests/vm/guest/nvme_char.py tests/vm/guest/nvme_zones.py {' '.join(arguments)}")
