# SPDX-License-Identifier: BSD-3-Clause
"""Fixtures to test stacks and modules with pytest. Enable it in conftest.py:

    pytest_plugins = ["bdevkit.pytest"]

or on the command line: `pytest -p bdevkit.pytest`. docs/python.md describes the fixtures; `pytest --fixtures` lists
them.

A test with a host fails when it leaves a desc, a channel or a bdev_io behind, when it breaks a threading rule, or when
the watchdog reports a blocked reactor, unless it is marked `@pytest.mark.bdevkit_findings`. The report of a failed test
includes its log.
"""

from __future__ import annotations

import os
import pathlib
from collections.abc import Callable, Iterator
from typing import Any

import pytest

import bdevkit
from bdevkit import _core

DEFAULT_STACK = {"version": 1, "bdevs": [{"name": "disk", "module": "malloc", "size": "64MiB"}]}

# Log lines that report resources left behind by a module or the test.
_LEFT_BEHIND = ("although it still has", "that were not freed", "was not unregistered before the host stopped",
                "buffers of", "cannot be removed")


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("bdevkit")
    group.addoption("--bdevkit-plugin-path", action="append", default=[], metavar="DIR",
                    help="A folder with bdevkit plugins, searched before all others; may be repeated.")
    parser.addini("bdevkit_plugin_path", "Folders with bdevkit plugins, relative to the root folder.",
                  type="paths", default=[])
    parser.addini("bdevkit_log_level", "Level of bdevkit's log: error, warn, notice, info or debug.", default="notice")


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "stack(stack): the stack of the fixtures `stack` and `host`: a dict, a text or "
                                       "the path of a file, relative to the test's folder.")
    config.addinivalue_line("markers", "bdevkit_findings: broken rules and watchdog reports do not fail the test.")
    _core.log_level(config.getini("bdevkit_log_level"))


class _Watch:
    """The log of one test, and the findings of the log and the hosts at the end."""

    def __init__(self) -> None:
        _core.log_take()
        self.lines: list[str] = []
        self.violations, self.reports = _core.violations(), _core.watchdog_reports()

    def take(self) -> list[str]:
        self.lines.extend(_core.log_take())
        return self.lines

    def findings(self) -> list[str]:
        found = [line for line in self.take() if any(sign in line for sign in _LEFT_BEHIND)]
        if broken := _core.violations() - self.violations:
            found.append(f"{broken} broken rules were reported")
        if blocked := _core.watchdog_reports() - self.reports:
            found.append(f"the watchdog reported {blocked} times")
        return found


_WATCH: pytest.StashKey[_Watch] = pytest.StashKey()


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Iterator[None]:
    item.stash[_WATCH] = _Watch()
    _core.log_capture(True, False)
    yield
    _core.log_capture(False, True)


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Iterator[None]:
    outcome = yield
    report = outcome.get_result()  # type: ignore[attr-defined]
    if report.failed and (lines := item.stash[_WATCH].take()):
        report.sections.append(("bdevkit log", "\n".join(lines)))


@pytest.fixture
def bdevkit_log(request: pytest.FixtureRequest) -> Callable[[], list[str]]:
    """A function that returns the log lines of this test so far."""
    return request.node.stash[_WATCH].take


@pytest.fixture(scope="session")
def plugin_path(pytestconfig: pytest.Config) -> list[str]:
    """Folders with plugins, from --bdevkit-plugin-path and bdevkit_plugin_path in the ini file."""
    given = [str(pathlib.Path(each).absolute()) for each in pytestconfig.getoption("--bdevkit-plugin-path")]
    return given + [str(each) for each in pytestconfig.getini("bdevkit_plugin_path")]


@pytest.fixture
def start_host(request: pytest.FixtureRequest, plugin_path: list[str],
               tmp_path: pathlib.Path) -> Iterator[Callable[..., bdevkit.Host]]:
    """A function that starts a host with a stack. The host is stopped after the test, and the test fails if it left
    resources behind."""
    started: list[bdevkit.Host] = []

    def start(stack: Any, **options: Any) -> bdevkit.Host:
        options.setdefault("folder", tmp_path)
        started.append(bdevkit.Host(stack, plugin_path=plugin_path, **options))
        return started[-1]

    yield start
    findings = [line for host in started for line in host._stop()]
    watch = request.node.stash[_WATCH]
    findings += [line for line in watch.findings() if line not in findings]
    if findings and request.node.get_closest_marker("bdevkit_findings") is None:
        pytest.fail("after the test: " + "; ".join(findings), pytrace=False)


