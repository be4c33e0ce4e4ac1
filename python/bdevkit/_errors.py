# SPDX-License-Identifier: BSD-3-Clause
"""The exceptions, and functions that create them for the extension."""

from __future__ import annotations

import os


class Error(OSError):
    """An I/O or a change that failed.

    errno: as in any OSError. bdev: its name, or None. operation, offset, length: of an I/O, the last two in bytes.
    status: the status of the I/O ("failed", "nvme_error", "aborted", ...), None when it was refused and never began.
    nvme: (sct, sc), the status as an NVMe status, None when it was refused.
    """

    bdev: str | None = None
    operation: str | None = None
    offset: int | None = None
    length: int | None = None
    status: str | None = None
    nvme: tuple[int, int] | None = None

    def __init__(self, errno: int, message: str, *, nvme: tuple[int, int] | None = None) -> None:
        super().__init__(errno, message)
        self.nvme = nvme


class Miscompare(Error):
    """The blocks hold other data than expected."""


class Aborted(Error):
    """The I/O was aborted, or ended by a reset."""


class StackError(ValueError):
    """A stack or the options of a bdev are wrong. `problems` has one line for each fault, with its place."""

    def __init__(self, problems: str) -> None:
        super().__init__(problems.rstrip("\n"))
        self.problems = problems.splitlines()


_BY_STATUS = {"miscompare": Miscompare, "aborted": Aborted}


def error(errno: int, message: str, bdev: str) -> Error:
    """For the extension."""
    made = Error(errno, message)
    made.bdev = bdev or None
    return made


def io_error(errno: int, status: str | None, sct: int, sc: int, operation: str, bdev: str, offset: int, length: int,
             hint: str) -> Error:
    """For the extension."""
    where = f" at byte {offset}, length {length}" if length else ""
    text = f"{operation} of bdev '{bdev}'{where}: {hint or os.strerror(errno)}"
    if status is not None:
        text += f" (status {status}, NVMe {sct:#x}/{sc:#04x})"
    made = _BY_STATUS.get(status or "", Error)(errno, text)
    made.bdev, made.operation, made.offset, made.length, made.status = bdev, operation, offset, length, status
    made.nvme = None if status is None else (sct, sc)
    return made


stack_error = StackError
