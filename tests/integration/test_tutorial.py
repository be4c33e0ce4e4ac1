# SPDX-License-Identifier: BSD-3-Clause
"""docs/write-a-module.md: every command is run, every listing is compiled, and the output is as printed there."""

import os
import subprocess

import pytest
import tutorial

from conftest import BUILD, PATIENCE, SOURCE

PAGE = (SOURCE / "docs" / "write-a-module.md").read_text()


def test_the_module_takes_about_60_lines():
    listings = [block[2] for block in tutorial.BLOCK.finditer(PAGE) if block[1] == "cpp" and "TEST(" not in block[2]]
    assert len(listings) == 2
    assert sum(bool(line.strip()) for text in listings for line in text.splitlines()) <= 60


@pytest.mark.skipif(BUILD.name in ["asan", "tsan"], reason="the tutorial builds the preset release")
def test_the_tutorial_does_what_it_says(tmp_path):
    prefix = tmp_path / "installed"
    subprocess.run(["cmake", "--install", BUILD, "--prefix", prefix], check=True, stdout=subprocess.DEVNULL)
    home = tmp_path / "home"
    home.mkdir()
    environment = os.environ | {
        "PATH": f"{prefix}/bin:{os.environ['PATH']}", "HOME": str(home), "CMAKE_PREFIX_PATH": str(prefix),
        "CMAKE_CXX_COMPILER_LAUNCHER": "ccache", "CMAKE_GENERATOR": "Ninja", "CCACHE_BASEDIR": str(tmp_path),
        "CCACHE_NOHASHDIR": "1", "CCACHE_DIR": os.environ.get("CCACHE_DIR", os.path.expanduser("~/.cache/ccache"))}
    result = subprocess.run(["bash", "-c", tutorial.script(PAGE)], cwd=tmp_path, env=environment, check=False,
                            capture_output=True, text=True, timeout=5 * PATIENCE)
    assert result.returncode == 0, result.stdout + result.stderr


def test_a_wrong_statement_stops_it(tmp_path):
    page = "```sh\necho one\n```\n```text\n{}\n```\n```sh\ntouch reached\n```\n"
    run = [subprocess.run(["bash", "-c", tutorial.script(page.format(word))], cwd=tmp_path, check=False,
                          capture_output=True, text=True) for word in ["two", "one"]]
    assert run[0].returncode != 0
    assert "not printed: two" in run[0].stderr
    assert run[1].returncode == 0
    assert (tmp_path / "reached").exists()
