# SPDX-License-Identifier: BSD-3-Clause
"""Layouts of structs: which may grow, and how."""

import re


def kinds(layout):
    """Struct to FROZEN, GROWS_FROM or STRIDED, as tests/abi/layout.h says, and to what else it says there."""
    lines = re.findall(r"^(FROZEN|GROWS_FROM|STRIDED)\((bdk_\w+),\s*([^()]*)\);", layout.read_text(), re.MULTILINE)
    return {name: (kind, re.split(r",\s*", rest)) for kind, name, rest in lines}


def may_grow(name, kind_of):
    return name in kind_of and kind_of[name][0] != "FROZEN"


def faults(kind_of, described, parameters):
    """Each struct says whether it may grow; one that lies inside another, or is passed by value, may not."""
    for name in described.fields:
        kind, rest = kind_of.get(name, ("none", []))
        if kind == "none":
            yield (f"struct {name}: say in tests/abi/layout.h what it is: FROZEN; GROWS_FROM, if it begins with `size`; STRIDED, "
                   "if a field or parameter tells how far apart the elements of its arrays are")
        elif kind == "STRIDED" and not tells(*rest[1:], described, parameters):
            yield f"struct {name}: {rest[1]} has no {rest[2]}, which tests/abi/layout.h names as the stride"
    types = list(described.functions.values()) + [field.type for fields in described.fields.values() for field in fields]
    by_value = {name for text in types for name in re.findall(r"\b(bdk_\w+)\b(?! \*)", text)}
    for name in sorted(by_value & set(described.fields)):
        if may_grow(name, kind_of):
            yield f"struct {name} is {kind_of[name][0]} in tests/abi/layout.h, and used by value: make it FROZEN"


def tells(where, stride, described, parameters):
    """Whether a struct has that field, or a function that parameter."""
    return (stride in [field.name for field in described.fields.get(where, [])]
            or stride in parameters.get(where, "").strip("()").split(", "))


def broken(then, now, kind_of):
    """The first thing in each struct that a plugin built for the layouts `then` finds changed."""
    for name, fields in then.fields.items():
        if name not in now.fields:
            yield f"struct {name} is gone"
            continue
        grows = may_grow(name, kind_of)
        found = [*moved(fields, now.fields[name]), *misplaced(fields, now.fields[name], then.bits[name] if grows else None)]
        if not found and (now.bits[name] < then.bits[name] or now.bits[name] > then.bits[name] and not grows):
            found.append(f"was {then.bits[name] // 8} bytes and is {now.bits[name] // 8}")
        yield from (f"struct {name}: {fault}" for fault in found[:1])


def moved(then, now):
    """Fields stay where they are. A reserve may become other fields that fill it."""
    for field in then:
        if field not in now and not (is_reserve(field) and is_filled(field, now)):
            here = [other for other in now if overlap(field, other)]
            yield f"{text(field)} is {' and '.join(map(text, here)) or 'gone'}"


def misplaced(then, now, end):
    """A field that was not there lies behind `end`: what was padding may hold anything. No `end`: the struct is frozen."""
    for field in now:
        if not any(overlap(field, other) for other in then) and (end is None or field.offset < end):
            yield f"{text(field)} is new, and the struct " + ("is FROZEN in tests/abi/layout.h" if end is None else
                                                              f"had padding there: put it behind byte {end // 8}")


def added(then, now):
    for name, fields in now.fields.items():
        if name not in then.fields:
            yield f"struct {name}"
        else:
            yield from (f"struct {name}: {text(field)}" for field in fields if field not in then.fields[name])


def overlap(one, other):
    return one.offset < other.end and other.offset < one.end


def is_reserve(field):
    return re.match("reserved", field.name) is not None


def is_filled(reserve, fields):
    inside = [field for field in fields if overlap(field, reserve)]
    return (all(reserve.offset <= field.offset and field.end <= reserve.end for field in inside)
            and sum(field.end - field.offset for field in inside) == reserve.end - reserve.offset)


def text(field):
    return f"`{field.type} {field.name}` at {field.offset // 8}"
