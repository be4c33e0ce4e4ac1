# SPDX-License-Identifier: BSD-3-Clause
"""The log of bdevkit and its modules. By default it goes to standard error."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from bdevkit import _core


class CapturedLog:
    """The captured lines, each as it would have been written."""

    def __init__(self) -> None:
        self._lines: list[str] = []

    @property
    def lines(self) -> list[str]:
        self._lines.extend(_core.log_take())
        return self._lines

    def __str__(self) -> str:
        return "\n".join(self.lines)

    def __contains__(self, text: str) -> bool:
        return text in str(self)


@contextlib.contextmanager
def capture_log(echo: bool = False) -> Iterator[CapturedLog]:
    """Collects the log's lines instead of writing them; with `echo` it does both. Only one at a time in a process."""
    log = CapturedLog()
    _core.log_take()
    _core.log_capture(True, echo)
    try:
        yield log
    finally:
        log.lines
        _core.log_capture(False, True)


def set_log_level(level: str) -> None:
    """Lines up to this level are written: "error", "warn", "notice" (the default), "info" or "debug"."""
    _core.log_level(level)
