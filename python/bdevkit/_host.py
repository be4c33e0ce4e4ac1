# SPDX-License-Identifier: BSD-3-Clause
"""The host: a stack that runs in this process."""

from __future__ import annotations

import atexit
import dataclasses
import errno
import json
import os
import pathlib
import threading
import weakref
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Union

from bdevkit import _core
from bdevkit._desc import Desc
from bdevkit._errors import Error

Stack = Union[str, "os.PathLike[str]", Mapping[str, Any]]


class Leak(RuntimeError):
    """Resources were left behind, or errors occurred while the host ran; `findings` has a line for each."""

    def __init__(self, findings: Sequence[str]) -> None:
        super().__init__("\n".join(findings))
        self.findings = list(findings)


@dataclasses.dataclass(frozen=True)
class Counters:
    """The counters of one I/O type. Latencies are in nanoseconds, of successful I/Os only."""

    ops: int = 0
    bytes: int = 0
    latency_ns: int = 0
    min_latency_ns: int = 0
    max_latency_ns: int = 0

    @property
    def mean_latency_ns(self) -> float:
        return self.latency_ns / self.ops if self.ops else 0.0


_COUNTED = ("read", "write", "unmap", "copy", "write_zeroes", "flush")


@dataclasses.dataclass(frozen=True)
class Stats:
    """The I/O counters of a bdev."""

    read: Counters = Counters()
    write: Counters = Counters()
    unmap: Counters = Counters()
    copy: Counters = Counters()
    write_zeroes: Counters = Counters()
    flush: Counters = Counters()
    other_ops: int = 0
    spin_ns: int = 0
    """What the module has spent polling for the channels there are, where it tells."""
    errors: int = 0
    errors_by_status: Mapping[str, int] = dataclasses.field(default_factory=dict)
    driver_specific: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    """The module's own counters."""


@dataclasses.dataclass(frozen=True)
class Latency:
    """A latency histogram. Times are in nanoseconds; percentiles_ns[99] is the time that 99% of the I/Os do not exceed;
    buckets are (first, last, count), without empty ones."""

    count: int
    min_ns: int
    mean_ns: int
    max_ns: int
    percentiles_ns: Mapping[float, int]
    buckets: Sequence[tuple[int, int, int]]


def _stats(text: str) -> Stats:
    counters = json.loads(text)
    fields = {field.name for field in dataclasses.fields(Stats)}
    known: dict[str, Any] = {name: Counters(**value) if name in _COUNTED else value
                             for name, value in counters.items() if name in fields}
    return Stats(**known)


class HostBdev:
    """A bdev of the host. Each property is queried anew."""

    def __init__(self, host: Host, name: str) -> None:
        self._host = host
        self.name = name

    def __repr__(self) -> str:
        try:
            info = self.info
        except (Error, RuntimeError):
            return f"<bdevkit.Bdev '{self.name}', gone>"
        claimed = ", claimed" if info["claimed"] else ""
        bases = f", on {', '.join(info['bases'])}" if info["bases"] else ""
        return (f"<bdevkit.Bdev '{self.name}' of {info['module']}: {info['num_blocks']} blocks of "
                f"{info['block_size']}{bases}{claimed}>")

    @property
    def info(self) -> dict[str, Any]:
        """All information about the bdev: name, module, uuid, sizes, metadata, supported_io_types, aliases, claims,
        bases, and under "driver_specific" the module's own information."""
        return json.loads(self._host._running.info(self.name))

    @property
    def module(self) -> str:
        return self.info["module"]

    @property
    def block_size(self) -> int:
        return self.info["block_size"]

    @property
    def num_blocks(self) -> int:
        return self.info["num_blocks"]

    @property
    def size(self) -> int:
        """In bytes."""
        info = self.info
        return info["num_blocks"] * info["block_size"]

    @property
    def bases(self) -> list[HostBdev]:
        """The base bdevs."""
        return [HostBdev(self._host, name) for name in self.info["bases"]]

    @property
    def stats(self) -> Stats:
        """The counters of all users since the start or the last reset_stats()."""
        return _stats(self._host._running.stats(self.name))

    def take_stats(self, *, extremes_only: bool = False) -> Stats:
        """Returns the counters and resets them in one step, so that each I/O is counted by exactly one call."""
        return _stats(self._host._running.take_stats(self.name, extremes_only))

    def reset_stats(self, *, extremes_only: bool = False) -> None:
        """Resets the counters; with `extremes_only` only the smallest and largest latencies."""
        self._host._running.reset_stats(self.name, extremes_only)

    def measure_latency(self, *types: str, on: bool = True) -> None:
        """Begins a new latency histogram of these I/O types ("read", ...; none: all), or ends it."""
        mask = sum(_core.io_type_mask(each) for each in types)
        self._host._running.enable_histogram(self.name, on, mask)

    @property
    def latency(self) -> Latency:
        """The latency histogram that measure_latency() has begun."""
        found = json.loads(self._host._running.histogram(self.name))
        found["percentiles_ns"] = {float(percent): ns for percent, ns in found["percentiles_ns"].items()}
        found["buckets"] = [tuple(bucket) for bucket in found["buckets"]]
        return Latency(**found)

    def limit(self, *, iops: int = 0, bytes_per_second: int = 0, read_bytes_per_second: int = 0,
              write_bytes_per_second: int = 0) -> None:
        """Sets rate limits for reads and writes; 0 means no limit."""
        self._host._running.set_qos(self.name, iops, bytes_per_second, read_bytes_per_second, write_bytes_per_second)

    def open(self, write: bool = False, *, hide_metadata: bool = False) -> Desc:
        """Like Host.open()."""
        return self._host.open(self.name, write, hide_metadata=hide_metadata)


