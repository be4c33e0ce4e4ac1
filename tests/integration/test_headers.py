# SPDX-License-Identifier: BSD-3-Clause
"""Every declaration of the C ABI says what its reader needs. The rules:

- A function, a typedef of a callback and a function in a struct have a comment of their own: directly above, or behind as
  `/**<`. It begins with the places where it may run, in brackets: `[any thread, signal handler]`.
- A place is one of the list in the comment of abi.h. No comment names another one, and each is used.
- A function, callback or function in a struct with parameters that returns `int` says what: the comment has an `@return`,
  or `As bdk_x()` of a function that says it. A function that takes a bdk_bdev_io_completion_cb is a submission: the
  comment of desc.h says it for all.
- A struct, a union with a name, an enum, a variable and a macro have a comment. One comment is enough for a run of macros
  without an empty line, and for a struct without fields, which several headers declare.
- A field has a comment of its own, or its name stands in backquotes in the comment of its struct. `size` and `reserved`
  need none: abi.h explains them. Fields of one declaration share a comment.

The comments of enumerators, and what is true of the texts, are a matter for readers.
"""

import dataclasses
import re

import pytest

from conftest import SOURCE

HEADERS = sorted((SOURCE / "sdk" / "include" / "bdevkit").glob("*.h"))
EXPLAINED_IN_ABI_H = {"size", "reserved"}


@dataclasses.dataclass
class Declaration:
    kind: str  # function, callback, field, struct, opaque struct, union, enum, variable or macro
    name: str
    place: str  # FILE:LINE
    comment: str  # "" if it has none
    code: str
    owner: str = ""  # of a field: the comment of its struct

    @property
    def is_called(self):
        return self.kind in ("function", "callback")

    def problem(self, text):
        return f"{self.place}: {self.name}: {text}"


class Header:
    """The declarations of a header, in order."""

    def __init__(self, name, text):
        self.name = name
        self.text = text
        self.comments = {match.start(): match for match in re.finditer(r"/\*.*?\*/|//[^\n]*", text, re.DOTALL)}
        self.comment = next((plain(match[0]) for match in self.comments.values() if "@file" in match[0]), "")
        without = re.sub(r"/\*.*?\*/|//[^\n]*", blanks, text, flags=re.DOTALL)
        self.macros = list(re.finditer(r"^#define (\w+)(?:[^\\\n]|\\.)*", without, re.MULTILINE | re.DOTALL))
        without = re.sub(r"^#(?:[^\\\n]|\\.)*", blanks, without, flags=re.MULTILINE | re.DOTALL)
        self.code = re.sub(r"\bBDK_C_(?:BEGIN|END)\b", blanks, without)
        self.declarations = [*self._members(0, len(self.code), None), *self._macros()]

    def _members(self, start, end, owner):
        """The declarations between the two positions: of the header if `owner` is None, else the comment of a struct."""
        depth, begin = 0, start
        for position in range(start, end):
            depth += {"{": 1, "(": 1, "}": -1, ")": -1}.get(self.code[position], 0)
            if self.code[position] == ";" and depth == 0:
                yield from self._declaration(begin, position + 1, owner)
                begin = position + 1

    def _declaration(self, begin, end, owner):
        begin += len(self.code[begin:end]) - len(self.code[begin:end].lstrip())
        code = self.code[begin:end]
        comment = self._comment_of(begin, end)
        kind, name = kind_and_name(code, owner is not None)
        yield Declaration(kind, name, self._place(begin), comment, code, owner or "")
        if kind in ("struct", "union"):
            yield from self._members(begin + code.index("{") + 1, begin + code.rindex("}"), f"{owner or ''} {comment}")

    def _macros(self):
        guard = next((macro[1] for macro in self.macros), "")
        for macro in self.macros:
            if macro[1] == guard and guard.startswith("BDEVKIT_"):
                continue
            comment = self._comment_of(macro.start(), macro.start() + len(macro[0].rstrip()))
            top = macro.start()
            while not comment and self.text[:top].rstrip(" ").endswith("\n") and not self.text[:top].endswith("\n\n"):
                top = self.text.rfind("\n", 0, top - 1) + 1  # a line up, while they are directives
                if self.text[top] != "#":
                    comment = self._comment_above(self.text.index("\n", top) + 1)
                    break
                comment = self._comment_of(top, top)
            yield Declaration("macro", macro[1], self._place(macro.start()), comment, macro[0])

    def _comment_of(self, begin, end):
        return self._comment_above(begin) or self._comment_behind(end)

    def _comment_above(self, begin):
        above = [match for match in self.comments.values() if match.end() <= begin]
        if not above or not re.fullmatch(r"[ \t]*\n?[ \t]*", self.text[above[-1].end():begin]):
            return ""
        return plain(above[-1][0]) if re.match(r"/\*\*(?![*<])", above[-1][0]) and "@file" not in above[-1][0] else ""

    def _comment_behind(self, end):
        behind = re.match(r"\s*", self.text[end:]).end() + end
        match = self.comments.get(behind)
        return plain(match[0]) if match and match[0].startswith("/**<") else ""

    def _place(self, position):
        return f"{self.name}:{self.text.count(chr(10), 0, position) + 1}"


