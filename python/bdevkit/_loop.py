# SPDX-License-Identifier: BSD-3-Clause
"""Delivers completions to asyncio's loops, through one eventfd for each loop."""

from __future__ import annotations

import asyncio
import weakref

from bdevkit import _core

_queues: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, _core.LoopQueue] = weakref.WeakKeyDictionary()


def running() -> tuple[asyncio.AbstractEventLoop, _core.LoopQueue]:
    """The running loop and its queue, which is created at the first call."""
    loop = asyncio.get_running_loop()
    queue = _queues.get(loop)
    if queue is None:
        queue = _queues[loop] = _core.LoopQueue()
        loop.add_reader(queue.fileno(), queue.drain)
    return loop, queue
