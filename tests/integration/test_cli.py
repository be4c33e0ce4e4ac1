# SPDX-License-Identifier: BSD-3-Clause
"""The commands that only look: validate, graph, plugins, schema; and how the program explains itself."""

import json
import re
import shutil
import subprocess

import jsonschema
import pytest
import yaml

from conftest import BUILD, PATIENCE, SOURCE

EXAMPLES = sorted((SOURCE / "examples").glob("*.yaml"))
COMMANDS = ["run", "validate", "graph", "plugins", "check", "schema", "new"]


def bdevkit(*arguments, **options):
    return subprocess.run([BUILD / "bin" / "bdevkit", *arguments], capture_output=True, text=True, timeout=PATIENCE,
                          **options)


# ---- the program ----

def test_help_and_version():
    assert re.fullmatch(r"bdevkit \d+\.\d+\.\d+(-rc\d+)? \(ABI \d+\.\d+( draft \d+)?\)\n", bdevkit("--version").stdout)
    result = bdevkit("--help")
    assert result.returncode == 0
    for command in COMMANDS:
        assert re.search(rf"^  {command} ", result.stdout, re.MULTILINE)


@pytest.mark.parametrize("command", COMMANDS)
def test_each_command_teaches_with_examples(command):
    result = bdevkit(command, "--help")
    assert result.returncode == 0
    assert "Example" in result.stdout
    assert f"  bdevkit {command}" in result.stdout


def test_wrong_command_lines_are_usage():
    assert bdevkit().returncode == 2
    assert bdevkit("validate").returncode == 2
    assert bdevkit("graph", "x.yaml", "--format", "png").returncode == 2
    result = bdevkit("valdate", "x.yaml")
    assert result.returncode == 2
    assert result.stderr == "no command 'valdate'; did you mean 'validate'?\n"


def test_every_command_has_a_manual_page():
    for command in COMMANDS:
        assert (SOURCE / "docs" / "man" / f"bdevkit-{command}.1").exists()


# ---- validate ----

@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.name)
def test_examples_are_valid(example):
    result = bdevkit("validate", example)
    assert result.returncode == 0, result.stderr
    assert result.stdout.startswith(f"{example}: valid (")


WRONG = """\
version: 1
bdevs:
  - { name: disk, module: mallok, size: 4k }
  - { name: top, module: readonly, base: dsik }
  - { name: big, module: malloc, size: 4kk, block_sise: 512 }
"""


def test_all_errors_in_one_run_with_their_places(tmp_path):
    file = tmp_path / "wrong.yaml"
    file.write_text(WRONG)
    result = bdevkit("validate", file)
    assert result.returncode == 2
    assert result.stderr.splitlines() == [
        f"{file}:3:27: no module 'mallok' was found; did you mean 'malloc'?",
        f"{file}:4:42: no bdev 'dsik' in this file; did you mean 'disk'?",
        f"{file}:5:40: 'size': expected a size such as 512, 4k or 64MiB, got '4kk'",
        f"{file}:5:45: module 'malloc' has no option 'block_sise'; did you mean 'block_size'?",
    ]


def test_validate_as_json(tmp_path):
    file = tmp_path / "wrong.yaml"
    file.write_text(WRONG)
    result = bdevkit("validate", "--json", file)
    assert result.returncode == 2
    report = json.loads(result.stdout)
    assert report["valid"] is False
    assert [problem["line"] for problem in report["problems"]] == [3, 4, 5, 5]
    assert json.loads(bdevkit("validate", "--json", EXAMPLES[0]).stdout)["valid"] is True


@pytest.mark.parametrize("content", [
    b"", b"\0", b"\xff\xfe\x00", b"\x04", b"[" * 100_000, b"{" * 100_000, b"- " * 100_000, b"a: &a [*a]",
    b"version: 1\nbdevs: [" + b"{name: a, module: malloc, size: 4k}," * 20_000 + b"]",
    b"? [a]\n: b", b"version: !!binary x\n", b"%YAML 9.9\n---\n", b"'" * 65536, b"&a " * 10_000,
], ids=range(14))
def test_no_input_crashes_it(content, tmp_path):
    file = tmp_path / "odd.yaml"
    file.write_bytes(content)
    result = bdevkit("validate", file)
    assert result.returncode == 2, result
    assert str(file) in result.stderr


# ---- what validate and run both refuse ----

