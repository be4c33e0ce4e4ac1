# SPDX-License-Identifier: BSD-3-Clause
"""The pytest plugin, as used by a third-party project."""

import pytest

SMALL = '{"version": 1, "host": {"memory": "128MiB"}, "bdevs": [{"name": "disk", "module": "malloc", "size": "1MiB"}]}'


@pytest.fixture
def project(pytester):
    pytester.makeconftest('pytest_plugins = ["bdevkit.pytest"]')

    def run(code):
        pytester.makepyfile(f"import bdevkit, pytest\nSTACK = {SMALL}\n{code}")
        return pytester.runpytest_subprocess("-p", "no:cacheprovider")

    return run


def test_the_fixtures(project):
    project("""
@pytest.fixture
def stack():
    return STACK

def test_host(host, open_bdev):
    open_bdev("disk").write(0, bytes(512))

@pytest.mark.stack("other.yaml")
def test_marker(request):
    assert request.getfixturevalue("tmp_path")

def test_image(tmp_image):
    assert tmp_image(4096).stat().st_size == 4096
    assert tmp_image(b"abc", "b.img").read_bytes() == b"abc"

def test_faults(host, faulty_base):
    base = faulty_base()
    with host.open("base", write=True) as desc:
        base.fail("read", count=1)
        desc.write(0, b"a" * 512)
        with pytest.raises(bdevkit.Error):
            desc.read(0, 512)
        assert base.struck == 1
        base.corrupt()
        assert desc.read(0, 512) == b"\\x9e" * 512
        base.heal()
        assert desc.read(0, 512) == b"a" * 512
        base.vanish()
        with pytest.raises(bdevkit.Error, match="was removed"):
            desc.read(0, 512)

def test_uri(nbd_uri):
    import nbd
    client = nbd.NBD()
    client.connect_uri(nbd_uri("disk"))
    assert client.get_size() == 1 << 20
    client.shutdown()
""").assert_outcomes(passed=5)


def test_what_is_left_behind_fails_the_test(project):
    result = project("""
@pytest.fixture
def stack():
    return STACK

def test_forgets(host):
    host.open("disk")

@pytest.mark.bdevkit_findings
def test_may_forget(host):
    host.open("disk")
""")
    result.assert_outcomes(passed=2, errors=1)
    result.stdout.fnmatch_lines(["*after the test: 1 descs were not closed*"])


def test_the_log_of_a_test_that_fails_is_shown(project):
    result = project("""
from bdevkit import _core
def test_fails():
    _core.log("warn", "test", "a line of the log")
    assert False
""")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*bdevkit log*", "*a line of the log*"])


def test_a_report_of_the_watchdog_fails_the_test(project):
    result = project("""
import time
from bdevkit import _core

class Blocks(bdevkit.Bdev):
    num_blocks = 8
    def submit(self, io):
        while _core.watchdog_reports() == 0:
            time.sleep(0.001)
        return bytes(io.length)

bdevkit.register(Blocks)

def test_blocks(start_host):
    host = start_host({"version": 1, "host": {"blocked_limit": "50ms"}, "bdevs": [{"name": "b", "module": "blocks"}]})
    with host.open("b") as desc:
        desc.read(0, 512)
""")
    result.assert_outcomes(passed=1, errors=1)
    result.stdout.fnmatch_lines(["*the watchdog reported * times*"])
