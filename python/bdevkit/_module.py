# SPDX-License-Identifier: BSD-3-Clause
"""Modules written in Python: for prototypes, and for test doubles."""

from __future__ import annotations

import asyncio
import dataclasses
import inspect
import pathlib
import threading
import traceback
import typing
import uuid
from collections.abc import Coroutine
from typing import Annotated, Any, ClassVar, Literal

from bdevkit import _core
from bdevkit._desc import Desc
from bdevkit._errors import Error

Io = _core.Io

# Option types without a Python type of their own. Values have the base class's type; in a stack they are written as for
# any module: `64MiB`, `10us`.
Size = Annotated[int, 5]
"""Bytes."""
Duration = Annotated[int, 6]
"""Nanoseconds."""
BaseName = Annotated[str, 10]
"""The name of a base bdev: an edge of the stack."""

_STRING, _BOOL, _U64, _ENUM, _UUID, _PATH, _BASE = 1, 2, 4, 7, 8, 9, 10
_REQUIRED, _LIST, _CLAIMED = 1, 2, 8
_SUCCESS, _FAILED, _ABORTED = 1, -1, -7
_TYPES = {str: _STRING, bool: _BOOL, int: _U64, uuid.UUID: _UUID, pathlib.Path: _PATH}


@dataclasses.dataclass(frozen=True)
class _Option:
    default: Any
    min: int
    max: int
    help: str


def option(default: Any = None, *, min: int = 0, max: int = 0, help: str = "") -> Any:
    """The default of an option, with further properties: `size: Size = option("64MiB", min=512, help="Bytes of it.")`.
    For a type checker it is a value of the field's type."""
    return _Option(default, min, max, help)


class Bdev:
    """A block device. Its annotated fields are the options of its module; those without a default are required.

        class Ram(bdevkit.Bdev):
            size: bdevkit.Size
            def setup(self):
                self.num_blocks = self.size // self.block_size
                self.data = bytearray(self.size)
            def submit(self, io):
                if io.type == "read":
                    return self.data[io.offset:io.offset + io.length]
                self.data[io.offset:io.offset + io.length] = io.data

        bdevkit.register(Ram, name="ram")

    submit(io) runs on a reactor and must not block. For a read it returns the data. When it returns, the I/O has
    succeeded, unless it has been forwarded. An exception fails the I/O: an OSError with its errno, and a bdevkit.Error
    with its NVMe status too. An `async def submit` runs in its own task, on a thread for all modules. An abort of the
    I/O cancels the task. A user's cancellation, Ctrl-C and the stop of the host request such an abort.
    """

    io_types: ClassVar[tuple[str, ...]] = ("read", "write")
    """The I/O types that submit() handles; the host emulates others with these where possible."""
    write_cache: ClassVar[bool] = False
    """Whether writes are durable only after a flush; then include "flush" in io_types."""

    name: str
    block_size: int = 512
    num_blocks: int = 0

    def setup(self) -> None:
        """Called once on the app thread, after the options have been set: sets num_blocks and block_size. If it raises
        an exception, creation fails with it."""

    def submit(self, io: Io) -> Any:
        """Handles an I/O."""
        raise NotImplementedError

    def removed(self) -> None:
        """Called when the bdev has been removed."""

    def reconfigured(self) -> None:
        """Called when the options have changed; the fields have the new values."""

    def resize(self, size: int) -> None:
        """Called by Host.resize() before the bdev gets that size, in bytes."""
        raise OSError(95, "this bdev has a fixed size")

    # ---- within ----

    _base_name: str | None = None
    _options: ClassVar[dict[str, dict[str, Any]]]

    @property
    def _io_types(self) -> int:
        return sum(_core.io_type_mask(each) for each in self.io_types)

    def _setup(self, base: _core.Desc | None) -> None:
        self.setup()

    def _set(self, options: dict[str, Any]) -> None:
        for field, value in options.items():
            kind = self._options[field]["type"]
            if kind == _UUID:
                value = uuid.UUID(bytes=value)
            elif kind == _PATH and value is not None:
                value = pathlib.Path(value)
            setattr(self, field, value)

    def _reconfigure(self, options: dict[str, Any]) -> None:
        self._set(options)
        self.reconfigured()

    @property
    def _submit_is_async(self) -> bool:
        return inspect.iscoroutinefunction(self.submit)

    @property
    def _running(self) -> dict[int, _Running]:
        """The `async def submit()` calls under way, by their I/O."""
        return self.__dict__.setdefault("_running_submits", {})

    def _submit(self, io: Io) -> None:
        try:
            result = self.submit(io)
            if inspect.iscoroutine(result):
                self._running[io._id] = running = _Running(self, io, result)
                running.start()
            elif not io.ended:
                _finish(io, result)
        except BaseException as error:
            self._failed(io, error)

    def _abort(self, io: Io, target: int) -> None:
        """Handles `io`, an abort of the I/O `target`."""
        running = self._running.get(target)
        if running is not None and not running.io.ended:
            running.abort(io)
        elif "abort" in self.io_types:
            self._submit(io)
        elif isinstance(self, VirtualBdev):
            io.forward()  # like the target
        else:
            io._complete_status(_FAILED)

    def _failed(self, io: Io, error: BaseException) -> None:
        code, level, text = _describe(error)
        _core.log(level, self.name, f"{io.type} at byte {io.offset}: {text}")
        if not io.ended:
            _fail(io, error, code)

    def _removed(self) -> None:
        self.removed()


