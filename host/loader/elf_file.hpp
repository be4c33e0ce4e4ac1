// SPDX-License-Identifier: BSD-3-Clause
// Reads a shared object as bytes, before any of its code runs.
#pragma once

#include <elf.h>
#include <unistd.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <vector>

namespace bdevkit::host {

/// Any number in the file may be wrong: each is checked against the file's length, and an item that does not
/// fit counts as missing. Addresses are those in the file, before it is loaded.
class ElfFile {
public:
    /// [any thread] @param fd a regular file, open for reading as long as this lives @return or why the file
    /// is not a shared object for this machine
    static tl::expected<ElfFile, std::string> read(int fd);

    /// The exported symbol of that name in the dynamic symbol table, which survives `strip`.
    std::optional<Elf64_Sym> find_export(std::string_view name) const;

    /// The values of a tag in the dynamic section, in its order.
    std::vector<uint64_t> dynamic(int64_t tag) const;
    /// The text of a value of DT_NEEDED, DT_RUNPATH and the like.
    std::optional<std::string> dynamic_string(uint64_t value) const;

    /// Whether the memory at `address` is loaded from the file. Zero-initialised memory is not.
    bool is_in_file(uint64_t address) const { return file_offset(address).has_value(); }
    /// The bytes of the file that are loaded at `address`.
    template <typename T>
    std::optional<std::vector<T>> at(uint64_t address, uint64_t bytes) const {
        const auto offset = file_offset(address);
        return offset ? read_array<T>(*offset, bytes) : std::nullopt;
    }
    /// The text at `address`, up to its end.
    std::optional<std::string> string_at(uint64_t address) const;

    /// The target of the pointer at `address` once the file is loaded: 0 for NULL, `elsewhere` for an address
    /// in another file.
    uint64_t pointer_at(uint64_t address) const;
    static constexpr uint64_t elsewhere = UINT64_MAX;

private:
    explicit ElfFile(int fd, uint64_t size) : fd_(fd), size_(size) {}

    /// The complete elements in `bytes` bytes; empty when they are not all in the file.
    template <typename T>
    std::optional<std::vector<T>> read_array(uint64_t offset, uint64_t bytes) const {
        if (bytes < sizeof(T) || bytes > size_ || offset > size_ - bytes) return std::nullopt;
        std::vector<T> items(bytes / sizeof(T));
        if (!read_bytes(items.data(), items.size() * sizeof(T), offset)) return std::nullopt;
        return items;
    }
    bool read_bytes(void* to, size_t bytes, uint64_t offset) const;
    std::optional<uint64_t> file_offset(uint64_t address) const;
    void read_tables();
    std::optional<uint64_t> relocated(uint64_t address) const;
    bool is_relative(uint64_t address) const;

    int fd_;
    uint64_t size_;
    Elf64_Ehdr header_{};
    std::vector<Elf64_Phdr> segments_;
    std::vector<Elf64_Dyn> dynamic_;
    std::vector<Elf64_Rela> relocations_;  ///< DT_RELA
    std::vector<uint64_t> relative_;       ///< DT_RELR
};

}  // namespace bdevkit::host
