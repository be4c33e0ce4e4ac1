# SPDX-License-Identifier: BSD-3-Clause
"""Foreign text (an author's strings, a path, a plugin's output, the header of a trace) contains invalid UTF-8 and
terminal control characters. No report may break on it, and no terminal may receive it."""

import json
import re
import struct
import subprocess
import xml.etree.ElementTree

import pytest

from conftest import BUILD, PATIENCE, SOURCE

# A hostile text: it is not UTF-8, clears the screen by C0 and by C1, and turns the direction of text.
HOSTILE = b"a\xff\x1b[2J\xc2\x9b2J\xe2\x80\xae\x7f"
SHOWN = "a\ufffd\\x1b[2J\\u009b2J\\u202e\\x7f"
IN_JSON = "a\ufffd\x1b[2J\x9b2J\u202e\x7f"
IN_C = '"' + "".join(f"\\{byte:03o}" for byte in HOSTILE) + '"'

PLUGIN = f"""
#include <bdevkit/bdevkit.h>
#include <stdlib.h>
#include <unistd.h>

struct options {{ const char* word; uint32_t choice; }};
static const char* const choices[] = {{{IN_C}, "b", NULL}};
static const struct bdk_option table[] = {{
    {{.name = "word", .help = {IN_C}, .type = BDK_OPTION_STRING, .default_value = {IN_C}}},
    {{.name = "choice", .help = "One.", .type = BDK_OPTION_ENUM, .offset = 8, .default_value = "b", .enum_values = choices}},
}};
static int create(const struct bdk_module* self, struct bdk_create* create, const char* name, const void* options) {{
    (void)self, (void)create, (void)name, (void)options;
    if (write(2, {IN_C} "\\n", {len(HOSTILE)} + 1) < 0) return -1;
    abort();
}}
BDK_MODULE = {{.size = sizeof(struct bdk_module), .name = "odd",
    .version = {IN_C}, .description = {IN_C} "\\nmodule forged", .author = {IN_C}, .license = {IN_C}, .options = table,
    .option_count = 2, .option_size = sizeof(struct bdk_option), .options_struct_size = sizeof(struct options),
    .create = create}};
"""


def bdevkit(*arguments, **options):
    return subprocess.run([BUILD / "bin" / "bdevkit", *arguments], capture_output=True, timeout=PATIENCE, check=False, **options)


def shown(result):
    """Output for a terminal must be UTF-8 without control characters except line ends and tabs."""
    text = (result.stdout + result.stderr).decode()
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]", text), text
    return text


@pytest.fixture(scope="module")
def odd_plugin(tmp_path_factory):
    """A plugin in which every string is hostile."""
    folder = tmp_path_factory.mktemp("odd")
    folder.chmod(0o755)
    (folder / "odd.c").write_text(PLUGIN)
    subprocess.run(["gcc", "-shared", "-fPIC", f"-I{SOURCE / 'sdk/include'}", "-o", folder / "odd.so", folder / "odd.c"],
                   check=True)
    return folder / "odd.so"


def test_json_becomes_text_in_one_place():
    calls = [f"{file.relative_to(SOURCE)}:{number}" for folder in ["host", "sdk/src", "python/src"]
             for file in sorted((SOURCE / folder).rglob("*.?pp")) if not file.name.endswith("_test.cpp")
             for number, line in enumerate(file.read_text().splitlines(), start=1) if re.search(r"[.>]dump\(", line)]
    assert len(calls) == 1 and calls[0].startswith("sdk/src/json/json_text.hpp:"), calls


def test_an_authors_strings(odd_plugin):
    path = ("--plugin-path", odd_plugin.parent)
    listed = shown(bdevkit("plugins", *path))
    assert re.search(rf"^odd +{re.escape(SHOWN)} +1\.0  {re.escape(SHOWN)}", listed, re.MULTILINE)
    assert not re.search("^module forged", listed, re.MULTILINE), "a description makes no line of the list"
    assert SHOWN in shown(bdevkit("plugins", "odd", *path))
    modules = {each.get("name"): each for each in json.loads(bdevkit("plugins", "--json", *path).stdout)["plugins"]}
    assert modules["odd"]["author"] == IN_JSON
    assert modules["odd"]["options"][0]["default"] == IN_JSON
    assert json.loads(bdevkit("plugins", "odd", "--json", *path).stdout)["license"] == IN_JSON
    assert IN_JSON in json.dumps(json.loads(bdevkit("schema", *path).stdout), ensure_ascii=False).encode().decode() \
        .replace("\\u001b", "\x1b")


