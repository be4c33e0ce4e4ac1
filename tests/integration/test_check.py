# SPDX-License-Identifier: BSD-3-Clause
"""`bdevkit check`: it finds every rogue of the gallery with the right rule, and passes every good plugin."""

import concurrent.futures
import json
import re
import subprocess
import xml.etree.ElementTree

import pytest

from conftest import BUILD, PATIENCE, SOURCE

pytestmark = pytest.mark.skipif(
    re.search(r"^BDEVKIT_SANITIZE:\w+=thread", (BUILD / "CMakeCache.txt").read_text(), re.MULTILINE) is not None,
    reason="by hand with ThreadSanitizer: it passes, in four minutes")

PROGRAM = BUILD / "bin" / "bdevkit"
GALLERY = BUILD / "tests" / "rogues" / "check"
LOADER_ROGUES = BUILD / "tests" / "rogues"
PLUGINS = BUILD / "lib" / "bdevkit" / "plugins"

# The rule that must name each rogue.
ROGUES = {
    "blocks_in_poller": "thread.block",
    "blocks_in_submit": "thread.block",
    "calls_exit": "data.roundtrip",
    "changes_types": "types.steady",
    "closes_to_full": "zone.states",
    "claims_examined": "examine.untouched",
    "claims_unmap": "types.claimed",
    "claims_write_zeroes": "types.claimed",
    "closes_base_elsewhere": "thread.owner",
    "completes_elsewhere": "io.thread",
    "completes_twice": "io.once",
    "default_out_of_range": "options.default",
    "destruct_never_done": "remove.idle",
    "done_twice": "abi.done",
    "drops_flush": "base.flush",
    "drops_on_nomem": "base.nomem",
    "fails_on_nomem": "base.nomem",
    "fails_reset": "control.reset",
    "fills_early": "zone.capacity",
    "fini_hangs": "lifecycle.fini",
    "forgets_config_done": "examine.done",
    "forgets_examine_done": "examine.done",
    "forgets_to_invalidate": "data.unmap",
    "hides_failure": "base.status",
    "ignores_base_removal": "base.removed",
    "ignores_fua": "base.fua",
    "ignores_iovecs": "data.iovecs",
    "ignores_taken_name": "create.taken",
    "init_hangs": "lifecycle.init",
    "keeps_claim": "leak.claim",
    "keeps_pointer": "zone.write",
    "leaks_channel": "control.channels",
    "leaks_desc": "leak.desc",
    "leaks_fd": "leak.fd",
    "leaks_io_device": "leak.io_device",
    "leaks_memory": "leak.memory",
    "leaks_memory_of_bdev": "leak.memory",
    "leaks_poller": "leak.poller",
    "leaks_thread": "leak.thread",
    "leaves_refused": "create.limits",
    "method_twice": "methods.table",
    "needs_buffer": "data.host_buffer",
    "lends_elsewhere": "types.claimed",
    "misplaces_append": "zone.append",
    "misplaces_seam": "data.seams",
    "never_completes": "io.completes",
    "no_claim": "base.claim",
    "no_help": "options.help",
    "opens_all": "zone.open_limit",
    "options_overlap": "options.layout",
    "reads_too_much": "data.buffers",
    "reports_wrong_capacity": "zone.report",
    "resets_nothing": "zone.reset",
    "scrambles_written": "data.buffers",
    "segfaults_on_remove": "remove.idle",
    "short_table": "load.sizes",
    "spoils_neighbour": "data.neighbours",
    "throws": "abi.exceptions",
    "throws_in_submit": "abi.exceptions",
    "throws_int": "abi.exceptions",
    "writes_anywhere": "zone.elsewhere",
    "writes_behind_cache": "data.sequence",
    "writes_on_read": "base.untouched",
    "wrong_data": "data.roundtrip",
    "wrong_size": "data.roundtrip",
    "zeroes_behind_cache": "data.zeroes",
    "zeroes_without_fua": "base.fua",
}

