# SPDX-License-Identifier: BSD-3-Clause
"""`bdevkit new`: its output builds without warnings and passes its own tests, and impossible requests are refused. The
short form, for every run: a virtual bdev and a disk. With BDEVKIT_TEMPLATES=all, which `.ci/template` sets: each
template with every kind of answer."""

import os
import subprocess

import pytest

from conftest import BUILD, PATIENCE, SOURCE

ALL = os.environ.get("BDEVKIT_TEMPLATES") == "all"
SHORT_FORM = [("virtual", "my-module", "io_types=read,write", "context=yes"),
              ("physical", "d", "io_types=all", "context=no")]
LONG_FORM = [
    (kind, *answers)
    for kind in ["virtual", "physical", "virtual-c"]
    for answers in [("x", "io_types=all", "context=yes"), ("all-off", "io_types=none", "context=no"),
                    ("with-dashes_and2", "io_types=unmap, flush", "context=yes"), ("data", "io_types=write", "context=no")]]
SANITIZED = ["x"] if BUILD.name == "tsan" else ["x", "all-off"]
ODD_WORDS = ['description=It "does" \\ its best: 100% <of> it ??/', "author=Zoë O'Neill"]


def bdevkit_new(*arguments, program=BUILD / "bin" / "bdevkit", **options):
    return subprocess.run([program, "new", *arguments], capture_output=True, text=True, timeout=PATIENCE, check=False,
                          **options)


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    prefix = tmp_path_factory.mktemp("installed")
    subprocess.run(["cmake", "--install", BUILD, "--prefix", prefix], check=True, stdout=subprocess.DEVNULL)
    return prefix


def preset_of_build():
    """A module is built as the bdevkit that loads it."""
    for preset in ["asan", "tsan"]:
        if BUILD.name == preset:
            return preset
    return "release"


# Sanitizers see every line with two of the four; ThreadSanitizer gets the one with all types.
@pytest.mark.parametrize("kind, name, io_types, context", SHORT_FORM if not ALL else LONG_FORM if
                         preset_of_build() == "release" else [form for form in LONG_FORM if form[1] in SANITIZED])
def test_a_new_module_passes_its_own_tests(installed, tmp_path, kind, name, io_types, context):
    made = bdevkit_new(name, "--template", kind, "--output", tmp_path, "--set", io_types, context, *ODD_WORDS,
                       program=installed / "bin" / "bdevkit")
    assert made.returncode == 0, made.stderr

    environment = os.environ | {"CMAKE_PREFIX_PATH": str(installed), "CMAKE_C_COMPILER_LAUNCHER": "ccache",
                                "CMAKE_CXX_COMPILER_LAUNCHER": "ccache", "CMAKE_GENERATOR": "Ninja",
                                "CCACHE_BASEDIR": str(tmp_path), "CCACHE_NOHASHDIR": "1"}
    result = subprocess.run([tmp_path / name / "scripts" / "ci", preset_of_build()], env=environment, check=False,
                            capture_output=True, text=True, timeout=10 * PATIENCE)
    assert result.returncode == 0, result.stdout + result.stderr
    assert "100% tests passed" in result.stdout
    for test in ["unit", "stack", "check"]:
        assert f": {test} ." in result.stdout
    assert "warning" not in result.stdout + result.stderr
    assert "No Python package" not in result.stdout


def test_it_says_what_comes_next(installed, tmp_path):
    made = bdevkit_new("scramble", "--output", tmp_path, program=installed / "bin" / "bdevkit")
    assert made.returncode == 0, made.stderr
    commands = [line.strip() for line in made.stdout.splitlines() if line.startswith("  ")]
    assert commands == [f"cd {tmp_path}/scramble",
                        f"cmake --preset release -DCMAKE_PREFIX_PATH={installed} && "
                        "cmake --build --preset release",
                        "bdevkit check build/release/scramble.so"]


def test_it_works_from_the_build_tree_and_with_plain_cookiecutter(tmp_path):
    assert bdevkit_new("a", "--output", tmp_path, "--set", "author=x").returncode == 0
    subprocess.run(["cookiecutter", "--no-input", "--output-dir", tmp_path, SOURCE / "templates" / "virtual-module",
                    "name=b", "author=x"], check=True, env=os.environ | {"HOME": str(tmp_path)})
    a, b = ((tmp_path / name / "src" / f"{name}.cpp").read_text() for name in "ab")
    assert a.replace("ABdev", "BBdev").replace("a:", "b:").replace('"a"', '"b"') == b