def test_a_path_with_any_bytes(odd_plugin, tmp_path):
    folder = bytes(tmp_path) + b"/" + HOSTILE
    subprocess.run([b"mkdir", b"-m", b"755", folder], check=True)
    subprocess.run([b"cp", bytes(odd_plugin), folder + b"/null.so"], check=True)
    subprocess.run([b"chmod", b"777", folder + b"/null.so"], check=True)
    result = bdevkit("plugins", "--plugin-path", folder)
    assert f"{tmp_path}/{SHOWN}/null.so: " in shown(result)
    told = json.loads(bdevkit("plugins", "--json", "--plugin-path", folder).stdout)
    assert f"{tmp_path}/{IN_JSON}/null.so" in [each["path"] for each in told["plugins"]]
    assert SHOWN in shown(bdevkit("validate", folder + b"/no-such-stack"))


def test_last_words(odd_plugin, tmp_path):
    check = ("check", odd_plugin, "--rule", "create.*", "--jobs", "1")
    result = bdevkit(*check, "--junit", tmp_path / "junit.xml")
    assert result.returncode == 1
    assert SHOWN in shown(result)
    failures = [each.text for each in xml.etree.ElementTree.parse(tmp_path / "junit.xml").getroot().iter("failure")]
    assert any(SHOWN in text for text in failures)
    rules = json.loads(bdevkit(*check, "--json").stdout)["rules"]
    assert any(IN_JSON in rule.get("last_words", "") for rule in rules)


def test_the_header_of_a_trace(tmp_path):
    header = struct.pack("<8sIIIIQQ88s", b"BDKTRACE", 1, 136, 40, 512, 8, 0, HOSTILE)
    record = struct.pack("<QQQIBbBB", 5, 6, 0, 1, 1, 1, 0, 0)
    (tmp_path / "trace").write_bytes(header.ljust(136, b"\0") + record.ljust(40, b"\0"))
    assert f"trace of '{SHOWN}'" in shown(bdevkit("trace", tmp_path / "trace"))
    first, second = (json.loads(line) for line in bdevkit("trace", "--json", tmp_path / "trace").stdout.splitlines())
    assert first["bdev"] == IN_JSON
    assert second["type"] == "read"


@pytest.fixture
def stack_with_odd_path(tmp_path):
    file = tmp_path / "stack.yaml"
    file.write_bytes(b"version: 1\nbdevs:\n  - { name: disk, module: uring, path: \"b\xff\\e[2J\", size: 1MiB }\n")
    return file


def test_a_path_in_a_graph(stack_with_odd_path):
    told = json.loads(bdevkit("graph", stack_with_odd_path, "--format", "json").stdout)
    assert told["bdevs"][0]["options"]["path"] == "b\ufffd\x1b[2J"
    for form in ["text", "dot", "mermaid"]:
        assert "b\ufffd" in shown(bdevkit("graph", stack_with_odd_path, "--format", form))


def test_a_path_that_is_no_utf8_is_used_as_it_is(run_stack, tmp_path):
    stack = run_stack(b"version: 1\nbdevs: [ { name: disk, module: uring, path: b\xff, size: 1MiB, direct: false } ]\n"
                      .decode("utf-8", "surrogateescape"))
    assert (bytes(stack.file.parent) + b"/b\xff") in [bytes(each) for each in stack.file.parent.iterdir()]


@pytest.mark.parametrize("command", ["validate", "run", "graph"])
def test_a_name_has_a_place(command, tmp_path):
    file = tmp_path / "stack.yaml"
    file.write_bytes(b"version: 1\nbdevs:\n  - { name: a\xff, module: malloc, size: 1MiB }\n"
                     b"  - { name: \"b\\e[2J\", module: malloc, size: 1MiB }\n")
    result = bdevkit(command, file)
    assert result.returncode == 2
    expected = "'name': expected 1 to 255 bytes of UTF-8 without blanks and control characters, got"
    assert shown(result) == f"{file}:3:7: {expected} 'a\ufffd'\n{file}:4:7: {expected} 'b\\x1b[2J'\n"
    told = json.loads(bdevkit("validate", "--json", file).stdout)
    assert told["problems"][0]["message"].endswith("'a\ufffd'")


def test_clients_get_utf8(run_stack, tmp_path):
    stack = run_stack(b"version: 1\nbdevs: [ { name: disk, module: malloc, size: 1MiB } ]\nfrontends:\n"
                      b"  - nbd: { listen: \"unix:nbd.sock\", exports: [ { bdev: disk, description: \"Zo\xeb\" } ] }\n"
                      .decode("utf-8", "surrogateescape"))
    told = subprocess.run(["nbdinfo", "--json", stack.uri("disk")], capture_output=True, timeout=PATIENCE, check=True).stdout
    assert json.loads(told)["exports"][0]["description"] == "Zo\ufffd"


def test_counters_of_any_bdev(run_stack, tmp_path):
    stack = run_stack('version: 1\nbdevs: [ { name: "Zoë/💾", module: malloc, size: 1MiB } ]\n', "--stats-json",
                      tmp_path / "stats.json", "--stats")
    assert stack.stop() == 0
    assert json.loads((tmp_path / "stats.json").read_text())[0]["name"] == "Zoë/💾"
    assert "Zoë/💾" in stack.output