# Rogues of the loader's tests.
LOADER_ROGUES_BY_RULE = {
    "create_pending": "create.defaults",
    "init_blocks": "lifecycle.init",
    "init_fails": "lifecycle.init",
    "no_entry_symbol": "load.open",
    "size_too_large": "load.open",
    "undefined_symbol": "load.open",
    "wrong_abi_major": "load.open",
}

# The correct plugins of the tree, and what they need in addition to a base.
GOOD = {
    "crypto": ["--option", "key_file={folder}/key"], "delay": [], "error": [],
    "gpt": ["--base-image", "{folder}/gpt.img"], "malloc": [], "null": [],
    # It needs a controller, which is not there.
    "nvme": ["--rule", "load.*", "--rule", "options.*", "--rule", "lifecycle.*"],
    "passthru": [], "readonly": [], "split": ["--option", "count=2"],
    "trace": ["--option", "path={{scratch}}/trace"], "uring": []}


def check(*arguments, patience=PATIENCE):
    """The exit code, and the report where there is one."""
    result = subprocess.run([PROGRAM, "check", *arguments, "--json"], capture_output=True, text=True,
                            timeout=patience)
    return result.returncode, json.loads(result.stdout) if result.stdout.startswith("{") else result.stderr


def broken(report):
    return {rule["rule"]: rule for rule in report["rules"] if rule["outcome"] == "fail"}


@pytest.fixture(scope="module")
def found_rogues():
    """The report of the check for each rogue and the rule that it breaks; two rogues at a time."""

    def run(file, rule):
        return check(file, "--rule", rule, "--timeout", "9s", "--jobs", "1", "--base-size", "8MiB")

    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        runs = {name: pool.submit(run, GALLERY / f"{name}.so", rule) for name, rule in ROGUES.items()}
        runs |= {name: pool.submit(run, LOADER_ROGUES / f"{name}.so", rule)
                 for name, rule in LOADER_ROGUES_BY_RULE.items()}
        return {name: run.result() for name, run in runs.items()}


def test_the_table_has_every_rogue():
    assert sorted(ROGUES) == sorted(file.stem for file in GALLERY.glob("*.so"))
    assert len(ROGUES) >= 20


@pytest.mark.xdist_group("rogues")
@pytest.mark.parametrize("name", [*ROGUES, *LOADER_ROGUES_BY_RULE])
def test_rogue_is_found_with_its_rule(name, found_rogues):
    exit_code, report = found_rogues[name]
    assert exit_code == 1, report
    rule = broken(report).get((ROGUES | LOADER_ROGUES_BY_RULE)[name])
    assert rule is not None, report
    assert rule["seen"] and rule["where"]


# ---- good plugins ----

@pytest.fixture(scope="module")
def good_reports(tmp_path_factory):
    folder = tmp_path_factory.mktemp("good")
    (folder / "key").write_bytes(bytes(range(64)))
    (folder / "key").chmod(0o600)
    with open(folder / "gpt.img", "wb") as image:
        image.truncate(8 << 20)
    subprocess.run(["/usr/sbin/sgdisk", "--new=1:0:0", folder / "gpt.img"], check=True, stdout=subprocess.DEVNULL)

    def run(name, options):
        # Sanitizers on a busy machine are slow, and this test is not about late calls.
        return check(PLUGINS / f"{name}.so", "--jobs", "1", "--timeout", "120s", *[option.format(folder=folder) for option in options],
                     patience=10 * PATIENCE)

    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        runs = {name: pool.submit(run, name, options) for name, options in GOOD.items()}
        return {name: run.result() for name, run in runs.items()}


@pytest.mark.xdist_group("good")
@pytest.mark.parametrize("name", GOOD)
def test_good_plugin_breaks_no_rule(name, good_reports):
    exit_code, report = good_reports[name]
    assert exit_code == 0, broken(report) if isinstance(report, dict) else report
    assert report["failed"] == 0


