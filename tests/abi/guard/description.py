# SPDX-License-Identifier: BSD-3-Clause
"""Types of functions and layouts of structs, as abidw describes them.

What is described is a library made from the headers alone: each function of the ABI with its types, and each struct. It
holds no code, so it is the same whatever compiles it and however."""

import collections
import xml.etree.ElementTree

from guard.headers import run

Field = collections.namedtuple("Field", "offset end type name")  # in bits


def describe(headers):
    """The path of the description."""
    lines = ['#include "all.h"', *(f"{declaration} {{ __builtin_trap(); }}" for declaration in headers.functions().values())]
    # What a plugin fills or reads without passing it to a function is named here, or it would not be described.
    lines += [f"BDK_API struct {name} bdk_abi_{name};" for name in headers.structs()]
    (headers.folder / "library.c").write_text("\n".join(lines) + "\n")
    headers.compile("-Wno-return-type", "-g", "-shared", "-fPIC", "-o", "libbdevkit.so.1", "-Wl,-soname,libbdevkit.so.1",
                    "library.c")
    run("abidw", "--no-corpus-path", "--no-comp-dir-path", "--no-show-locs", "--no-elf-needed", "--type-id-style", "hash",
        "--out-file", "libbdevkit.abi", "libbdevkit.so.1", cwd=headers.folder)
    return headers.folder / "libbdevkit.abi"


class Description:
    """Functions and structs, in words that can be compared."""

    def __init__(self, path):
        root = xml.etree.ElementTree.parse(path).getroot()
        self.types = {element.get("id"): element for element in root.iter()
                      if "id" in element.attrib and element.get("is-declaration-only") != "yes"}
        self.functions = {element.get("name"): self.signature(element) for element in root.iter("function-decl")}
        structs = {element.get("name"): element for element in self.types.values()
                   if element.tag == "class-decl" and element.get("name").startswith("bdk_")}
        self.fields = {name: self.members(element) for name, element in structs.items()}
        self.bits = {name: self.size(element.get("id")) for name, element in structs.items()}

    def functions_broken_by(self, now):
        for name, signature in self.functions.items():
            if now.functions.get(name) != signature:
                yield f"function {name} was {signature} and is {now.functions.get(name, 'gone')}"

    def signature(self, element):
        parameters = ["..." if parameter.get("is-variadic") == "yes" else self.type(parameter.get("type-id"))
                      for parameter in element.findall("parameter")]
        return f"{self.type(element.find('return').get('type-id'))} ({', '.join(parameters)})"

    def members(self, element):
        fields = []
        for member in element.findall("data-member"):
            field, offset = member.find("var-decl"), int(member.get("layout-offset-in-bits", 0))
            type_id = field.get("type-id")
            fields.append(Field(offset, offset + self.size(type_id), self.type(type_id), field.get("name")))
        return fields

    def size(self, type_id):
        element = self.types[type_id]
        return int(element.get("size-in-bits") or self.size(element.get("type-id")))

    def type(self, type_id):
        element = self.types.get(type_id)
        if element is None:  # a struct that plugins only point to
            return "struct"
        inner = element.get("type-id")
        if element.tag == "pointer-type-def":
            return f"{self.type(inner)} *"
        if element.tag == "qualified-type-def":
            return f"const {self.type(inner)}"
        if element.tag == "typedef-decl":
            return self.type(inner)
        if element.tag == "array-type-def":
            return f"{self.type(inner)}[{element.find('subrange').get('length')}]"
        if element.tag == "function-type":
            return self.signature(element)
        if element.get("is-anonymous") == "yes":
            return f"{{ {'; '.join(f'{field.offset}: {field.type} {field.name}' for field in self.members(element))} }}"
        return element.get("name")