CANNOT_BE = {
    "two writers on one base": (
        "  - { name: a, module: passthru, base: disk }\n  - { name: b, module: passthru, base: disk }\n", "",
        "4:40: bdev 'disk' is already claimed for writing by 'a', at 3:40"),
    "a base and what stands on it": (
        "  - { name: a, module: passthru, base: disk }\n", "exports: [ { bdev: a }, { bdev: disk } ]",
        "6:62: bdev 'disk' is claimed for writing by 'a', at 3:40"),
    "a UUID twice": (
        "  - { name: a, module: malloc, size: 1MiB, uuid: 01234567-89ab-cdef-0123-456789abcdef }\n"
        "  - { name: b, module: malloc, size: 1MiB, uuid: 01234567-89ab-cdef-0123-456789abcdef }\n", "",
        "4:50: 'uuid': bdev 'a' has the same UUID, at 3:50"),
    "a name beside the parts": (
        "  - { name: d, module: split, base: disk, count: 2 }\n  - { name: dp0, module: malloc, size: 1MiB }\n", "",
        "4:13: bdev 'dp0' cannot have this name: module 'split' makes 'dp0' to 'dp1' from 'd', at 3:13"),
    "a part that is none": (
        "  - { name: d, module: split, base: disk, count: 2 }\n  - { name: r, module: readonly, base: dp2 }\n", "",
        "4:40: no bdev 'dp2': module 'split' makes 'dp0' to 'dp1' from 'd'"),
    "the whole of parts": (
        "  - { name: d, module: split, base: disk, count: 2 }\n", "exports: [ { bdev: d } ]",
        "module 'split' does not make a bdev 'd', but 'dp0' to 'dp1'; name one of these"),
}


@pytest.mark.parametrize("command", ["validate", "run", "graph"])
@pytest.mark.parametrize("bdevs, exports, expected", CANNOT_BE.values(), ids=CANNOT_BE.keys())
def test_what_the_graph_shows_is_refused_with_its_place(bdevs, exports, expected, command, tmp_path):
    file = tmp_path / "stack.yaml"
    frontends = f"frontends:\n  - nbd: {{ listen: 'unix:x', {exports} }}\n" if exports else ""
    file.write_text(f"version: 1\nbdevs:\n{bdevs}  - {{ name: disk, module: malloc, size: 1MiB }}\n{frontends}")
    result = bdevkit(command, file, cwd=tmp_path)
    assert result.returncode == 2
    assert expected in result.stderr, result.stderr
    assert len(result.stderr.splitlines()) == 1 and result.stderr.startswith(f"{file}:")


@pytest.mark.parametrize("command", ["validate", "run"])
def test_a_core_that_is_not_there_is_refused_with_its_place(command, tmp_path):
    file = tmp_path / "stack.yaml"
    file.write_text("version: 1\nhost: { cores: [0, 999] }\nbdevs: []\n")
    result = bdevkit(command, file)
    assert result.returncode == 2
    assert result.stderr.startswith(f"{file}:2:20: 'cores': core 999 is not available to this process; available: 0")


def test_perf_says_which_core_is_not_there():
    result = bdevkit("perf", SOURCE / "bench" / "stacks" / "null.yaml", "--cores", "0,999")
    assert result.returncode == 2
    assert result.stderr.startswith("--cores: core 999 is not available")


# ---- graph ----

def test_graph_as_text():
    result = bdevkit("graph", SOURCE / "examples" / "quickstart.yaml")
    assert result.returncode == 0
    assert result.stdout == (
        "nbd  unix:/tmp/bdevkit-quickstart.sock\n"
        "├─ pass  passthru\n"
        "│  └─ disk  malloc  (size 256MiB, block_size 512)\n"
        "└─ top  readonly\n"
        "   └─ pass  passthru\n"
        "      └─ disk  malloc  (size 256MiB, block_size 512)\n")


def test_graph_in_other_formats():
    stack = SOURCE / "examples" / "quickstart.yaml"
    dot = bdevkit("graph", stack, "--format", "dot").stdout
    assert dot.startswith("digraph stack {")
    if shutil.which("dot"):
        subprocess.run(["dot", "-Tsvg"], input=dot, text=True, stdout=subprocess.DEVNULL, check=True)
    assert bdevkit("graph", stack, "--format", "mermaid").stdout.startswith("flowchart TD")
    edges = json.loads(bdevkit("graph", stack, "--format", "json").stdout)["bdevs"]
    assert [(bdev["name"], [base["bdev"] for base in bdev["bases"]]) for bdev in edges] == [
        ("disk", []), ("pass", ["disk"]), ("top", ["pass"])]