def blanks(match):
    return re.sub(r"[^\n]", " ", match[0])


def plain(comment):
    """The text of a comment in one line."""
    return " ".join(re.sub(r"^[ \t]*\*", "", re.sub(r"^/\*+<?|\*/$", "", comment), flags=re.MULTILINE).split())


def kind_and_name(code, is_field):
    if body := re.match(r"(struct|union|enum)\s*(\w*)\s*\{", code):
        name = body[2] or re.search(r"(\w*)\s*;$", code)[1]
        return body[1], name or body[1]
    if pointer := re.search(r"\(\*\s*(\w+)\)\s*\(", code):
        return "callback", pointer[1]
    if opaque := re.fullmatch(r"struct\s+(\w+)\s*;", code):
        return "opaque struct", opaque[1]
    if function := re.search(r"(\w+)\s*\(", re.sub(r"__attribute__\s*\(\(.*\)\)", "", code)):
        return "function", function[1]
    names = ", ".join(re.findall(r"(\w+)\s*(?:\[[^\]]*\])?\s*[,;]", code))
    return "field" if is_field else "variable", names


def places_of(header):
    """The list in the comment of abi.h: each place and what it is."""
    return dict(re.findall(r"^ \*     \[([a-z' ]+)\] +(\S.*)$", header.text, re.MULTILINE))


def places_at_the_beginning(comment):
    found = re.match(r"\[([^\]]+)\]", comment)
    return found[1].split(", ") if found else []


def places_anywhere(comment):
    return [place for group in re.findall(r"\[([a-z', ]*(?:thread|handler|callback)[a-z', ]*)\]", comment)
            for place in group.split(", ")]


def without_comment(declarations):
    documented = {each.name for each in declarations if each.kind == "opaque struct" and each.comment}
    for each in declarations:
        if each.comment or (each.kind == "opaque struct" and each.name in documented | defined(declarations)):
            continue
        names = set(each.name.split(", "))
        if each.kind == "field" and names <= EXPLAINED_IN_ABI_H | set(re.findall(r"`(\w+)`", each.owner)):
            continue
        if each.kind == "union" and each.name == "union":
            continue
        yield each.problem(f"this {each.kind} has no comment")


def defined(declarations):
    return {each.name for each in declarations if each.kind == "struct"}


def without_place(declarations, places):
    for each in declarations:
        if each.is_called and each.comment and not places_at_the_beginning(each.comment):
            yield each.problem("the comment does not begin with the place where it runs")
        for place in {*places_at_the_beginning(each.comment if each.is_called else ""), *places_anywhere(each.comment)}:
            if place not in places:
                yield each.problem(f"[{place}] is not in the list of abi.h")


def unused_places(declarations, places):
    used = {place for each in declarations if each.is_called for place in places_at_the_beginning(each.comment)}
    return [f"abi.h: [{place}] is the place of nothing" for place in places if place not in used]


def says_result(each, called, seen=()):
    if "@return" in each.comment or "bdk_bdev_io_completion_cb" in each.code:
        return True
    return any(name in called and name not in seen and says_result(called[name], called, (*seen, name))
               for name in re.findall(r"\bAs (bdk_\w+)\(\)", each.comment, re.IGNORECASE))


def without_result(declarations):
    called = {each.name: each for each in declarations if each.is_called}
    for each in declarations:
        returns_int = each.is_called and re.match(r"(?:BDK_API |typedef )?int \(?\*?\w+", each.code)
        takes_nothing = re.search(r"\(\s*void\s*\)\s*;$", each.code)
        if returns_int and not takes_nothing and each.comment and not says_result(each, called):
            yield each.problem("the comment does not say what it returns: @return")


def problems_of(headers):
    declarations = [each for header in headers for each in header.declarations]
    places = places_of(next(header for header in headers if header.name == "abi.h"))
    return [*without_comment(declarations), *without_place(declarations, places), *unused_places(declarations, places),
            *without_result(declarations)]


def test_every_declaration_is_documented():
    headers = [Header(file.name, file.read_text()) for file in HEADERS]
    problems = problems_of(headers)
    assert not problems, "\n".join(problems)


def test_every_exported_function_is_seen():
    seen = {each.name for file in HEADERS for each in Header(file.name, file.read_text()).declarations}
    exported = re.findall(r"^ +(bdk_\w+);$", (SOURCE / "sdk" / "src" / "bdevkit.map").read_text(), re.MULTILINE)
    assert len(exported) > 200
    assert not [name for name in exported if name not in seen]