class Bdevs(Mapping[str, HostBdev]):
    """The bdevs of a host by name, bases first."""

    def __init__(self, host: Host) -> None:
        self._host = host

    def __getitem__(self, name: str) -> HostBdev:
        if name not in self._host._running.names():
            raise KeyError(name)
        return HostBdev(self._host, name)

    def __iter__(self) -> Iterator[str]:
        return iter(self._host._running.names())

    def __len__(self) -> int:
        return len(self._host._running.names())

    def __repr__(self) -> str:
        return "{}" if self._host._stopped else repr(dict(self))


class Host:
    """Runs a stack in this process: from construction to stop(), or as a context manager.

    stack: the path of a stack file; its text (anything with a line break in it); or a dict of the same form.
    plugin_path: folders with plugins, searched before all others.
    folder: where relative paths in a text or dict start; by default the working folder.
    check: whether stop() raises bdevkit.Leak for descs left open, broken threading rules and watchdog reports.

    A process has one host at a time; another may follow. Raises bdevkit.StackError when the stack is wrong.
    """

    # Set until the host runs, because a host that could not be started appears in tracebacks.
    _stopped = True
    # What a stop that gave up waited for.
    _waits: Sequence[str] = ()

    def __init__(self, stack: Stack, *, plugin_path: Sequence[str | os.PathLike[str]] = (),
                 folder: str | os.PathLike[str] | None = None, check: bool = False) -> None:
        _forbid_after_fork()
        text, name, home = _read(stack)
        self.folder = str(home or pathlib.Path(folder or ".").absolute())
        self.check = check
        self._before = _core.violations(), _core.watchdog_reports()
        self._descs: weakref.WeakValueDictionary[int, Desc] = weakref.WeakValueDictionary()
        self._watcher: threading.Thread | None = None
        self._running = _core.Host.start(text, os.fsencode(name), os.fsencode(self.folder),
                                         [os.fsencode(each) for each in plugin_path])
        self._stopped = False
        _living.add(self)

    def __enter__(self) -> Host:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        # The exception of the block says more than the leftovers that it caused.
        findings = self._stop()
        if kind is None:
            self._raise(findings)

    def __repr__(self) -> str:
        if self._stopped:
            return "<bdevkit.Host, stopped>"
        return f"<bdevkit.Host: {', '.join(self._running.names()) or 'no bdevs'}>"

    def __str__(self) -> str:
        return "stopped" if self._stopped else self.draw()

    def stop(self) -> None:
        """Aborts the I/O in flight, closes the descs, stops the frontends, removes the bdevs. A second stop does
        nothing. When an I/O or a module holds up the host for longer than the stack's `stop_limit` (30 s), this raises
        a bdevkit.Error (ETIMEDOUT) that names it. That host runs on until the process exits, and no other can be
        started."""
        self._raise(self._stop())

    @property
    def uris(self) -> list[str]:
        """The URIs for clients of the frontends."""
        return self._running.where()

    @property
    def bdevs(self) -> Bdevs:
        """The present bdevs by name."""
        return Bdevs(self)

    def draw(self) -> str:
        """The present stacks as text: each bdev above its bases."""
        infos = {name: HostBdev(self, name).info for name in self._running.names()}
        below = {base for info in infos.values() for base in info["bases"]}
        lines: list[str] = []

        def add(name: str, branch: str, prefix: str) -> None:
            info = infos.get(name)
            if info is None:
                lines.append(f"{branch}{name}")
                return
            size = _readable(info["num_blocks"] * info["block_size"])
            lines.append(f"{branch}{name}  {info['module']}  {size}, blocks of {info['block_size']}")
            for place, base in enumerate(info["bases"]):
                last = place + 1 == len(info["bases"])
                add(base, prefix + ("└─ " if last else "├─ "), prefix + ("   " if last else "│  "))

        for name in infos:
            if name not in below:
                add(name, "", "")
        return "\n".join([*self.uris, *lines])

    def create(self, module: str, name: str, **options: Any) -> HostBdev:
        """Creates a bdev. The options are those of the module's table (`bdevkit plugins MODULE`); a base is a name, a
        HostBdev, or a dict that is itself a bdev."""
        self._create(module, name, options).wait()
        return HostBdev(self, name)

    def remove(self, name: str | HostBdev) -> None:
        """Removes a bdev; its descs get an event and close themselves. Returns when the bdev is gone."""
        self._running.remove(_name(name)).wait()

    def resize(self, name: str | HostBdev, size: int) -> None:
        """Asks the module to change the size, in bytes."""
        self._running.resize(_name(name), size).wait()

    def examine(self, name: str | HostBdev) -> None:
        """Shows a bdev to the modules that recognise bdevs by what is on them, though the stack exports it or a client
        has written to it, which holds automatic examination off. Returns when they have looked."""
        self._running.examine(_name(name)).wait()

    def reconfigure(self, name: str | HostBdev, **options: Any) -> None:
        """Changes options of a bdev in use; options that are left out stay unchanged."""
        self._reconfigure(name, options).wait()

    def call(self, module: str, method: str, /, **params: Any) -> dict[str, Any]:
        """Calls a method of a module, and returns its result. `bdevkit plugins MODULE` lists the methods with their
        parameters. Calls may be made by several threads at once."""
        return json.loads(self._call(module, method, params).wait())

    # The same for asyncio: when the task that awaits one is cancelled, the change goes on.

    async def acreate(self, module: str, name: str, **options: Any) -> HostBdev:
        await self._create(module, name, options)
        return HostBdev(self, name)

    async def aremove(self, name: str | HostBdev) -> None:
        await self._running.remove(_name(name))

    async def aresize(self, name: str | HostBdev, size: int) -> None:
        await self._running.resize(_name(name), size)

    async def aexamine(self, name: str | HostBdev) -> None:
        await self._running.examine(_name(name))

    async def areconfigure(self, name: str | HostBdev, **options: Any) -> None:
        await self._reconfigure(name, options)

    async def acall(self, module: str, method: str, /, **params: Any) -> dict[str, Any]:
        return json.loads(await self._call(module, method, params))

    def open(self, name: str | HostBdev, write: bool = False, *, hide_metadata: bool = False) -> Desc:
        """Opens a bdev. With `hide_metadata` the desc has blocks of data only."""
        core = self._running.open(_name(name), write, hide_metadata)
        desc = Desc(core, self._watch_events)
        self._descs[core.id] = desc
        return desc

    # ---- within ----

    def _create(self, module: str, name: str, options: Mapping[str, Any]) -> _core.Pending:
        return self._running.create(_yaml([{"name": name, "module": module, **options}]), os.fsencode(self.folder))

    def _reconfigure(self, name: str | HostBdev, options: Mapping[str, Any]) -> _core.Pending:
        return self._running.reconfigure(_name(name), _yaml(options), os.fsencode(self.folder))

    def _call(self, module: str, method: str, params: Mapping[str, Any]) -> _core.Pending:
        return self._running.call(module, method, _yaml(params), os.fsencode(self.folder))

    def _raise(self, findings: list[str]) -> None:
        if self._waits:
            raise Error(errno.ETIMEDOUT, "the host cannot be stopped, and runs on (stop_limit): " + "; ".join(self._waits))
        if self.check and findings:
            raise Leak(findings)

    def _stop(self) -> list[str]:
        if self._stopped:
            return []
        self._stopped = True
        _living.discard(self)
        clean, open_descs, self._waits = self._running.stop()
        if self._waits:
            _run_on.add(self)
        if self._watcher is not None and self._watcher is not threading.current_thread():
            self._watcher.join()
        findings = []
        if open_descs:
            names = ", ".join(f"'{name}'" for name in open_descs)
            findings.append(f"{len(open_descs)} descs were not closed: {names}")
        if not clean:
            findings.append("the host did not stop cleanly: see the log")
        if broken := _core.violations() - self._before[0]:
            findings.append(f"{broken} broken rules were reported: see the log")
        if blocked := _core.watchdog_reports() - self._before[1]:
            findings.append(f"the watchdog reported {blocked} times: see the log")
        return findings

    def _watch_events(self) -> None:
        if self._watcher is None:
            self._watcher = threading.Thread(target=self._hand_out_events, name="bdevkit-events", daemon=True)
            self._watcher.start()

    def _hand_out_events(self) -> None:
        while (event := self._running.next_event(1000)) is not False:
            if event is None:
                continue
            desc = self._descs.get(event[0])
            if desc is not None:
                desc._told(event[1], event[2])
        for desc in list(self._descs.values()):
            desc._told_end()


