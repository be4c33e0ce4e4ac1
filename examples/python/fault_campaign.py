#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""Fails the I/O below a stack in every way that the module `error` supports, and lists the errors of the client on top.

    PYTHONPATH=build/release/python /usr/bin/python3 examples/python/fault_campaign.py
"""

import errno
import sys

import bdevkit

STACK = {"version": 1, "bdevs": [
    {"name": "top", "module": "passthru", "base": {
        "name": "faulty", "module": "error", "base": {"name": "disk", "module": "malloc", "size": "16MiB"}}}]}

FAULTS = {
    "medium error": {"status": "nvme", "nvme_sct": 2, "nvme_sc": 0x81},
    "write fault": {"status": "nvme", "nvme_sct": 2, "nvme_sc": 0x80},
    "no space": {"status": "aio", "aio_errno": errno.ENOSPC},
    "no detail": {"status": "failed"},
    "aborted": {"status": "aborted"},
}
OPERATIONS = {
    "read": lambda desc: desc.read(0, 4096),
    "write": lambda desc: desc.write(0, bytes(4096)),
    "unmap": lambda desc: desc.unmap(0, 4096),
    "flush": lambda desc: desc.flush(),
}


def campaign(host, desc):
    """Yields (fault, operation, error or None) for each combination."""
    for fault, options in FAULTS.items():
        for name, operation in OPERATIONS.items():
            host.reconfigure("faulty", action="fail", io_types=[name], **options)
            try:
                operation(desc)
                yield fault, name, None
            except bdevkit.Error as error:
                yield fault, name, error
            host.reconfigure("faulty", action="pass")
            operation(desc)  # a healed fault has no lasting effect


def main():
    hidden = 0
    with bdevkit.Host(STACK, check=True) as host, host.open("top", write=True) as desc:
        for fault, operation, error in campaign(host, desc):
            told = f"{errno.errorcode[error.errno]:8} {error.status}" if error else "NOTHING"
            hidden += error is None
            print(f"{fault:14} {operation:8} {told}")
    return 1 if hidden else 0


if __name__ == "__main__":
    sys.exit(main())
