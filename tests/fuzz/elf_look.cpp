// SPDX-License-Identifier: BSD-3-Clause
// Files that may be plugins, looked at before they are opened.
#include "loader/elf_look.hpp"

#include "memory_file.hpp"

using namespace bdk::fuzz;
using bdevkit::host::ElfFile;

namespace {

/// Reads the same data as the check of needed libraries.
void read_dynamic_section(const ElfFile& file) {
    for (const int64_t tag : {DT_NEEDED, DT_RUNPATH, DT_RPATH})
        for (const uint64_t value : file.dynamic(tag))
            static_cast<void>(file.dynamic_string(value));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    const MemoryFile input(FuzzInput(data, size).take_rest());
    const auto file = ElfFile::read(input.fd());
    must_hold(file.has_value() || !file.error().empty(), "a file that is no shared object has a reason");
    if (!file) return 0;
    const auto entry = look_at_plugin(*file);
    must_hold(entry.has_value() || !entry.error().empty(), "a file that is no plugin has a reason");
    read_dynamic_section(*file);
    return 0;
}
