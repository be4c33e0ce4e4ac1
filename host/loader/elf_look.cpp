// SPDX-License-Identifier: BSD-3-Clause
#include "loader/elf_look.hpp"

#include <bdevkit/module.h>

#include <cstddef>

namespace bdevkit::host {
namespace {

tl::unexpected<std::string> not_a_plugin(std::string reason) {
    return tl::unexpected<std::string>(std::move(reason));
}

/// The pointer that is `field` bytes into the table; 0 where an older table ends before it.
uint64_t table_pointer(const ElfFile& file, uint64_t table, uint32_t table_size, size_t field) {
    return field + sizeof(void*) <= table_size ? file.pointer_at(table + field) : 0;
}

void look_at_table(const ElfFile& file, uint64_t table, EntrySymbol& entry) {
    const auto pointer = [&](size_t field) { return table_pointer(file, table, entry.table_size, field); };
    const uint64_t name = pointer(offsetof(bdk_module, name));
    if (name != 0 && name != ElfFile::elsewhere) entry.module_name = file.string_at(name).value_or("");
    entry.examines = pointer(offsetof(bdk_module, examine_config)) != 0 ||
                     pointer(offsetof(bdk_module, examine_disk)) != 0;
}

}  // namespace

tl::expected<EntrySymbol, std::string> look_at_plugin(const ElfFile& file) {
    const auto symbol = file.find_export(BDK_MODULE_SYMBOL);
    if (!symbol)
        return not_a_plugin("exports no symbol " BDK_MODULE_SYMBOL
                            ": define the module's table with BDK_MODULE of <bdevkit/module.h>");
    if (ELF64_ST_TYPE(symbol->st_info) != STT_OBJECT)
        return not_a_plugin("its symbol " BDK_MODULE_SYMBOL
                            " is not data: define the module's table with BDK_MODULE of <bdevkit/module.h>");

    EntrySymbol entry{.symbol_size = symbol->st_size};
    if (!file.is_in_file(symbol->st_value)) return entry;
    const auto head = file.at<uint32_t>(symbol->st_value, 4 * sizeof(uint32_t));
    if (!head) return not_a_plugin("the file is cut short: copy or build it again");
    entry.abi_major = (*head)[0];
    entry.abi_minor = (*head)[1];
    entry.table_size = (*head)[2];
    entry.flags = (*head)[3];
    if (entry.abi_major == BDK_ABI_MAJOR) look_at_table(file, symbol->st_value, entry);
    return entry;
}

}  // namespace bdevkit::host
