# SPDX-License-Identifier: BSD-3-Clause
"""The tables of the documents name tests: each row names one, and each named test exists. Text that is said to be in
some file is in that file. The headers yield a reference."""

import re
import subprocess

import pytest

from conftest import BUILD, SOURCE

DOCUMENTS = ["threading.md", "bdev.md"]
IN_SOURCE = re.compile(r"^TEST(?:_F|_P)?\((\w+),\s*(\w+)\)", re.MULTILINE)
IN_TEXT = re.compile(r"`([A-Z]\w*)\.([A-Z]\w+)`")


@pytest.fixture(scope="module")
def tests():
    found = set()
    for folder in ["sdk", "host", "tests", "plugins", "examples"]:
        for file in (SOURCE / folder).rglob("*_test.cpp"):
            found.update(IN_SOURCE.findall(file.read_text()))
    return found


def rows_of(text):
    """The rows of the tables whose last column is headed 'test', as lists of cells."""
    is_table_of_tests = False
    for line in text.splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")] if line.startswith("|") else []
        if not cells:
            is_table_of_tests = False
        elif cells[-1] == "test":
            is_table_of_tests = True
        elif is_table_of_tests and not cells[-1].startswith("---"):
            yield cells


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_test_that_is_named_exists(document, tests):
    named = IN_TEXT.findall((SOURCE / "docs" / document).read_text())
    assert len(named) > 20
    missing = [f"{suite}.{test}" for suite, test in named if (suite, test) not in tests]
    assert not missing


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_row_names_tests_in_full(document):
    rows = list(rows_of((SOURCE / "docs" / document).read_text()))
    assert len(rows) > 20
    for cells in rows:
        assert re.fullmatch(rf"{IN_TEXT.pattern}(, {IN_TEXT.pattern})*", cells[-1]), cells


def test_rules_are_written_where_the_check_says():
    rules = re.findall(r"^\| `([a-z_.]+)` \| .+ \| ([^|]+) \|$", (SOURCE / "docs" / "check.md").read_text(), re.MULTILINE)
    assert len(rules) > 70
    for rule, places in rules:
        for place in places.split("; "):
            file, _, what = place.partition(": ")
            text = (SOURCE / file).read_text()
            if file.startswith("docs/") and what:
                assert re.search(rf"^#+ {re.escape(what)}", text, re.MULTILINE), (rule, place)
            else:
                assert all(word.removesuffix("()") in text for word in what.split(", ")), (rule, place)


def test_documents_that_are_named_are_here():
    """Except the documents from which the project started."""
    listed = subprocess.run(["git", "ls-files"], cwd=SOURCE, capture_output=True, text=True, check=True).stdout.split()
    for name in listed:
        if name.startswith(("sdk/include/", "tests/abi/1.0/", "tests/fuzz/corpus/", "tests/integration/test_docs.py")):
            continue
        assert b"reference/0" not in (SOURCE / name).read_bytes(), name


def test_the_headers_make_a_reference_without_a_warning():
    result = subprocess.run(["cmake", "--build", BUILD, "--target", "docs"], capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout + result.stderr
    assert "warning" not in result.stdout + result.stderr
    pages = BUILD / "docs" / "html"
    assert "bdk_bdev_register" in (pages / "bdev__module_8h.html").read_text()
    assert (pages / "classbdevkit_1_1VirtualBdev.html").exists()


def test_the_smallest_modules_stay_small():
    lines = dict(line.split() for line in subprocess.run([SOURCE / "scripts" / "loc"], capture_output=True, text=True,
                                                         check=True).stdout.splitlines())
    assert int(lines["passthru"]) <= 60
    assert int(lines["readonly"]) <= 60
