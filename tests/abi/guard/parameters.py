# SPDX-License-Identifier: BSD-3-Clause
"""The names of the parameters of functions and callbacks, in order: the types do not tell two offsets apart."""

import re
import sys

PARAMETERS = r"\s*\(([^()]*)\)"
FUNCTION = re.compile(r"\bBDK_API\b[^;(){}]*?\b(bdk_\w+)" + PARAMETERS)
CALLBACK = re.compile(r"\(\s*\*\s*(\w+)\s*\)" + PARAMETERS)


def name(parameter, function):
    if parameter == "...":
        return parameter
    found = re.fullmatch(r".*[\s*](\w+)(?:\[\w*\])?", parameter, re.DOTALL)
    return found[1] if found else sys.exit(f"scripts/abi: {function}: give the parameter `{parameter}` a name")


def names(function, text):
    parameters = [] if text.strip() == "void" else [parameter.strip() for parameter in text.split(",")]
    return f"({', '.join(name(parameter, function) for parameter in parameters)})"


def parameters(headers):
    """`function`, `callback type` or `struct::member` to `(first, second, ...)`."""
    found = dict(FUNCTION.findall(headers.text))
    callbacks = 0
    for struct, body in [("", re.sub(r"^struct bdk_\w+ \{.*?^\}", "", headers.text, flags=re.MULTILINE | re.DOTALL)),
                         *headers.structs().items()]:
        members = CALLBACK.findall(body)
        callbacks += len(members)
        found |= {f"{struct}::{member}".lstrip(":"): text for member, text in members}
    if not set(headers.functions()) <= set(found) or callbacks != len(re.findall(r"\(\s*\*", headers.text)):
        sys.exit("scripts/abi: cannot read the parameters of every function and callback: begin each function with "
                 "BDK_API, and give a parameter that is a callback a typedef")
    return {function: names(function, text) for function, text in sorted(found.items())}
