// SPDX-License-Identifier: BSD-3-Clause
#include "loader/elf_file.hpp"

#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <span>

#ifndef DT_RELR  // glibc 2.36 has it
#define DT_RELRSZ 35
#define DT_RELR 36
#endif

namespace bdevkit::host {
namespace {

#if defined(__x86_64__)
constexpr uint16_t machine = EM_X86_64;
constexpr uint32_t relative_type = R_X86_64_RELATIVE;
constexpr uint32_t symbol_type = R_X86_64_64;
#elif defined(__aarch64__)
constexpr uint16_t machine = EM_AARCH64;
constexpr uint32_t relative_type = R_AARCH64_RELATIVE;
constexpr uint32_t symbol_type = R_AARCH64_ABS64;
#else
#error "bdevkit runs on x86-64 and aarch64"
#endif

constexpr uint64_t longest_string = 4096;

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

std::optional<std::string> why_not_for_this_machine(const Elf64_Ehdr& header) {
    if (std::memcmp(header.e_ident, ELFMAG, SELFMAG) != 0) return "not an ELF file";
    if (header.e_ident[EI_CLASS] != ELFCLASS64 || header.e_ident[EI_DATA] != ELFDATA2LSB ||
        header.e_machine != machine)
        return "an ELF file for another processor: compile it for this machine";
    if (header.e_type != ET_DYN) return "not a shared object: link it with -shared";
    return std::nullopt;
}

}  // namespace

tl::expected<ElfFile, std::string> ElfFile::read(int fd) {
    struct stat status {};
    if (fstat(fd, &status) != 0)
        return tl::unexpected(std::string("cannot be read: ") + std::strerror(errno));
    ElfFile file(fd, static_cast<uint64_t>(status.st_size));
    const auto header = file.read_array<Elf64_Ehdr>(0, sizeof(Elf64_Ehdr));
    if (!header) return tl::unexpected(std::string("not an ELF file"));
    file.header_ = header->front();
    if (auto reason = why_not_for_this_machine(file.header_)) return tl::unexpected(*std::move(reason));
    file.read_tables();
    return file;
}

bool ElfFile::read_bytes(void* to, size_t bytes, uint64_t offset) const {
    auto* at = static_cast<char*>(to);
    while (bytes != 0) {
        const ssize_t length = pread(fd_, at, bytes, static_cast<off_t>(offset));
        if (length < 0 && errno == EINTR) continue;
        if (length <= 0) return false;
        at += length;
        bytes -= static_cast<size_t>(length);
        offset += static_cast<uint64_t>(length);
    }
    return true;
}

void ElfFile::read_tables() {
    const uint64_t bytes = uint64_t{header_.e_phnum} * sizeof(Elf64_Phdr);
    segments_ = read_array<Elf64_Phdr>(header_.e_phoff, bytes).value_or(segments_);
    for (const Elf64_Phdr& segment : segments_)
        if (segment.p_type == PT_DYNAMIC)
            dynamic_ = read_array<Elf64_Dyn>(segment.p_offset, segment.p_filesz).value_or(dynamic_);
    const auto table = [this]<typename T>(int64_t start_tag, int64_t size_tag, std::vector<T>& to) {
        const auto start = dynamic(start_tag);
        const auto size = dynamic(size_tag);
        if (!start.empty() && !size.empty()) to = at<T>(start.front(), size.front()).value_or(to);
    };
    table(DT_RELA, DT_RELASZ, relocations_);
    table(DT_RELR, DT_RELRSZ, relative_);
}

std::optional<uint64_t> ElfFile::file_offset(uint64_t address) const {
    for (const Elf64_Phdr& segment : segments_) {
        if (segment.p_type != PT_LOAD || address < segment.p_vaddr) continue;
        const uint64_t distance = address - segment.p_vaddr;
        if (distance < segment.p_filesz) return segment.p_offset + distance;
    }
    return std::nullopt;
}

std::optional<Elf64_Sym> ElfFile::find_export(std::string_view name) const {
    const auto sections =
        read_array<Elf64_Shdr>(header_.e_shoff, uint64_t{header_.e_shnum} * sizeof(Elf64_Shdr));
    if (!sections) return std::nullopt;
    for (const Elf64_Shdr& section : *sections) {
        if (section.sh_type != SHT_DYNSYM || section.sh_link >= sections->size()) continue;
        const Elf64_Shdr& link = (*sections)[section.sh_link];
        const auto symbols = read_array<Elf64_Sym>(section.sh_offset, section.sh_size);
        const auto strings = read_array<char>(link.sh_offset, link.sh_size);
        if (!symbols || !strings) return std::nullopt;
        for (const Elf64_Sym& symbol : *symbols)
            if (is_exported(symbol) && name_at(*strings, symbol.st_name) == name) return symbol;
    }
    return std::nullopt;
}

std::vector<uint64_t> ElfFile::dynamic(int64_t tag) const {
    std::vector<uint64_t> values;
    for (const Elf64_Dyn& entry : dynamic_) {
        if (entry.d_tag == DT_NULL) break;
        if (entry.d_tag == tag) values.push_back(entry.d_un.d_val);
    }
    return values;
}

std::optional<std::string> ElfFile::dynamic_string(uint64_t value) const {
    const auto strings = dynamic(DT_STRTAB);
    if (strings.empty() || value > UINT64_MAX - strings.front()) return std::nullopt;
    return string_at(strings.front() + value);
}

std::optional<std::string> ElfFile::string_at(uint64_t address) const {
    const auto offset = file_offset(address);
    if (!offset || *offset >= size_) return std::nullopt;
    const auto bytes = read_array<char>(*offset, std::min(longest_string, size_ - *offset));
    if (!bytes) return std::nullopt;
    const auto end = std::find(bytes->begin(), bytes->end(), '\0');
    if (end == bytes->end()) return std::nullopt;
    return std::string(bytes->begin(), end);
}

uint64_t ElfFile::pointer_at(uint64_t address) const {
    if (const auto target = relocated(address)) return *target;
    const auto value = at<uint64_t>(address, sizeof(uint64_t));
    return value && is_relative(address) ? value->front() : 0;
}

/// The value that an entry of DT_RELA stores there.
std::optional<uint64_t> ElfFile::relocated(uint64_t address) const {
    const auto found = std::find_if(relocations_.begin(), relocations_.end(),
                                    [&](const Elf64_Rela& each) { return each.r_offset == address; });
    if (found == relocations_.end()) return std::nullopt;
    const auto addend = static_cast<uint64_t>(found->r_addend);
    if (ELF64_R_TYPE(found->r_info) == relative_type) return addend;
    const auto table = dynamic(DT_SYMTAB);
    if (ELF64_R_TYPE(found->r_info) != symbol_type || table.empty()) return elsewhere;
    const uint64_t place = table.front() + ELF64_R_SYM(found->r_info) * sizeof(Elf64_Sym);
    const auto symbol = at<Elf64_Sym>(place, sizeof(Elf64_Sym));
    if (!symbol || symbol->front().st_shndx == SHN_UNDEF) return elsewhere;
    return symbol->front().st_value + addend;
}

/// Whether DT_RELR covers it: an even word is an address, an odd one the bits of the 63 words behind it.
bool ElfFile::is_relative(uint64_t address) const {
    uint64_t next = 0;
    for (const uint64_t word : relative_) {
        if ((word & 1) == 0) {
            if (word == address) return true;
            next = word + 8;
            continue;
        }
        const uint64_t index = (address - next) / 8;
        if (address >= next && (address - next) % 8 == 0 && index < 63 && (word >> (index + 1) & 1) != 0)
            return true;
        next += uint64_t{63} * 8;
    }
    return false;
}

}  // namespace bdevkit::host
