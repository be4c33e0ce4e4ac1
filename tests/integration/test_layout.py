# SPDX-License-Identifier: BSD-3-Clause
"""The order of the sources: which folders of the core may include which (docs/architecture.md), and
docs/find-your-way.md."""

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
        if not re.search(r"_(test|bench)\.cpp$", file.name) and file.name != "test_host.hpp":
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
    wrong = [f"{file} includes {path}" for file in sources(SOURCE / "plugins")
             for path in included(file) if not (file.parent / path).exists()]
    assert not wrong


def test_the_stack_model_knows_no_kind_of_frontend():
    wrong = [f"{file.name} includes {path}" for file in sources(SOURCE / "host" / "stack")
             for path in included(file) if path.startswith("frontends/")]
    assert not wrong


def test_the_twenty_answers_are_where_they_are_said_to_be():
    page = (SOURCE / "docs" / "find-your-way.md").read_text()
    answers = re.findall(r"^\|.*\| `([^`]+)` \| `([^`]+)` \|$", page, re.MULTILINE)
    assert len(answers) == 20
    for file, function in answers:
        assert re.search(rf"\b{function}\b", (SOURCE / file).read_text()), f"{function} is not in {file}"