def test_the_results_of_submissions_are_in_the_comment_of_desc_h():
    header = next(file for file in HEADERS if file.name == "desc.h")
    comment = Header(header.name, header.read_text()).comment
    assert all(result in comment for result in ["returns 0", "-EINVAL", "-EBADF", "-ENOTSUP", "-ENODEV", "-ENOMEM"])


ABI_H = """/**
 * @file abi.h
 *     [any thread]     any;
 *     [owner's thread]  the one that has it.
 */
#ifndef BDEVKIT_ABI_H
#define BDEVKIT_ABI_H
#endif
"""
GOOD = """/** @file good.h Everything is as it should be. */
#ifndef BDEVKIT_GOOD_H
#define BDEVKIT_GOOD_H
BDK_C_BEGIN
/** A thing. */
struct bdk_thing;
/** Numbers. */
#define BDK_ONE 1
#define BDK_TWO 2
#define BDK_MAGIC "x" /**< the first byte */
/** Kinds. */
enum { BDK_KIND = 1 };
/** [owner's thread] Called once. @return 0; -EIO */
typedef int (*bdk_fn)(void* ctx, int a);
/** What there is. `told`: bytes. */
struct bdk_stat {
    uint32_t size;
    uint32_t reserved[2];
    uint64_t told;
    uint64_t count, most; /**< things */
    void (*done)(void* ctx); /**< [any thread] told */
    /** [any thread] Counts. @return 0 */
    int (*ask)(void* ctx);
};
/** [any thread] Gets it. @return 0; -EINVAL */
BDK_API int bdk_get(struct bdk_thing* thing, int n);
/** [any thread] As bdk_get(), but once more. */
BDK_API int bdk_get_again(struct bdk_thing* thing, int n);
/** [any thread] Reads. */
BDK_API int bdk_read(struct bdk_thing* thing, bdk_bdev_io_completion_cb cb);
/** [any thread] How many. */
BDK_API int bdk_count(void);
BDK_C_END
#endif
"""


def test_a_good_header_has_no_problem():
    assert not problems_of([Header("abi.h", ABI_H), Header("good.h", GOOD)])


@pytest.mark.parametrize("old, new, problem", [
    ("/** A thing. */\n", "", "good.h:5: bdk_thing: this opaque struct has no comment"),
    ("/** Numbers. */\n", "", "good.h:7: BDK_ONE: this macro has no comment"),
    ("#define BDK_TWO", "\n#define BDK_TWO", "good.h:10: BDK_TWO: this macro has no comment"),
    ("/** Kinds. */\n", "", "good.h:11: enum: this enum has no comment"),
    ("/** [owner's thread] Called once. @return 0; -EIO */\n", "", "good.h:13: bdk_fn: this callback has no comment"),
    ("/** What there is. `told`: bytes. */\n", "", "good.h:15: bdk_stat: this struct has no comment"),
    ("`told`", "told", "good.h:19: told: this field has no comment"),
    (" /**< things */", "", "good.h:20: count, most: this field has no comment"),
    (" /**< [any thread] told */", "", "good.h:21: done: this callback has no comment"),
    ("/**< [any thread] told */", "/**< told */", "good.h:21: done: the comment does not begin with the place where it runs"),
    ("Counts. @return 0 */", "Counts. */", "good.h:23: ask: the comment does not say what it returns: @return"),
    ("/** [any thread] How many. */\n", "", "good.h:31: bdk_count: this function has no comment"),
    ("/** [any thread] How many. */", "/* [any thread] How many. */", "good.h:32: bdk_count: this function has no comment"),
    ("[any thread] How many.", "How many.", "good.h:32: bdk_count: the comment does not begin with the place where it runs"),
    ("[any thread] Reads.", "[any thread, its thread] Reads.", "good.h:30: bdk_read: [its thread] is not in the list of abi.h"),
    ("Gets it.", "Gets it: [one thread].", "good.h:26: bdk_get: [one thread] is not in the list of abi.h"),
    ("As bdk_get(),", "As that,", "good.h:28: bdk_get_again: the comment does not say what it returns: @return"),
    ("bdk_bdev_io_completion_cb", "void*", "good.h:30: bdk_read: the comment does not say what it returns: @return"),
    ("Called once. @return 0; -EIO", "Called once.", "good.h:14: bdk_fn: the comment does not say what it returns: @return"),
    ("[owner's thread]", "[any thread]", "abi.h: [owner's thread] is the place of nothing"),
])
def test_each_rule_finds_its_fault(old, new, problem):
    assert GOOD.count(old) == 1
    found = problems_of([Header("abi.h", ABI_H), Header("good.h", GOOD.replace(old, new))])
    assert problem in found, found
