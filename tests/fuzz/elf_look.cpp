// SPDX-License-Identifier: BSD-3-Clause
// Files that may be plugins, looked at before they are opened.
#include "loader/elf_look.hpp"

#include "memory_file.hpp"

using namespace bdk::fuzz;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    const MemoryFile file(FuzzInput(data, size).take_rest());
    const auto entry = bdevkit::host::look_at_plugin(file.path());
    must_hold(entry.has_value() || !entry.error().empty(), "a file that is no plugin has a reason");
    return 0;
}
