# SPDX-License-Identifier: BSD-3-Clause
"""bdevkit from Python: run stacks of block devices in this process, do I/O on them, and write modules.

    import bdevkit

    stack = {"version": 1, "bdevs": [{"name": "disk", "module": "malloc", "size": "64MiB"}]}
    with bdevkit.Host(stack) as host, host.open("disk", write=True) as disk:
        disk.write(0, b"x" * 512)
        print(disk.read(0, 512)[:1], host.bdevs["disk"])

The manual is docs/python.md.
"""

from bdevkit._core import Buffer
from bdevkit._core import version as __version__
from bdevkit._desc import Desc, Event, Zone
from bdevkit._errors import Aborted, Error, Miscompare, StackError
from bdevkit._host import Host, HostBdev, Latency, Leak, Stats
from bdevkit._log import capture_log, set_log_level
from bdevkit._module import BaseName, Bdev, Duration, Io, Module, Size, VirtualBdev, option, register

__all__ = [
    "Aborted", "BaseName", "Bdev", "Buffer", "Desc", "Duration", "Error", "Event", "Host", "HostBdev", "Io", "Latency",
    "Leak", "Miscompare", "Module", "Size", "StackError", "Stats", "VirtualBdev", "Zone", "capture_log", "option",
    "register", "set_log_level", "__version__",
]
