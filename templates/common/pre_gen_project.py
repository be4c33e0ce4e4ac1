# SPDX-License-Identifier: BSD-3-Clause
"""Refuses invalid answers. Runs before anything is written."""

import json
import re
import sys

# cookiecutter inserts the strings here, so they are passed as JSON.
ANSWERS = json.loads(r"""{{ cookiecutter | jsonify }}""")
TYPES = ["read", "write", "unmap", "flush", "write_zeroes"]
TARGETS = ["all", "clean", "help", "install", "test", "package", "rebuild_cache", "edit_cache", "list_install_components"]


def problems():
    name = ANSWERS["name"]
    if not re.fullmatch(r"[a-z][a-z0-9_-]{0,62}", name):
        yield f"name is '{name}': expected lower-case letters, digits, '_' and '-', with a letter first, at most 63"
    elif name in TARGETS:
        yield f"name is '{name}', which CMake keeps for itself: give another one"
    for question in ["description", "author", "license"]:
        if not ANSWERS[question].isprintable():
            yield f"{question} has characters that cannot be printed: give one line"
    if not ANSWERS["description"].strip():
        yield "description is empty: say in one line what the module does"
    if not re.fullmatch(r"[A-Za-z0-9.+() -]+", ANSWERS["license"]):
        yield f"license is '{ANSWERS['license']}': expected an SPDX identifier, such as BSD-3-Clause"
    for kind in ANSWERS["io_types"].split(","):
        if kind.strip() not in [*TYPES, "all", "none"]:
            yield f"io_types has '{kind.strip()}': expected all, none, or some of {','.join(TYPES)}"


found = list(problems())
for problem in found:
    print(f"error: {problem}", file=sys.stderr)
sys.exit(1 if found else 0)
