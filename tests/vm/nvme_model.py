# SPDX-License-Identifier: BSD-3-Clause
"""The random model test on the module nvme: random stacks on namespaces of 512 and 4096 bytes, with protection information,
and on a controller that takes 8 KiB at a time; by the kernel's driver, by the module's own, and over TCP. An argument: the
seconds for each of the three (default 15)."""

import nvme_devices

SLOTS = {"kernel": "14", "own": "15", "small": "16"}
PROTECTED = {"logical_block_size": 4096, "physical_block_size": 4096, "ms": 8, "mset": 1, "pi": 1}


def devices(folder):
    def namespaces(size):
        return [{"size": size}, {"size": size, "logical_block_size": 4096, "physical_block_size": 4096},
                {"size": size, **PROTECTED}]

    arguments = nvme_devices.controller(folder, "model-kernel", *namespaces(8 << 20), addr=SLOTS["kernel"], mdts=5)
    arguments += nvme_devices.controller(folder, "model-own", *namespaces(8 << 20), addr=SLOTS["own"])
    return arguments + nvme_devices.controller(folder, "model-small", {"size": 8 << 20}, addr=SLOTS["small"], mdts=1)


def command(arguments):
    seconds = arguments[0] if arguments and arguments[0].isdigit() else "15"
    chosen = " ".join(argument for argument in arguments if not argument.isdigit())
    return ("modprobe -d $VM_KERNEL -a nvme vfio-pci loop nvmet nvmet-tcp crc32c_generic && "
            "{ mountpoint -q /sys/kernel/config || mount -t configfs none /sys/kernel/config; } && "
            f"VM_SECONDS={seconds} /usr/bin/python3 -m pytest -p no:cacheprovider --color=no -v -s --durations=5 "
            f"tests/vm/guest/nvme_model.py {chosen}")
