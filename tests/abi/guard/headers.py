# SPDX-License-Identifier: BSD-3-Clause
"""The C headers of a source tree, as text and as the compiler sees them."""

import functools
import re
import subprocess
import sys


def run(*command, **options):
    """What the command printed. Ends the program if it fails."""
    result = subprocess.run(command, capture_output=True, text=True, check=False, **options)
    if result.returncode != 0:
        sys.exit(f"scripts/abi: {command[0]} failed:\n{result.stdout}{result.stderr}")
    return result.stdout


class Headers:
    """bdevkit/*.h below `include`. What is compiled goes to `folder`."""

    def __init__(self, include, folder):
        self.include = include.resolve()
        self.folder = folder
        files = sorted((self.include / "bdevkit").glob("*.h"))
        (folder / "all.h").write_text("".join(f"#include <bdevkit/{file.name}>\n" for file in files))
        text = re.sub(r"/\*.*?\*/", " ", "\n".join(file.read_text() for file in files), flags=re.DOTALL)
        self.text = re.sub(r"^[ \t]*#(?:.*\\\n)*.*$", "", text, flags=re.MULTILINE)  # without directives and comments

    def compile(self, *arguments, language="c"):
        compiler = {"c": ["gcc", "-std=gnu2x"], "c++": ["g++", "-std=c++20"]}[language]
        return run(*compiler, "-Wall", "-Werror", "-fno-builtin", f"-I{self.include}", *arguments, cwd=self.folder)

    def output_of(self, source):
        """What a C program prints."""
        (self.folder / "program.c").write_text(source)
        self.compile("-o", "program", "program.c")
        return run("./program", cwd=self.folder)

    @functools.cache
    def macros(self, language):
        """Name of each macro of ours to (parameters, text). The compiler has removed comments and joined lines."""
        output = self.compile("-x", language, "-E", "-dM", "all.h", language=language)
        defined = re.findall(r"^#define (BDK_\w+)(\([^)]*\))? ?(.*)$", output, re.MULTILINE)
        return {name: (parameters, text) for name, parameters, text in defined}

    @functools.cache
    def functions(self):
        """Name of each function to its declaration, without the names of the parameters."""
        self.compile("-x", "c", "-fsyntax-only", "-aux-info", "prototypes", "all.h")
        lines = (self.folder / "prototypes").read_text()
        return {name: declaration for declaration, name in re.findall(
            r"^/\* \S*/bdevkit/\S+ \*/ extern (.*\b(bdk_\w+) \(.*\));$", lines, re.MULTILINE)}

    def structs(self):
        """Name of each struct that is defined to its text."""
        return dict(re.findall(r"^struct (bdk_\w+) \{(.*?)^\}", self.text, re.MULTILINE | re.DOTALL))

    def enums(self):
        """The names of the values of each enum."""
        for body in re.findall(r"\benum\s*\w*\s*\{(.*?)\}", self.text, re.DOTALL):
            yield re.findall(r"(?:^|,)\s*(BDK_\w+)", body)
