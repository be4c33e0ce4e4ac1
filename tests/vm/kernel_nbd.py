# SPDX-License-Identifier: BSD-3-Clause
"""The kernel's own NBD client, with a file system on top. The disk is a file of the guest's."""


def devices(folder):
    return []


def command(arguments):
    return ("modprobe -d $VM_KERNEL -a nbd ext4 crc32c_generic && "
            "/usr/bin/python3 -m pytest -p no:cacheprovider --color=no -v --durations=10 "
            f"tests/vm/guest/kernel_nbd.py {' '.join(arguments)}")