_living: set[Host] = set()
_run_on: set[Host] = set()  # hosts that could not be stopped
_forked = False


@atexit.register
def _stop_all() -> None:
    for host in list(_living):
        host._stop()
    if not _run_on:
        _core.wait_for_background()
    _core.close_python()


class _Forked:
    """Replaces the host in a forked child process: the reactors exist only in the parent."""

    def __getattr__(self, name: str) -> Any:
        raise RuntimeError("the host runs in the process that this one was forked from: use it there, or the start "
                           "method 'spawn'")


def _after_fork() -> None:
    global _forked
    _forked = bool(_living) or _forked
    for host in list(_living):
        for desc in list(host._descs.values()):
            _core.keep_forever(desc._core)
            desc._core = _Forked()  # type: ignore[assignment]
        _core.keep_forever(host._running)  # its destructor would wait for reactors
        host._running = _Forked()  # type: ignore[assignment]
        host._stopped = True
    _living.clear()


def _forbid_after_fork() -> None:
    if _forked:
        raise RuntimeError("this process was forked while a host ran, and cannot run one: use the start method "
                           "'spawn', or fork before the first host")


os.register_at_fork(after_in_child=_after_fork)


def _read(stack: Stack) -> tuple[bytes, str, pathlib.Path | None]:
    """The text, its name in messages, and its folder if it has one."""
    if isinstance(stack, Mapping):
        return _yaml(stack), "<stack>", None
    if isinstance(stack, str) and "\n" in stack:
        return _encoded(stack), "<stack>", None
    path = pathlib.Path(stack)
    return path.read_bytes(), str(path), path.absolute().parent


def _yaml(value: Any) -> bytes:
    """The stack as JSON, which is valid YAML. None values are left out, like options that are not given."""
    return _encoded(json.dumps(_plain(value), indent=1, ensure_ascii=False))


def _encoded(text: str) -> bytes:
    """Encodes as UTF-8. A file name may contain other bytes, which Python represents as surrogates; they become the
    original bytes again."""
    return text.encode("utf-8", "surrogateescape")


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _plain(each) for key, each in value.items() if each is not None}
    if isinstance(value, (list, tuple)):
        return [_plain(each) for each in value]
    if isinstance(value, HostBdev):
        return value.name
    if isinstance(value, (bool, int, str)):
        return value
    return str(value)


def _name(bdev: str | HostBdev) -> str:
    if not isinstance(bdev, (str, HostBdev)):
        raise TypeError(f"expected the name of a bdev, or a bdev of the host, got {bdev!r}")
    return bdev.name if isinstance(bdev, HostBdev) else bdev


def _readable(size: int) -> str:
    value, units = float(size), ["B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"]
    while value >= 1024 and len(units) > 1:
        value /= 1024
        units.pop(0)
    return f"{value:g} {units[0]}" if value == int(value) else f"{value:.1f} {units[0]}"
