# SPDX-License-Identifier: BSD-3-Clause
"""`scripts/bench table` judges by ratios alone: how fast the machine is changes no verdict."""

import json
import sys

import pytest

from conftest import SOURCE

sys.path.insert(0, str(SOURCE / "bench"))

import table  # noqa: E402

RESULTS = sorted((SOURCE / "bench" / "results").glob("20*.json"))


def on_a_machine(measured, factor):
    """A copy of the table with all rates multiplied."""
    return {name: {figure: [value * factor if figure == "iops" else value for value in values]
                   for figure, values in figures.items()} for name, figures in measured.items()}


def verdicts(measured):
    return {(row["what"], row["figure"], row["beside"]): row["met"] for row in table.compare(measured)}


@pytest.mark.parametrize("factor", [0.25, 0.5, 4])
@pytest.mark.parametrize("file", RESULTS, ids=lambda file: file.stem)
def test_a_slower_machine_gets_the_same_verdicts(file, factor):
    measured = json.loads(file.read_text())["measured"]
    assert verdicts(on_a_machine(measured, factor)) == verdicts(measured)
    assert sum("SPDK" in beside for _, _, beside in verdicts(measured)) == len(table.SPDK_TIMES_FIO_NULL)


def test_without_fio_null_nothing_is_said_of_spdk():
    measured = json.loads(RESULTS[-1].read_text())["measured"]
    del measured["fio null"]
    assert not [row for row in verdicts(measured) if "SPDK" in row[2]]
