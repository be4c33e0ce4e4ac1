# SPDX-License-Identifier: BSD-3-Clause
"""An installation and the Debian packages, as used by an author of plugins with CMake."""

import os
import re
import shutil
import subprocess

import pytest

from conftest import BUILD, SOURCE

HAS_PYTHON = (BUILD / "python").exists()
# An instrumented extension wants the sanitizer's library in a Python that is not instrumented: see scripts/test.
IN_PYTHON = {"LD_PRELOAD": os.environ["BDEVKIT_PRELOAD"], "ASAN_OPTIONS": "detect_leaks=0"} if os.environ.get("BDEVKIT_PRELOAD") else {}

PROJECT = """
cmake_minimum_required(VERSION 3.25)
project(third LANGUAGES C CXX)
find_package(bdevkit {version} REQUIRED)
bdevkit_add_plugin(pattern SOURCES pattern.c)
install(TARGETS pattern LIBRARY DESTINATION "${{bdevkit_PLUGIN_DIR}}")
"""


def run(*command, **options):
    return subprocess.run([str(word) for word in command], capture_output=True, text=True, check=False, **options)


def succeeds(*command, **options):
    result = run(*command, **options)
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout


def configure(folder, prefix, version="1.0"):
    shutil.copy(SOURCE / "tests/integration/third_party/pattern.c", folder)
    (folder / "CMakeLists.txt").write_text(PROJECT.format(version=version))
    return run("cmake", "-S", folder, "-B", folder / "build", f"-DCMAKE_PREFIX_PATH={prefix}")


def builds_a_plugin(folder, prefix):
    configured = configure(folder, prefix)
    assert configured.returncode == 0, configured.stderr
    succeeds("cmake", "--build", folder / "build")
    succeeds("cmake", "--install", folder / "build")
    assert "pattern" in succeeds(prefix / "bin/bdevkit", "plugins")


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """An installation, moved after it was made: nothing in it may name the place."""
    made = tmp_path_factory.mktemp("install") / "made"
    succeeds("cmake", "--install", BUILD, "--prefix", made)
    return made.rename(made.with_name("moved"))


@pytest.fixture(scope="module")
def packages(tmp_path_factory):
    folder = tmp_path_factory.mktemp("packages")
    # As README.md says, with nothing in the environment that helps.
    environment = {name: value for name, value in os.environ.items() if name != "LD_LIBRARY_PATH"}
    succeeds("cpack", "-G", "DEB", "-B", folder, "--config", BUILD / "CPackConfig.cmake", env=environment)
    return {path.name.split("_")[0]: path for path in folder.glob("*.deb")}


def test_a_project_finds_the_package(installed, tmp_path):
    builds_a_plugin(tmp_path, installed)


@pytest.fixture(scope="module")
def only_program(tmp_path_factory):
    """An installation from a build tree in which nothing but the program was built."""
    tree = tmp_path_factory.mktemp("tree")
    built = [*BUILD.glob("bin/bdevkit"), *BUILD.glob("lib/libbdevkit*.so*"), *BUILD.glob("bdevkit*.cmake"),
             *BUILD.glob("bdevkit.pc"), *BUILD.glob("**/cmake_install.cmake"), *BUILD.glob("CMakeFiles/Export/**/*.cmake")]
    for file in built:
        copy = tree / file.relative_to(BUILD)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(file, copy, follow_symlinks=False)
        if file.suffix == ".cmake":
            # The programs still contain the path that is replaced at installation.
            copy.write_text(re.sub(rf'(?<!OLD_RPATH "){re.escape(str(BUILD))}/', f"{tree}/", copy.read_text()))
    said = succeeds("cmake", f"-DCMAKE_INSTALL_PREFIX={tree}/prefix", "-P", tree / "cmake_install.cmake")
    assert "Left out, since it has not been built: " in said and "/malloc.so" in said
    return tree / "prefix"


def test_the_program_alone_can_be_installed(only_program, tmp_path):
    assert not list(only_program.glob("lib/python3/**/*.py")), "a package without its extension is none"
    builds_a_plugin(tmp_path, only_program)


def test_a_generated_project_does_without_the_python_package(only_program, tmp_path):
    succeeds(only_program / "bin/bdevkit", "new", "mine", "--output", tmp_path)
    said = succeeds("cmake", "-S", tmp_path / "mine", "-B", tmp_path / "build", f"-DCMAKE_PREFIX_PATH={only_program}")
    assert "No Python package of bdevkit" in said


@pytest.mark.parametrize("version", ["1.99", "2.0"])
def test_a_newer_abi_than_installed_is_refused(installed, tmp_path, version):
    configured = configure(tmp_path, installed, version)
    assert configured.returncode != 0
    assert f'compatible with requested version "{version}"' in configured.stderr