# ---- plugins ----

def test_plugins_lists_what_was_found_and_where():
    result = bdevkit("plugins")
    assert result.returncode == 0
    for module in ("malloc", "null", "passthru", "readonly"):
        assert re.search(rf"^{module} +\d+\.\d+\.\d+ +1\.\d+ +\S", result.stdout, re.MULTILINE)
    assert str(BUILD / "lib" / "bdevkit" / "plugins") in result.stdout


def test_one_module_and_its_options():
    result = bdevkit("plugins", "malloc")
    assert result.returncode == 0
    assert "  - { name: my-malloc, module: malloc, size: ... }\n" in result.stdout
    assert "  size: size, required" in result.stdout
    assert "  block_size: u32, default 512" in result.stdout
    options = json.loads(bdevkit("plugins", "malloc", "--json").stdout)["options"]
    assert options[0]["name"] == "size" and options[0]["required"] is True


def test_a_module_that_is_not_there():
    result = bdevkit("plugins", "mallok")
    assert result.returncode == 2
    assert "did you mean 'malloc'?" in result.stderr


@pytest.fixture
def refused_plugin(tmp_path):
    """A folder with one plugin that others can write."""
    folder = tmp_path / "plugins"
    folder.mkdir(mode=0o755)
    shutil.copy(BUILD / "lib" / "bdevkit" / "plugins" / "null.so", folder / "open.so")
    (folder / "open.so").chmod(0o777)
    return folder / "open.so"


def test_a_refused_plugin_is_listed_with_the_reason(refused_plugin):
    result = bdevkit("plugins", "--plugin-path", refused_plugin.parent)
    assert result.returncode == 0
    assert re.search(rf"^  {refused_plugin}: .*chmod", result.stdout, re.MULTILINE)
    plugins = json.loads(bdevkit("plugins", "--json", "--plugin-path", refused_plugin.parent).stdout)["plugins"]
    assert [plugin["state"] for plugin in plugins if plugin["path"] == str(refused_plugin)] == ["refused"]


def test_the_stack_says_whether_a_refused_plugin_stops_it(refused_plugin, tmp_path):
    file = tmp_path / "stack.yaml"
    for on_error, code in (("continue", 0), ("stop", 2)):
        file.write_text(f"version: 1\nplugins: {{ path: [plugins], on_error: {on_error} }}\nbdevs: []\n")
        result = bdevkit("validate", file)
        assert result.returncode == code
        assert f"plugin {refused_plugin}: " in result.stderr


@pytest.fixture
def rogues(tmp_path):
    """A folder with plugins whose constructors end the process or do not return, and one correct plugin."""
    folder = tmp_path / "rogues"
    folder.mkdir(mode=0o755)
    for rogue in ("constructor_exits", "constructor_hangs", "table_filled_late", "well_behaved"):
        shutil.copy(BUILD / "tests" / "rogues" / f"{rogue}.so", folder)
    return folder


def test_plugins_that_end_or_hold_the_process_are_listed_as_refused(rogues):
    result = bdevkit("plugins", "--json", "--plugin-path", rogues)
    assert result.returncode == 0, result.stderr
    plugins = {plugin["path"]: plugin for plugin in json.loads(result.stdout)["plugins"]}
    exits = plugins[str(rogues / "constructor_exits.so")]
    assert exits["state"] == "refused"
    assert exits["reason"].startswith("its constructors end the process: exit(3) was called")
    hangs = plugins[str(rogues / "constructor_hangs.so")]
    assert hangs["state"] == "refused"
    assert hangs["reason"] == "its constructors have not returned within 10 s"
    names = {plugin["name"] for plugin in plugins.values() if plugin["state"] == "usable"}
    assert {"filled_late", "well_behaved", "malloc", "gpt"} <= names


def test_a_stack_opens_no_plugin_that_it_does_not_use(rogues, tmp_path):
    file = tmp_path / "stack.yaml"
    file.write_text("version: 1\nplugins: { path: [rogues] }\nbdevs: [ { name: d, module: malloc, size: 1MiB } ]\n")
    result = bdevkit("validate", file)
    assert result.returncode == 0, result.stderr


