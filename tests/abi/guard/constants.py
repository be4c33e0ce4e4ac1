# SPDX-License-Identifier: BSD-3-Clause
"""The numbers: values of enums, and macros that are a number."""

import itertools
import re

# The only one that may change, because it counts the additions.
GROWS = {"BDK_ABI_MINOR"}
# The number of a draft; 0: the ABI is final.
DRAFT = "BDK_ABI_DRAFT"


def is_number(macro):
    parameters, text = macro
    return not parameters and re.match(r"\(?-?(\d|U?INT\d+_)", text) is not None


def constants(headers):
    """Name to value."""
    names = {name for name, macro in headers.macros("c").items() if is_number(macro)}
    names.update(*headers.enums())
    lines = [f'    printf("%s %lld\\n", "{name}", (long long)({name}));' for name in sorted(names)]
    source = "\n".join(['#include <stdio.h>', '#include "all.h"', "int main(void) {", *lines, "}", ""])
    return dict(line.split() for line in headers.output_of(source).splitlines())


def is_final(then):
    return then.get(DRAFT) == "0"


def is_new_draft(then, now):
    return not is_final(then) and int(now.get(DRAFT, 0)) > int(then.get(DRAFT, 0))


def changed(then, now):
    """The names in `then` with another value, or none, in `now`."""
    for name, value in then.items():
        grown = name in GROWS and int(now.get(name, -1)) > int(value)
        ended = name == DRAFT and (now.get(name) == "0" or is_new_draft(then, now))
        if now.get(name) != value and not grown and not ended:
            yield name


def clashes(headers, values):
    """A reader cannot tell two values of one enum apart if they are the same number."""
    for names in headers.enums():
        for first, second in itertools.combinations(names, 2):
            if values[first] == values[second]:
                yield f"{first} and {second} are both {values[first]}: give the new one a value of its own"
