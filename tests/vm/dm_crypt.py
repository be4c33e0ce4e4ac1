# SPDX-License-Identifier: BSD-3-Clause
"""The module crypto on volumes of the kernel's dm-crypt, which cryptsetup sets up."""


def devices(folder):
    return []


def command(arguments):
    return ("modprobe -d $VM_KERNEL -a loop dm-crypt xts aes_generic && "
            "/usr/bin/python3 -m pytest -p no:cacheprovider --color=no -v --durations=10 "
            f"tests/vm/guest/dm_crypt.py {' '.join(arguments)}")