def test_every_plugin_of_the_tree_is_checked():
    assert sorted(GOOD) == sorted(file.stem for file in PLUGINS.glob("*.so"))


def skipped(report):
    return {rule["rule"]: rule["why"] for rule in report["rules"] if rule["outcome"] == "skip"}


@pytest.mark.xdist_group("good")
def test_rules_are_proved_rather_than_skipped(good_reports):
    """A virtual module that takes everything is tried on nearly every rule, and the reasons are true."""
    left_out = skipped(good_reports["passthru"][1])
    assert {rule for rule in left_out if not rule.startswith("zone.")} == {
        "create.reconfigure", "examine.done", "examine.gone", "examine.untouched", "methods.table"}
    assert left_out["zone.write"] == "the bdev has no zones"
    assert "null disk" in skipped(good_reports["null"][1])["data.roundtrip"]
    assert "no base" in skipped(good_reports["malloc"][1])["base.claim"]
    assert {rule for rule in skipped(good_reports["gpt"][1]) if not rule.startswith("zone.")} == {
        "create.reconfigure", "methods.table"}


@pytest.mark.parametrize("name", ["concat", "creates_later", "mirror"])
def test_unusual_but_good_modules_break_no_rule(name):
    """Bases in a list, a bdev that appears after its create, and a bdev that continues without a base."""
    code, report = check(LOADER_ROGUES / f"{name}.so", "--jobs", "1", patience=10 * PATIENCE)
    assert code == 0, broken(report)
    left_out = {rule for rule in skipped(report) if not rule.startswith("zone.")}
    virtual = {rule["rule"] for rule in report["rules"] if rule["rule"].startswith("base.")} | {"data.seams"}
    usual = {"create.reconfigure", "examine.done", "examine.gone", "examine.untouched", "methods.table",
             "options.help", "options.layout", "options.default", "control.abort", "data.unmap", "types.steady",
             "create.taken"}
    without_base = virtual | {"create.again", "leak.claim", "leak.desc"}
    assert left_out <= usual | (without_base if name == "creates_later" else set())


def test_a_zoned_disk_is_tried_on_every_rule_of_zones():
    code, report = check(LOADER_ROGUES / "zoned.so", "--jobs", "1", patience=10 * PATIENCE)
    assert code == 0, broken(report)
    left_out = skipped(report)
    assert not [rule for rule in left_out if rule.startswith("zone.")]
    assert left_out["data.roundtrip"] == "the bdev has zones"


def test_a_module_that_wants_a_base_of_its_own_kind_says_so():
    _, report = check(PLUGINS / "gpt.so", "--rule", "create.defaults")
    assert "--base-image" in skipped(report)["create.defaults"]


# ---- the command ----

def test_failure_tells_what_was_seen_what_was_expected_and_where_it_is_written():
    result = subprocess.run([PROGRAM, "check", GALLERY / "wrong_data.so", "--rule", "data.roundtrip"],
                            capture_output=True, text=True, timeout=PATIENCE)
    assert result.returncode == 1
    assert re.search(r"^FAIL  data\.roundtrip$", result.stdout, re.MULTILINE)
    assert re.search(r"seen: read of 1 blocks at 2047: byte 100 of block 0 of it is 0x", result.stdout)
    assert "expected: 0x" in result.stdout
    assert "written in: sdk/include/bdevkit/desc.h" in result.stdout
    assert re.search(r"1 rules: 0 ok, 1 broken, 0 skipped", result.stdout)


def test_crash_is_a_broken_rule_with_its_last_words():
    code, report = check(GALLERY / "segfaults_on_remove.so", "--rule", "remove.idle")
    assert code == 1
    rule = broken(report)["remove.idle"]
    assert "SIGSEGV" in rule["seen"] or "exit" in rule["seen"]  # a sanitizer ends the process itself
    code, report = check(GALLERY / "calls_exit.so", "--rule", "data.roundtrip")
    assert re.search(r"exit\(\d+\)", broken(report)["data.roundtrip"]["seen"])  # a sanitizer has its own