@pytest.mark.parametrize("name", ["Foo", "9lives", "a b", "../x", "", "ä", "-x", "x" * 64, "install"])
def test_bad_names_are_refused(tmp_path, name):
    result = bdevkit_new("--output", tmp_path, "--", name)
    assert result.returncode == 2
    assert name in result.stderr
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("answer, message", [
    ("licence=MIT", "did you mean 'license'?"), ("name=x", "no such key"), ("license", "expected key=value"),
    ("context=perhaps", 'expected one of ["no","yes"]'), ("io_types=read,wirte", "io_types has 'wirte': expected all"),
    ("license=\"", "expected an SPDX identifier"), ("description=two\nlines", "give one line"),
    ("description=", "description is empty: say in one line"), ("description= ", "description is empty"),
    ("author=a\udcff", "--set author=a�: the text is not UTF-8")])
def test_bad_answers_are_refused(tmp_path, answer, message):
    result = bdevkit_new("x", "--output", tmp_path, "--set", answer)
    assert result.returncode == 2
    assert message in result.stderr
    assert not list(tmp_path.iterdir())


LITERAL = "{{ 7*7 }} {% raw %} {# x #} }} {{ cookiecutter.name }} {"


def test_texts_are_taken_literally(tmp_path):
    made = bdevkit_new("x", "--output", tmp_path, "--set", f"description={LITERAL}", f"author={LITERAL}")
    assert made.returncode == 0, made.stderr
    source = (tmp_path / "x" / "src" / "x.cpp").read_text()
    assert f'.description = "{LITERAL}"' in source and f'.author = "{LITERAL}"' in source
    assert LITERAL in (tmp_path / "x" / "README.md").read_text()


@pytest.mark.parametrize("folder", ["br{{x}}", "{% if %}", "{{ cookiecutter.name }}", "with blanks", "$HOME", "a: b", "'\""])
def test_folders_are_taken_literally(tmp_path, folder):
    output = tmp_path / folder / "deeper"
    made = bdevkit_new("x", "--output", output)
    assert made.returncode == 0, made.stderr
    assert sorted(each.name for each in output.iterdir()) == ["x"]
    assert (output / "x" / "src" / "x.cpp").exists()
    assert [each.name for each in tmp_path.iterdir()] == [folder]


def test_the_working_folder_is_taken_literally(tmp_path):
    folder = tmp_path / "{{x}}"
    folder.mkdir()
    made = bdevkit_new("x", cwd=folder)
    assert made.returncode == 0, made.stderr
    assert [each.name for each in folder.iterdir()] == ["x"]


@pytest.mark.parametrize("output, message", [
    ("/proc", "cannot make a folder in '/proc': No such file or directory"),
    ("/proc/a/b", "cannot make a folder in '/proc/a/b': No such file or directory"),
    ("/dev/null", "'/dev/null' is not a folder"), ("/dev/null/a", "Not a directory")])
def test_a_folder_that_cannot_be_is_told_in_a_line(output, message):
    result = bdevkit_new("x", "--output", output)
    assert result.returncode == 2
    assert message in result.stderr and len(result.stderr.splitlines()) == 1


def test_a_word_that_looks_like_an_option_is_told_so(tmp_path):
    result = bdevkit_new("-x", cwd=tmp_path)
    assert result.returncode == 2
    assert "'-x'" in result.stderr and len(result.stderr.splitlines()) <= 2


def test_nothing_is_overwritten(tmp_path):
    (tmp_path / "x").mkdir()
    result = bdevkit_new("x", "--output", tmp_path)
    assert result.returncode == 2
    assert f"'{tmp_path}/x' already exists" in result.stderr


def test_without_cookiecutter_it_names_the_package(tmp_path):
    result = bdevkit_new("x", "--output", tmp_path, env={"PATH": str(tmp_path)})
    assert result.returncode == 1
    assert "apt-get install cookiecutter" in result.stderr


def test_nothing_is_left_in_the_home_folder(tmp_path):
    home = tmp_path / "home"
    home.mkdir()
    assert bdevkit_new("x", "--output", tmp_path, env=os.environ | {"HOME": str(home)}).returncode == 0
    assert not list(home.iterdir())
