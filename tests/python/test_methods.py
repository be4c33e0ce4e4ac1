# SPDX-License-Identifier: BSD-3-Clause
"""Methods of modules, called from Python. The plugin tests/methods has one for each way in which a call can end."""

import asyncio
import json
import subprocess
import threading

import bdevkit
import pytest

from conftest import BUILD

PLUGINS = BUILD / "tests" / "plugins" / "methods"
STACK = {"version": 1, "host": {"memory": "128MiB"}, "bdevs": [{"name": "disk", "module": "null", "size": "1MiB"}]}


@pytest.fixture
def methods_host():
    with bdevkit.Host(STACK, plugin_path=[PLUGINS]) as host:
        yield host


def test_parameters_are_those_of_the_table(methods_host):
    assert methods_host.call("methods", "echo", text="hello") == {
        "text": "hello", "flag": True, "number": 7, "size": 4096, "time_ns": 1_000_000, "colour": "red", "bdev": None,
        "words": []}
    given = {"flag": False, "number": 8, "size": "1MiB", "time": "2s", "colour": "green", "bdev": methods_host.bdevs["disk"],
             "words": ["a", "b"]}
    assert methods_host.call("methods", "echo", text="null", **given) == {
        "text": "null", "flag": False, "number": 8, "size": 1 << 20, "time_ns": 2_000_000_000, "colour": "green",
        "bdev": "disk", "words": ["a", "b"]}


def test_parameters_that_are_wrong_are_told_so(methods_host):
    with pytest.raises(bdevkit.StackError) as raised:
        methods_host.call("methods", "echo", texd="hello", number=101)
    assert "method 'echo' of module 'methods' has no option 'texd'; did you mean 'text'?" in raised.value.problems
    assert "method 'echo' of module 'methods' needs 'text' (Any text.)" in raised.value.problems
    assert "'number': expected at most 100, got '101'" in raised.value.problems
    with pytest.raises(bdevkit.StackError, match="expected one of red, green, got 'gren'; did you mean 'green'"):
        methods_host.call("methods", "echo", text="", colour="gren")
    with pytest.raises(bdevkit.Error, match="method 'echo' of module 'methods': no bdev 'dusk'"):
        methods_host.call("methods", "echo", text="", bdev="dusk")


def test_what_is_not_there_is_told_with_what_is(methods_host):
    with pytest.raises(bdevkit.Error, match="has no method 'ecko'; did you mean 'echo'"):
        methods_host.call("methods", "ecko")
    with pytest.raises(bdevkit.Error, match="did you mean 'methods'"):
        methods_host.call("method", "echo")
    with pytest.raises(bdevkit.Error, match="module 'null' has no methods; expected one of: .*methods"):
        methods_host.call("null", "echo")


def test_a_failure_has_the_module_s_words(methods_host):
    with pytest.raises(bdevkit.Error, match="method 'fail' of module 'methods': there is no room: make some") as raised:
        methods_host.call("methods", "fail", explained=True)
    assert raised.value.errno == 28
    with bdevkit.capture_log() as log, pytest.raises(bdevkit.Error, match="Input/output error"):
        methods_host.call("methods", "fail")
    assert any("for the log" in line for line in log.lines)


def test_calls_that_wait_hold_up_nobody(methods_host):
    async def both():
        waiting = [asyncio.ensure_future(methods_host.acall("methods", "wait")) for _ in range(2)]
        released = 0
        while released < 2:  # they start when they start
            assert list(methods_host.bdevs) == ["disk"]
            released += (await methods_host.acall("methods", "release"))["released"]
        return await asyncio.gather(*waiting, return_exceptions=True)

    for end in asyncio.run(both()):
        assert end == {"place": 1} or "somebody is always the first" in str(end)


def test_a_second_end_is_reported():
    with pytest.raises(bdevkit.Leak, match="1 broken rules"):
        with bdevkit.Host(STACK, plugin_path=[PLUGINS], check=True) as host:
            assert host.call("methods", "end_twice") == {}


def test_the_end_of_the_host_waits_for_calls():
    host = bdevkit.Host(STACK, plugin_path=[PLUGINS], check=True)
    ends = []

    def call(method):
        try:
            ends.append(host.call("methods", method))
        except bdevkit.Error as error:
            ends.append(str(error))

    caller = threading.Thread(target=call, args=["wait"])
    caller.start()
    # A stopping host takes no new calls, so the call that ends the waiting one is made before.
    while not host.call("methods", "end_waiting_soon")["waiting"]:
        pass
    host.stop()
    caller.join()
    assert ends == [{"late": True}]
    with pytest.raises(bdevkit.Error, match="the host has stopped"):
        host.call("methods", "echo", text="")


def test_the_program_lists_them():
    def plugins(*arguments):
        return subprocess.run([BUILD / "bin" / "bdevkit", "plugins", "methods", "--plugin-path", PLUGINS, *arguments], check=True,
                              capture_output=True, text=True).stdout

    text = plugins()
    assert "  echo: Says what it was given.\n      text: string, required\n          Any text.\n" in text
    assert "  release: Ends the calls that wait, the first with an error.\n" in text
    methods = {method["name"]: method for method in json.loads(plugins("--json"))["methods"]}
    assert list(methods) == ["echo", "wait", "release", "end_waiting_soon", "fail", "end_twice"]
    assert methods["echo"]["params"][2] == {"name": "number", "type": "u32", "required": False, "help": "A number.",
                                            "default": "7", "max": 100}
    assert methods["wait"]["params"] == []