class VirtualBdev(Bdev):
    """A bdev on top of another one, which its option `base` names and which it claims for writing.

    `self.base` is a Desc of the base for the awaitable calls; io.forward() sends an I/O to the base unchanged. Without
    its own io_types it supports those of the base. Its size is the base's unless setup() sets another.
    """

    io_types: ClassVar[tuple[str, ...]] = ()
    base: Any

    def submit(self, io: Io) -> Any:
        io.forward()

    # ---- within ----

    def _set(self, options: dict[str, Any]) -> None:
        base = options.pop("base")
        super()._set(options)
        self._base_name = self._base_name or base

    def _setup(self, base: _core.Desc | None) -> None:
        assert base is not None
        self.base = Desc(base, _no_events)
        self.block_size, self.num_blocks = base.block_size, base.num_blocks
        self.setup()


def _no_events() -> None:
    raise RuntimeError("the desc of a base has no events")


class Module:
    """A module: a name and the class of its bdevs. `register()` creates one from a class of bdevs."""

    name: ClassVar[str]
    version: ClassVar[str] = "0"
    bdev: ClassVar[type[Bdev]]

    @classmethod
    def make(cls, name: str, options: dict[str, Any]) -> Bdev:
        """Creates the object of a new bdev."""
        made = cls.bdev.__new__(cls.bdev)
        made.name = name
        made._set(options)
        made.__init__()  # type: ignore[misc]
        return made


def register(what: type[Bdev] | type[Module], *, name: str | None = None) -> None:
    """Registers a module for all hosts that start from now on. It replaces an earlier module of the same name."""
    if issubclass(what, Module):
        module = what
    else:
        module = type(what.__name__ + "Module", (Module,), {"name": name or what.__name__.lower(), "bdev": what,
                                                            "__doc__": what.__doc__})
    described = inspect.getdoc(module) or module.name
    module.bdev._options = {each["name"]: each for each in _options(module.bdev)}
    _core.register_module(name or module.name, module.version, described.splitlines()[0],
                          list(module.bdev._options.values()), module.make)


def _options(bdev: type[Bdev]) -> list[dict[str, Any]]:
    """The option table of the fields, including those of base classes."""
    found = []
    own = {"name", "block_size", "num_blocks", "io_types", "write_cache", "_base_name", "_options"}
    hints = typing.get_type_hints(bdev, include_extras=True)
    # A class that annotates one of the bdev's own fields makes it an option.
    given = {field for each in bdev.__mro__ if each not in (Bdev, VirtualBdev, object)
             for field in each.__dict__.get("__annotations__", {})}
    if issubclass(bdev, VirtualBdev):
        hints["base"] = BaseName
        given.add("base")
    for field, hint in hints.items():
        if typing.get_origin(hint) is ClassVar or field not in given or field.startswith("_"):
            continue
        if field in own - {"block_size"}:
            continue
        default = getattr(bdev, field, None)
        if not isinstance(default, _Option):
            default = _Option(default, 0, 0, "")
        kind, flags, values = _kind(hint)
        if field == "base" and issubclass(bdev, VirtualBdev):
            flags |= _CLAIMED
        written = default.default
        if isinstance(written, (list, tuple)):
            written = ", ".join(map(str, written))
        if isinstance(written, bool):
            written = str(written).lower()
        if written is None and not flags & _LIST:
            flags |= _REQUIRED
        found.append({"name": field, "help": default.help or f"The {field} of the bdev.", "type": kind, "flags": flags,
                      "default": written, "min": default.min, "max": default.max, "values": values})
    return found


