// SPDX-License-Identifier: BSD-3-Clause
#include "loader/elf_look.hpp"

#include <bdevkit/module.h>
#include <bdevkit/plugin.h>

#include <cstddef>
#include <optional>

namespace bdevkit::host {
namespace {

tl::unexpected<std::string> not_a_plugin(std::string reason) {
    return tl::unexpected<std::string>(std::move(reason));
}

/// More than any plugin has. Beyond it the number in the file is taken for damage.
constexpr uint32_t max_modules = 256;

/// The pointer that is `field` bytes into the table; 0 where an older table ends before it.
uint64_t table_pointer(const ElfFile& file, uint64_t table, uint32_t table_size, size_t field) {
    return field + sizeof(void*) <= table_size ? file.pointer_at(table + field) : 0;
}

bool is_here(uint64_t pointer) {
    return pointer != 0 && pointer != ElfFile::elsewhere;
}

ModuleLook look_at_module(const ElfFile& file, uint64_t table) {
    ModuleLook look;
    const auto head = is_here(table) ? file.at<uint32_t>(table, 2 * sizeof(uint32_t)) : std::nullopt;
    if (!head) return look;
    const uint32_t size = (*head)[0];
    look.flags = (*head)[1];
    const auto pointer = [&](size_t field) { return table_pointer(file, table, size, field); };
    const uint64_t name = pointer(offsetof(bdk_module, name));
    if (is_here(name)) look.name = file.string_at(name).value_or("");
    look.examines = pointer(offsetof(bdk_module, examine_config)) != 0 ||
                    pointer(offsetof(bdk_module, examine_disk)) != 0;
    return look;
}

void look_at_list(const ElfFile& file, uint64_t plugin, EntrySymbol& entry) {
    constexpr size_t count_at = offsetof(bdk_plugin, module_count);
    const uint64_t list = table_pointer(file, plugin, entry.table_size, offsetof(bdk_plugin, modules));
    if (!is_here(list) || entry.table_size < count_at + sizeof(uint32_t)) return;
    const auto count = file.at<uint32_t>(plugin + count_at, sizeof(uint32_t));
    if (!count || count->front() > max_modules) return;
    for (uint32_t i = 0; i < count->front(); i++)
        entry.modules.push_back(look_at_module(file, file.pointer_at(list + i * sizeof(void*))));
}

}  // namespace

tl::expected<EntrySymbol, std::string> look_at_plugin(const ElfFile& file) {
    const auto symbol = file.find_export(BDK_PLUGIN_SYMBOL);
    if (!symbol)
        return not_a_plugin("exports no symbol " BDK_PLUGIN_SYMBOL
                            ": define it with BDK_MODULE of <bdevkit/module.h>");
    if (ELF64_ST_TYPE(symbol->st_info) != STT_OBJECT)
        return not_a_plugin("its symbol " BDK_PLUGIN_SYMBOL
                            " is not data: define it with BDK_MODULE of <bdevkit/module.h>");

    EntrySymbol entry{.symbol_size = symbol->st_size};
    if (!file.is_in_file(symbol->st_value)) return entry;
    const auto head = file.at<uint32_t>(symbol->st_value, 4 * sizeof(uint32_t));
    if (!head) return not_a_plugin("the file is cut short: copy or build it again");
    entry.abi_major = (*head)[0];
    entry.abi_minor = (*head)[1];
    entry.abi_draft = (*head)[2];
    entry.table_size = (*head)[3];
    if (entry.abi_major == BDK_ABI_MAJOR && entry.abi_draft == BDK_ABI_DRAFT)
        look_at_list(file, symbol->st_value, entry);
    return entry;
}

}  // namespace bdevkit::host
