# SPDX-License-Identifier: BSD-3-Clause
"""The order of the sources: which folders of the core may include which (docs/architecture.md), where tests are
(CONTRIBUTING.md), and docs/find-your-way.md."""

import re

import pytest
from conftest import SOURCE

CORE = SOURCE / "sdk" / "src"

# A folder may include itself and these.
FOLDERS = {
    "base": set(),
    "json": {"base"},
    "log": {"base"},
    "dif": {"base", "log"},
    "thread": {"base", "log"},
    "env": {"base", "log", "thread"},
    "diag": {"base", "log", "thread"},
    "bdev": {"base", "log", "json", "thread", "dif", "env", "diag"},
    "module": {"base", "log", "json", "thread", "diag", "bdev"},
    "runtime": {"base", "log", "json", "thread", "env", "diag", "bdev", "module"},
}

# Likewise the rooms of bdev/. rooms.cpp, which binds the hooks, may include all of them.
ROOMS = {
    "model": set(),
    "path": {"model"},
    "steps": {"path", "model"},
    "control": {"path", "model"},
    "lifecycle": {"control", "path", "model"},
    "observe": {"model"},
}


def sources(folder):
    """The sources of a folder but for its tests, which may use everything."""
    for file in sorted(folder.rglob("*.[ch]pp")):
        if not re.search(r"_(test|bench)\.cpp$", file.name):
            yield file


def included(file):
    """The paths, as written, of our own headers that a file includes."""
    return re.findall(r'^#include "([^"]+)"', file.read_text(), re.MULTILINE)


def test_every_folder_has_its_place():
    assert {folder.name for folder in CORE.iterdir() if folder.is_dir()} == set(FOLDERS)
    assert {folder.name for folder in (CORE / "bdev").iterdir() if folder.is_dir()} == set(ROOMS)


@pytest.mark.parametrize("folder", FOLDERS)
def test_folders_include_those_below(folder):
    allowed = FOLDERS[folder] | {folder}
    wrong = [f"{file.relative_to(CORE)} includes {path}" for file in sources(CORE / folder)
             for path in included(file) if path.split("/")[0] not in allowed]
    assert not wrong


@pytest.mark.parametrize("room", ROOMS)
def test_rooms_of_the_bdev_core_include_those_below(room):
    allowed = ROOMS[room] | {room}
    wrong = [f"{file.relative_to(CORE)} includes {path}" for file in sources(CORE / "bdev" / room)
             for path in included(file) if path.startswith("bdev/") and path.split("/")[1] not in allowed]
    assert not wrong


@pytest.mark.parametrize("roots", [["sdk/src"], ["host", "sdk/src"]])
def test_includes_are_written_from_the_root_of_the_sources(roots):
    wrong = [f"{file} includes {path}" for file in sorted((SOURCE / roots[0]).rglob("*.[ch]pp"))
             for path in included(file) if not any((SOURCE / root / path).exists() for root in [*roots, "tests"])]
    assert not wrong


def test_includes_of_plugins_are_written_from_their_file():
    wrong = [f"{file} includes {path}" for file in sources(SOURCE / "plugins") if not OF_TESTS.search(file.name)
             for path in included(file) if not (file.parent / path).exists()]
    assert not wrong


def test_the_stack_model_knows_no_kind_of_frontend():
    wrong = [f"{file.name} includes {path}" for file in sources(SOURCE / "host" / "stack")
             for path in included(file) if path.startswith("frontends/")]
    assert not wrong


# Where unit tests stand beside the code.
HAVE_UNIT_TESTS = ["sdk/src", "host", "plugins", "examples/modules"]
OF_TESTS = re.compile(r"(^|_)test[_.]")


def own_sources():
    """Our own sources in C and C++, by their paths in the tree. A template's project has tests of its own."""
    for folder in ["sdk", "host", "plugins", "python", "bench", "examples", "tests"]:
        for file in sorted((SOURCE / folder).rglob("*.[ch]*")):
            if file.suffix in {".c", ".h", ".cpp", ".hpp"}:
                yield file.relative_to(SOURCE)


def has_its_place(test):
    """Whether a unit test is where CONTRIBUTING.md and docs/testing.md say that its kind is."""
    if any(test.is_relative_to(folder) for folder in HAVE_UNIT_TESTS):
        beside = (SOURCE / test.parent).glob("*.[ch]pp")
        return any(not OF_TESTS.search(file.name) for file in beside)
    kind = "/".join(test.parts[:2])
    return kind == "sdk/tests" or f"`{kind}`" in (SOURCE / "docs" / "testing.md").read_text()


def test_every_unit_test_has_its_place():
    named = (SOURCE / "CONTRIBUTING.md").read_text()
    assert all(f"`{folder}`" in named for folder in [*HAVE_UNIT_TESTS, "sdk/tests", "tests/support"])
    tests = [file for file in own_sources() if file.name.endswith("_test.cpp")]
    assert len(tests) > 100
    assert not [str(test) for test in tests if not has_its_place(test)]


@pytest.mark.parametrize("what, pattern, place", [
    ("the host of tests", r"^class \w*TestHost\b", "tests/support/test_host.hpp"),
    ("the log capture", r"^class \w*LogCapture\b", "tests/support/log_capture.hpp"),
    ("the fixture with a host", r"^class \w*HostTest\b", "tests/support/host_test.hpp"),
])
def test_what_tests_share_is_there_once(what, pattern, place):
    found = [str(file) for file in own_sources() if re.search(pattern, (SOURCE / file).read_text(), re.MULTILINE)]
    assert found == [place], what


def test_only_the_host_of_tests_starts_a_runtime_for_them():
    shared = [file for file in own_sources() if file.parts[0] == "tests" or OF_TESTS.search(file.name)]
    found = [str(file) for file in shared if not file.name.endswith("_test.cpp")
             and "Runtime::start(" in (SOURCE / file).read_text()]
    assert found == ["tests/support/test_host.cpp"]


def test_the_twenty_answers_are_where_they_are_said_to_be():
    page = (SOURCE / "docs" / "find-your-way.md").read_text()
    answers = re.findall(r"^\|.*\| `([^`]+)` \| `([^`]+)` \|$", page, re.MULTILINE)
    assert len(answers) == 20
    for file, function in answers:
        assert re.search(rf"\b{function}\b", (SOURCE / file).read_text()), f"{function} is not in {file}"