def test_hang_is_a_broken_rule_that_names_the_call():
    code, report = check(GALLERY / "init_hangs.so", "--rule", "lifecycle.init", "--timeout", "3s")
    assert code == 1
    assert "bdk_module_init_done() is due" in broken(report)["lifecycle.init"]["seen"]


def test_junit(tmp_path):
    file = tmp_path / "result.xml"
    code, report = check(GALLERY / "no_help.so", "--rule", "options.*", "--junit", file)
    suite = xml.etree.ElementTree.parse(file).getroot()
    assert code == 1
    assert suite.get("failures") == "1"
    assert {case.get("name") for case in suite.iter("testcase")} == {rule["rule"] for rule in report["rules"]}
    assert "help of option" in suite.find(".//failure").get("message")


def test_options_are_given_as_in_a_stack():
    code, report = check("malloc", "--rule", "create.defaults", "--option", "size=1000")
    assert code == 1
    assert "size=1000" in broken(report)["create.defaults"]["seen"]
    code, report = check("malloc", "--rule", "create.defaults", "--option", "size=8MiB")
    assert code == 0


def test_rules_can_be_left_out():
    code, report = check(GALLERY / "wrong_data.so", "--rule", "data.*", "--skip", "data.[a-m]*", "--skip", "data.r*")
    assert code == 1  # the others find it, too
    assert not [rule for rule in report["rules"] if rule["rule"] == "data.roundtrip"]
    code, report = check(GALLERY / "no_help.so", "--rule", "options.*", "--skip", "options.help")
    assert code == 0, broken(report)


def test_an_exception_is_not_blamed_on_another_rule():
    for name in ["throws_in_submit", "throws_int"]:
        code, report = check(GALLERY / f"{name}.so", "--rule", "data.*")
        assert code == 1
        assert list(broken(report)) == ["abi.exceptions"], report
    assert "int" in broken(report)["abi.exceptions"]["seen"]


def test_a_file_that_is_no_plugin_is_right_in_nothing():
    for arguments in [["/etc/passwd"], ["/etc/passwd", "--rule", "data.*"], ["/etc/passwd", "--rule", "abi.*"]]:
        code, report = check(*arguments)
        assert code == 1
        assert list(broken(report)) == ["load.open"]
        assert report["ok"] == 0


@pytest.mark.skipif(BUILD.name in ("asan", "tsan"), reason="sanitizers bring a malloc of their own")
def test_memory_is_not_filled_where_time_is_judged():
    """A disk of a gigabyte that uses calloc() is created at once, as in real use."""
    code, report = check(GALLERY.parent / "large_calloc.so", "--rule", "thread.block", "--rule", "create.limits")
    assert code == 0, broken(report)
    assert not skipped(report)


def test_wrong_command_lines_are_usage():
    for arguments in [[], ["no_such_plugin"], ["/no/such/file.so"], ["malloc", "--rule", "no.such"], ["malloc", "--skip", "no.such"],
                      ["malloc", "--option", "size"], ["malloc", "--timeout", "soon"], ["malloc", "--base-size", "3"]]:
        code, report = check(*arguments)
        assert code == 2, arguments


def test_each_rule_is_in_the_documentation():
    result = subprocess.run([PROGRAM, "check", "--list", "--json"], capture_output=True, text=True, timeout=PATIENCE)
    rules = json.loads(result.stdout)
    text = (SOURCE / "docs" / "check.md").read_text()
    named = re.findall(r"^\| `([a-z_.]+)` \| (.+) \| (.+) \|$", text, re.MULTILINE)
    assert named == [(rule["rule"], rule["says"], rule["where"]) for rule in rules]
    for rule in rules:
        for file in re.findall(r"(?:sdk|docs)/[\w/.]+\.(?:h|md)", rule["where"]):
            assert (SOURCE / file).exists(), rule
