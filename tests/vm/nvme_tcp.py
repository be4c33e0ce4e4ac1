# SPDX-License-Identifier: BSD-3-Clause
"""The module nvme over TCP, with the kernel's nvmet as the target on 127.0.0.1, and crc32c for its digests."""

import nvme_devices


def devices(folder):
    return nvme_devices.failing_controller(folder, "tcp-failing", size=16 << 20, bad_sector=2048)


def command(arguments):
    return ("modprobe -d $VM_KERNEL -a nvme loop nvme-tcp nvmet nvmet-tcp crc32c_generic && "
            "{ mountpoint -q /sys/kernel/config || mount -t configfs none /sys/kernel/config; } && "
            "PYTHONPATH=$BDEVKIT_BUILD/python /usr/bin/python3 -m pytest -p no:cacheprovider --color=no -v --durations=10 "
            f"tests/vm/guest/nvme_tcp.py tests/vm/guest/nvme_tcp_paths.py {' '.join(arguments)}")
