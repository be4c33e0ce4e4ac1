# SPDX-License-Identifier: BSD-3-Clause
"""The version of each symbol: a plugin asks for function and version, and loads where it finds both."""

import collections
import re


def version_map(path):
    """Pairs of what a BDK_* node of the linker's version script names, and the node."""
    text = re.sub(r"/\*.*?\*/", "", path.read_text(), flags=re.DOTALL)
    for version, body in re.findall(r"^(BDK_\d+\.\d+)\s*\{(.*?)\}", text, re.MULTILINE | re.DOTALL):
        exported = body.split("local:")[0]
        for name in re.findall(r"([^\s;:]+)\s*;", exported):
            yield name, version


def faults(entries, functions, minor):
    """Every function is in one node, by its name, and nothing else is. `minor`: the node of what is new."""
    nodes = collections.defaultdict(list)
    for name, version in entries:
        nodes[name].append(version)
    for name in functions:
        if name not in nodes:
            yield f"{name} has no version: name it in sdk/src/bdevkit.map, in the node {minor}"
    for name, versions in nodes.items():
        if name not in functions:
            yield f"{name} in sdk/src/bdevkit.map is not a function of the headers: name each function, and only those"
        elif len(versions) > 1:
            yield f"{name} is in {' and '.join(versions)} of sdk/src/bdevkit.map: name it once"


def too_early(then, now, minor):
    """A plugin that needs a function of this minor must not look like one that needs less."""
    for name, version in now.items():
        if name not in then and version != minor:
            yield f"{name} is new and has the version {version}: move it to {minor} in sdk/src/bdevkit.map"