def test_program_pkg_config_and_cmake_agree_on_the_versions(installed, tmp_path):
    printed = succeeds(installed / "bin/bdevkit", "--version")
    product, abi, draft = re.fullmatch(r"bdevkit (\S+) \(ABI (\S+?)(?: draft (\d+))?\)\n", printed).groups()
    file = next(installed.glob("**/bdevkit.pc"))
    assert succeeds("pkg-config", "--modversion", file) == product + "\n"
    assert succeeds("pkg-config", "--variable=abi", file) == abi + "\n"
    assert succeeds("pkg-config", "--variable=abi_draft", file) == (draft or "0") + "\n"
    (tmp_path / "CMakeLists.txt").write_text(
        "cmake_minimum_required(VERSION 3.25)\nproject(p)\nfind_package(bdevkit REQUIRED)\n"
        'message(STATUS "is ${bdevkit_PRODUCT_VERSION} ${bdevkit_VERSION} ${bdevkit_ABI_DRAFT}")\n')
    configured = succeeds("cmake", "-S", tmp_path, "-B", tmp_path / "build", f"-DCMAKE_PREFIX_PATH={installed}")
    assert f"-- is {product} {abi} {draft or '0'}\n" in configured


def test_debian_sorts_a_release_candidate_before_its_release(packages):
    version = succeeds("dpkg-deb", "--field", packages["bdevkit"], "Version").strip()
    assert re.fullmatch(r"\d+\.\d+\.\d+(~rc\d+)?", version)


def test_the_packages_say_what_they_need(packages):
    assert set(packages) == {"bdevkit", "bdevkit-dev"} | ({"python3-bdevkit"} if HAS_PYTHON else set())
    depends = succeeds("dpkg-deb", "--field", packages["bdevkit"], "Depends")
    for library in ("libc6", "liburing2", "libyaml-cpp"):
        assert library in depends
    assert "bdevkit (= " in succeeds("dpkg-deb", "--field", packages["bdevkit-dev"], "Depends")


def test_the_packages_work_from_the_root_they_are_unpacked_to(packages, tmp_path):
    root = tmp_path / "root"
    for package in packages.values():
        succeeds("dpkg-deb", "--extract", package, root)
    project = tmp_path / "project"
    project.mkdir()
    builds_a_plugin(project, root / "usr")


def test_the_runtime_package_runs_alone(packages, tmp_path):
    succeeds("dpkg-deb", "--extract", packages["bdevkit"], tmp_path)
    assert "malloc" in succeeds(tmp_path / "usr/bin/bdevkit", "plugins")
    assert not (tmp_path / "usr/include").exists()
    assert (tmp_path / "usr/share/man/man1/bdevkit.1").exists()


@pytest.mark.skipif(not HAS_PYTHON, reason="this build is without the Python package")
def test_the_python_package_is_found_where_it_is_unpacked(packages, tmp_path):
    for name in ("bdevkit", "python3-bdevkit"):
        succeeds("dpkg-deb", "--extract", packages[name], tmp_path)
    code = "import bdevkit; stack = dict(version=1, bdevs=[dict(name='d', module='malloc', size='1MiB')]); " \
           "print(bdevkit.__file__, list(bdevkit.Host(stack).bdevs))"
    printed = succeeds("/usr/bin/python3", "-c", code, env={**os.environ, **IN_PYTHON,
                                                            "PYTHONPATH": str(tmp_path / "usr/lib/python3/dist-packages")})
    assert printed == f"{tmp_path}/usr/lib/python3/dist-packages/bdevkit/__init__.py ['d']\n"
    assert "bdevkit (= " in succeeds("dpkg-deb", "--field", packages["python3-bdevkit"], "Depends")


def completes(program, line):
    """The completions of bash for the last word of the line."""
    script = f"""
        source {SOURCE}/scripts/bdevkit.bash-completion
        COMP_WORDS=({line}); COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1)); COMP_WORDS[0]={program}
        _bdevkit; printf '%s\\n' "${{COMPREPLY[@]}}"
    """
    return succeeds("bash", "-c", script).split()


def test_bash_completes_commands_and_options(installed):
    program = installed / "bin/bdevkit"
    assert completes(program, "bdevkit pl") == ["plugins"]
    assert completes(program, "bdevkit run --stats-") == ["--stats-json"]


def test_bash_completes_modules(installed):
    program = installed / "bin/bdevkit"
    assert completes(program, "bdevkit plugins mal") == ["malloc"]
    assert "passthru" in completes(program, "bdevkit plugins ''")
    assert completes(program, "bdevkit plugins --json read") == ["readonly"]
    assert completes(program, "bdevkit check mal") == ["malloc"]
    assert completes(program, f"bdevkit check {SOURCE}/READ") == [f"{SOURCE}/README.md"]
    assert completes(program, f"bdevkit validate {SOURCE}/READ") == [f"{SOURCE}/README.md"]
