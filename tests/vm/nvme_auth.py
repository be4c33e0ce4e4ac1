# SPDX-License-Identifier: BSD-3-Clause
"""The module nvme over TCP, with a newer kernel's nvmet as the target, which authenticates hosts (DH-HMAC-CHAP)."""

import kernel

KERNEL = kernel.NEWER


def devices(_):
    return []


def command(arguments):
    return ("modprobe -d $VM_KERNEL -a nvme loop nvmet nvmet-tcp dh_generic crc32c_generic && "
            "{ mountpoint -q /sys/kernel/config || mount -t configfs none /sys/kernel/config; } && "
            "PYTHONPATH=$BDEVKIT_BUILD/python /usr/bin/python3 -m pytest -p no:cacheprovider --color=no -v "
            f"tests/vm/guest/nvme_auth.py {' '.join(arguments)}")
