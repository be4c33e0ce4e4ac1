# SPDX-License-Identifier: BSD-3-Clause
"""The macros that are not numbers: functions, strings such as names of extensions, the definition of the entry symbol.
Plugins have their text compiled in."""

from guard.constants import is_number


def macros(headers):
    """Name to parameters and text; to both texts where C++ has another."""
    c, cpp = ({name: " ".join(macro).strip() for name, macro in headers.macros(language).items() if not is_number(macro)}
              for language in ("c", "c++"))
    return {name: text_of_both(c.get(name, "undefined"), cpp.get(name, "undefined")) for name in sorted({**c, **cpp})}


def text_of_both(c, cpp):
    return c if c == cpp else f"C: {c} / C++: {cpp}"