def test_a_plugin_that_ends_the_process_of_its_user_is_named(rogues, tmp_path):
    file = tmp_path / "stack.yaml"
    file.write_text("version: 1\nplugins: { path: [rogues] }\nbdevs: [ { name: d, module: constructor_exits } ]\n")
    for command in ("validate", "graph", "run"):
        result = bdevkit(command, file)
        assert result.returncode == 1
        assert f"exit(3) was called while the plugin {rogues}/constructor_exits.so was being opened" in result.stderr
        assert "#0 constructor_exits.so(" in result.stderr


# ---- schema ----

def test_examples_match_the_schema():
    schema = json.loads(bdevkit("schema").stdout)
    jsonschema.Draft7Validator.check_schema(schema)
    for example in EXAMPLES:
        jsonschema.validate(yaml.safe_load(example.read_text()), schema)


class Yaml12(yaml.SafeLoader):
    """Reads like an editor: YAML 1.2 has fewer words with a special type. PyYAML reads 1.1."""


Yaml12.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag not in ("tag:yaml.org,2002:bool", "tag:yaml.org,2002:timestamp")]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()}
Yaml12.add_implicit_resolver("tag:yaml.org,2002:bool", re.compile("^(true|True|TRUE|false|False|FALSE)$"), list("tTfF"))


@pytest.mark.parametrize("stack", [
    "bdevs: [ { name: d, module: null, size: 1MiB } ]",
    "bdevs: [ { name: d, module: 'null', size: '1048576', block_size: '512' } ]",
    "bdevs: [ { name: null, module: null, size: 1048576 }, { name: e, module: readonly, base: null } ]",
    "bdevs: [ { name: 1, module: null, size: 1 m }, { name: 2.5, module: readonly, base: 1 } ]",
    "bdevs: [ { name: true, module: null, size: 1.5MiB, block_size: 0x1000 }, { name: no, module: readonly, base: true } ]",
    "bdevs: [ { name: d, module: malloc, size: 1M, uuid: 0123456789abcdef0123456789abcdef } ]",
    "bdevs: [ { name: d, module: malloc, size: 1M, uuid: '{01234567-89ab-cdef-0123-456789ABCDEF}' } ]",
    "bdevs: [ { name: d, module: null, size: 1M, qos: { rw_iops: '5', rw_bytes_per_second: 1MIB } } ]",
    "host:\nplugins:\nbdevs: []",
    "host: { late_io: 0, late_call: 0s, blocked_limit: 10MS, auto_examine: yes }\nbdevs: []",
    "host: { late_io: '0', blocked_limit: 1.5S, auto_examine: Off }\nbdevs: []",
    "host: { hugepages: off, auto_examine: 'TRUE' }\nbdevs: []",
    "bdevs: [ { name: d, module: null, size: 1M } ]\nfrontends:\n"
    "  - nbd: { listen: 'tcp:[::1]:0', exports: [ { bdev: d, name: null, description: 5, read_only: on } ] }",
])
@pytest.mark.parametrize("loader", [yaml.SafeLoader, Yaml12])
def test_what_is_valid_matches_the_schema(stack, loader, tmp_path):
    file = tmp_path / "stack.yaml"
    for version in ["1", "'1'"]:
        file.write_text(f"version: {version}\n{stack}\n")
        result = bdevkit("validate", file)
        assert result.returncode == 0, result.stderr
        jsonschema.validate(yaml.load(file.read_text(), loader), json.loads(bdevkit("schema").stdout))


def test_the_schema_finds_what_validate_finds():
    schema = json.loads(bdevkit("schema").stdout)
    wrong = [
        {"version": 2, "bdevs": []},
        {"version": 1},
        {"version": 1, "bdevs": [{"name": "d", "module": "mallok", "size": "4k"}]},
        {"version": 1, "bdevs": [{"name": "d", "module": "malloc"}]},
        {"version": 1, "bdevs": [{"name": "d", "module": "malloc", "size": "4kk"}]},
        {"version": 1, "bdevs": [{"name": "d", "module": "malloc", "size": "4k", "sise": 1}]},
        {"version": 1, "bdevs": [], "host": {"mode": "fast"}},
    ]
    for stack in wrong:
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(stack, schema)