def _kind(hint: Any) -> tuple[int, int, list[str]]:
    """Type, flags and the values of an enum."""
    origin = typing.get_origin(hint)
    if origin is list:
        kind, flags, values = _kind(typing.get_args(hint)[0])
        return kind, flags | _LIST, values
    if origin is Literal:
        return _ENUM, 0, [str(value) for value in typing.get_args(hint)]
    if origin is Annotated:
        return typing.get_args(hint)[1], 0, []
    if hint not in _TYPES:
        raise TypeError(f"an option cannot have the type {hint}: expected str, bool, int, uuid.UUID, pathlib.Path, "
                        "bdevkit.Size, Duration or BaseName, a Literal of words, or a list of one of these")
    return _TYPES[hint], 0, []


def _finish(io: Io, result: Any) -> None:
    if io.type == "read":
        if result is None:
            raise TypeError("submit() must return the data of a read")
        io.fill(result)
    io._complete(0)


def _fail(io: Io, error: BaseException, code: int) -> None:
    if isinstance(error, Error) and error.nvme is not None:
        io._complete_nvme(*error.nvme)
    else:
        io._complete(code)


def _describe(error: BaseException) -> tuple[int, str, str]:
    """The negative errno, and the level and text for the log. An OSError counts as an intended failure."""
    if isinstance(error, OSError) and error.errno:
        return -error.errno, "info", str(error)
    return -5, "error", "".join(traceback.format_exception(error)).rstrip()


class _Running:
    """An `async def submit()` under way. Everything except the constructor, start() and abort() runs in the modules'
    loop: the task begins, may be cancelled, and its end completes the I/O and its aborts."""

    def __init__(self, bdev: Bdev, io: Io, coroutine: Coroutine[Any, Any, Any]) -> None:
        self.bdev, self.io, self.coroutine = bdev, io, coroutine
        self.task: asyncio.Task[Any] | None = None
        self.ended = False
        self.aborts: list[Io] = []

    def start(self) -> None:
        _loop().call_soon_threadsafe(self._begin)

    def abort(self, io: Io) -> None:
        """Cancels the task; `io`, an abort, completes when the task has ended."""
        _loop().call_soon_threadsafe(self._cancel, io)

    def _begin(self) -> None:
        self.task = asyncio.get_running_loop().create_task(self._work())
        self.task.add_done_callback(self._end)

    def _cancel(self, io: Io) -> None:
        assert self.task is not None  # callbacks of a loop run in order
        if self.ended:
            io._complete_status(_FAILED)
            return
        self.aborts.append(io)
        self.task.cancel()

    async def _work(self) -> Any:
        """Returns an exception as a value, because a task would pass some exceptions on to the loop."""
        try:
            return await self.coroutine, None
        except asyncio.CancelledError:
            raise
        except BaseException as error:
            return None, error

    def _end(self, task: asyncio.Task[Any]) -> None:
        self.ended = True
        if self.bdev._running.get(self.io._id) is self:  # unless another I/O has taken its key since it was forwarded
            del self.bdev._running[self.io._id]
        self.coroutine.close()  # cancelled before it has begun, it would cause a warning about a forgotten await
        aborted = task.cancelled() and not self.io.ended
        if aborted:
            self.io._complete_status(_ABORTED)
        elif not task.cancelled():
            self._complete(*task.result())
        for abort in self.aborts:
            abort._complete_status(_SUCCESS if aborted else _FAILED)

    def _complete(self, result: Any, error: BaseException | None) -> None:
        try:
            if error is not None:
                raise error
            if not self.io.ended:
                _finish(self.io, result)
        except BaseException as raised:
            self.bdev._failed(self.io, raised)


_loop_of_modules: asyncio.AbstractEventLoop | None = None
_starting = threading.Lock()


def _loop() -> asyncio.AbstractEventLoop:
    """The loop in which `async def submit` runs, on its own thread."""
    global _loop_of_modules
    with _starting:
        if _loop_of_modules is None:
            _loop_of_modules = asyncio.new_event_loop()
            threading.Thread(target=_loop_of_modules.run_forever, name="bdevkit-modules", daemon=True).start()
    return _loop_of_modules
