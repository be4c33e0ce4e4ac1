# SPDX-License-Identifier: BSD-3-Clause
"""The names in docs/port-from-spdk.md exist in the headers."""

import re

from conftest import SOURCE

PAGE = (SOURCE / "docs" / "port-from-spdk.md").read_text()
HEADERS = "\n".join(path.read_text() for path in (SOURCE / "sdk" / "include" / "bdevkit").glob("*.h"))


def test_every_name_of_ours_exists():
    named = set(re.findall(r"\b(?:bdk_\w+|BDK_\w+)", PAGE))
    assert len(named) > 120
    declared = set(re.findall(r"\b(?:bdk_\w+|BDK_\w+)", re.sub(r"/\*.*?\*/", "", HEADERS, flags=re.DOTALL)))
    assert sorted(named - declared) == []


def test_what_is_called_is_a_function_and_what_is_a_struct_is_one():
    for function in set(re.findall(r"`(bdk_\w+)\(\)`", PAGE)):
        assert re.search(rf"BDK_API [^;()]*\b{function}\(", HEADERS), function
    for struct in set(re.findall(r"`struct (bdk_\w+)`", PAGE)):
        assert re.search(rf"struct {struct}\b", HEADERS), struct
    for member in set(re.findall(r"\| `\.(\w+)`", PAGE.replace("`, `.", "` | `."))) & {"init", "fini", "create"}:
        assert re.search(rf"\(\*{member}\)\(", HEADERS), member


def test_every_row_has_both_sides():
    rows = [line.split(" | ") for line in PAGE.splitlines() if line.startswith("| ") and not line.startswith("| ---")]
    assert len(rows) > 60
    for row in rows:
        assert len(row) == 3 and row[0].strip("| ") and row[1].strip(), row
