// SPDX-License-Identifier: BSD-3-Clause
#include "loader/elf_look.hpp"

#include <bdevkit/module.h>
#include <elf.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <optional>
#include <span>
#include <string_view>
#include <system_error>
#include <vector>

namespace bdevkit::host {
namespace {

#if defined(__x86_64__)
constexpr uint16_t machine = EM_X86_64;
#elif defined(__aarch64__)
constexpr uint16_t machine = EM_AARCH64;
#else
#error "bdevkit runs on x86-64 and aarch64"
#endif

tl::unexpected<std::string> not_a_plugin(std::string reason) {
    return tl::unexpected<std::string>(std::move(reason));
}

/// Reads of a file that may claim anything: each is checked against its length.
class CheckedFile {
public:
    explicit CheckedFile(const std::filesystem::path& path)
        : stream_(path, std::ios::binary | std::ios::ate) {
        if (stream_) size_ = static_cast<uint64_t>(stream_.tellg());
    }

    bool is_open() const { return stream_.is_open(); }

    template <typename T>
    std::optional<T> read(uint64_t offset) {
        auto items = read_array<T>(offset, sizeof(T));
        if (!items) return std::nullopt;
        return items->front();
    }

    /// The whole elements in `bytes` bytes; nothing when they are not all in the file.
    template <typename T>
    std::optional<std::vector<T>> read_array(uint64_t offset, uint64_t bytes) {
        if (bytes < sizeof(T) || bytes > size_ || offset > size_ - bytes) return std::nullopt;
        std::vector<T> items(bytes / sizeof(T));
        stream_.seekg(static_cast<std::streamoff>(offset));
        stream_.read(reinterpret_cast<char*>(items.data()),
                     static_cast<std::streamsize>(items.size() * sizeof(T)));
        if (!stream_) return std::nullopt;
        return items;
    }

private:
    std::ifstream stream_;
    uint64_t size_ = 0;
};

std::string_view name_at(std::span<const char> strings, uint32_t offset) {
    if (offset >= strings.size()) return {};
    const char* begin = strings.data() + offset;
    return {begin, strnlen(begin, strings.size() - offset)};
}

bool is_exported(const Elf64_Sym& symbol) {
    const auto binding = ELF64_ST_BIND(symbol.st_info);
    return symbol.st_shndx != SHN_UNDEF && (binding == STB_GLOBAL || binding == STB_WEAK) &&
           ELF64_ST_VISIBILITY(symbol.st_other) == STV_DEFAULT;
}

/// The exported symbol of that name in the dynamic symbol table, which survives `strip`.
std::optional<Elf64_Sym> find_export(CheckedFile& file, const Elf64_Ehdr& header, std::string_view name) {
    const auto sections =
        file.read_array<Elf64_Shdr>(header.e_shoff, uint64_t{header.e_shnum} * sizeof(Elf64_Shdr));
    if (!sections) return std::nullopt;
    for (const Elf64_Shdr& section : *sections) {
        if (section.sh_type != SHT_DYNSYM || section.sh_link >= sections->size()) continue;
        const Elf64_Shdr& link = (*sections)[section.sh_link];
        const auto symbols = file.read_array<Elf64_Sym>(section.sh_offset, section.sh_size);
        const auto strings = file.read_array<char>(link.sh_offset, link.sh_size);
        if (!symbols || !strings) return std::nullopt;
        for (const Elf64_Sym& symbol : *symbols)
            if (is_exported(symbol) && name_at(*strings, symbol.st_name) == name) return symbol;
    }
    return std::nullopt;
}

/// Where in the file the bytes stand that are loaded at `address`.
std::optional<uint64_t> file_offset(CheckedFile& file, const Elf64_Ehdr& header, uint64_t address) {
    const auto segments =
        file.read_array<Elf64_Phdr>(header.e_phoff, uint64_t{header.e_phnum} * sizeof(Elf64_Phdr));
    if (!segments) return std::nullopt;
    for (const Elf64_Phdr& segment : *segments) {
        if (segment.p_type != PT_LOAD || address < segment.p_vaddr) continue;
        const uint64_t distance = address - segment.p_vaddr;
        if (distance < segment.p_filesz) return segment.p_offset + distance;
    }
    return std::nullopt;
}

std::optional<std::string> why_not_for_this_machine(const Elf64_Ehdr& header) {
    if (std::memcmp(header.e_ident, ELFMAG, SELFMAG) != 0) return "not an ELF file";
    if (header.e_ident[EI_CLASS] != ELFCLASS64 || header.e_ident[EI_DATA] != ELFDATA2LSB ||
        header.e_machine != machine)
        return "an ELF file for another processor: compile it for this machine";
    if (header.e_type != ET_DYN) return "not a shared object: link it with -shared";
    return std::nullopt;
}

}  // namespace

tl::expected<EntrySymbol, std::string> look_at_plugin(const std::filesystem::path& path) {
    CheckedFile file(path);
    if (!file.is_open()) return not_a_plugin("cannot be read: " + std::generic_category().message(errno));

    const auto header = file.read<Elf64_Ehdr>(0);
    if (!header) return not_a_plugin("not an ELF file");
    if (auto reason = why_not_for_this_machine(*header)) return not_a_plugin(*std::move(reason));

    const auto symbol = find_export(file, *header, BDK_MODULE_SYMBOL);
    if (!symbol)
        return not_a_plugin("exports no symbol " BDK_MODULE_SYMBOL
                            ": define the module's table with BDK_MODULE of <bdevkit/module.h>");
    if (ELF64_ST_TYPE(symbol->st_info) != STT_OBJECT)
        return not_a_plugin("its symbol " BDK_MODULE_SYMBOL
                            " is not data: define the module's table with BDK_MODULE of <bdevkit/module.h>");

    EntrySymbol entry{.symbol_size = symbol->st_size};
    const auto offset = file_offset(file, *header, symbol->st_value);
    if (!offset) return entry;
    const auto head = file.read_array<uint32_t>(*offset, 3 * sizeof(uint32_t));
    if (!head) return not_a_plugin("the file is cut short: copy or build it again");
    entry.abi_major = (*head)[0];
    entry.abi_minor = (*head)[1];
    entry.table_size = (*head)[2];
    return entry;
}

}  // namespace bdevkit::host