@pytest.fixture
def stack(request: pytest.FixtureRequest) -> Any:
    """The stack of the test: the one of its marker `stack`, or a malloc bdev `disk` of 64 MiB. A test module may define
    its own fixture of this name."""
    marker = request.node.get_closest_marker("stack")
    if marker is None:
        return DEFAULT_STACK
    given = marker.args[0]
    if isinstance(given, os.PathLike) or (isinstance(given, str) and "\n" not in given):
        return request.path.parent / given
    return given


@pytest.fixture
def host(start_host: Callable[..., bdevkit.Host], stack: Any) -> bdevkit.Host:
    """A running bdevkit.Host with the fixture `stack`."""
    return start_host(stack)


@pytest.fixture
def open_bdev(host: bdevkit.Host) -> Iterator[Callable[..., bdevkit.Desc]]:
    """A function like host.open(); the desc is closed after the test."""
    opened: list[bdevkit.Desc] = []

    def open_one(name: str, write: bool = True, **options: Any) -> bdevkit.Desc:
        opened.append(host.open(name, write, **options))
        return opened[-1]

    yield open_one
    for desc in opened:
        desc.close()


@pytest.fixture
def tmp_image(tmp_path: pathlib.Path) -> Callable[..., pathlib.Path]:
    """A function that creates a disk image from a size in bytes, or from the bytes themselves."""

    def make(content: int | bytes, name: str = "disk.img") -> pathlib.Path:
        path = tmp_path / name
        if isinstance(content, int):
            with open(path, "wb") as image:
                image.truncate(content)
        else:
            path.write_bytes(content)
        return path

    return make


@pytest.fixture
def nbd_uri(start_host: Callable[..., bdevkit.Host], stack: Any, tmp_path: pathlib.Path) -> Callable[[str], str]:
    """A function that returns the NBD URI of a bdev. It starts a host with the fixture `stack` and a server for all its
    bdevs. Do not use it together with the fixture `host`."""
    text = dict(stack) if isinstance(stack, dict) else None
    if text is None:
        raise pytest.UsageError("nbd_uri needs a stack that is a dict")
    exports = [{"bdev": each["name"]} for each in text["bdevs"]]
    text["frontends"] = [{"nbd": {"listen": f"unix:{tmp_path}/nbd.sock", "exports": exports}}]
    uris = start_host(text).uris

    def uri(bdev: str) -> str:
        return next(each for each in uris if each.partition("?")[0].endswith("/" + bdev))

    return uri


class FaultyBase:
    """A bdev that fails, corrupts or holds I/O on command: the module `error` on a malloc bdev."""

    def __init__(self, host: bdevkit.Host, name: str, size: int | str, block_size: int) -> None:
        self.host = host
        self.name = name
        host.create("malloc", f"{name}_disk", size=size, block_size=block_size)
        host.create("error", name, base=f"{name}_disk")

    def fail(self, *io_types: str, every: int = 1, count: int = 0, **options: Any) -> None:
        """Fails I/O of these types (none: all except reset and abort), every `every`-th I/O, `count` times (0: no
        limit). Options are those of the module `error`: status, nvme_sct, nvme_sc, aio_errno, offset, length."""
        self._set("fail", io_types, every, count, options)

    def corrupt(self, *io_types: str, every: int = 1, count: int = 0, **options: Any) -> None:
        """Inverts the data of reads and writes that match."""
        self._set("corrupt", io_types, every, count, options)

    def hold(self, *io_types: str, every: int = 1, count: int = 0, **options: Any) -> None:
        """Holds matching I/O until heal() releases it, or an abort or reset ends it."""
        self._set("hold", io_types, every, count, options)

    def heal(self) -> None:
        """Ends all faults. Held I/O continues."""
        self.host.reconfigure(self.name, action="pass", count=0, every=1)

    @property
    def struck(self) -> int:
        """The number of I/Os that met a fault since the last change."""
        return self.host.bdevs[self.name].info["driver_specific"]["struck"]

    @property
    def held(self) -> int:
        return self.host.bdevs[self.name].info["driver_specific"]["held"]

    def vanish(self) -> None:
        """Removes the disk below, as if it had been pulled out."""
        self.host.remove(f"{self.name}_disk")

    def _set(self, action: str, io_types: tuple[str, ...], every: int, count: int, options: dict[str, Any]) -> None:
        self.host.reconfigure(self.name, action=action, every=every, count=count, io_types=list(io_types), **options)


@pytest.fixture
def faulty_base(host: bdevkit.Host) -> Callable[..., FaultyBase]:
    """A function that creates a base of the host that fails on command: `base = faulty_base("base", size="16MiB")`."""

    def make(name: str = "base", *, size: int | str = "16MiB", block_size: int = 512) -> FaultyBase:
        return FaultyBase(host, name, size, block_size)

    return make
