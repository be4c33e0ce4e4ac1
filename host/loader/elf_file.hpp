// SPDX-License-Identifier: BSD-3-Clause
// A shared object read as bytes, before any of its code runs.
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

/// Every number in the file may be a lie: each is checked against the file's length, and what does not fit is
/// nothing. Addresses are those of the file, before it is loaded somewhere.
class ElfFile {
public:
    /// [any thread] @param fd  a regular file, open for reading as long as this lives
    /// @return  or what the file is instead of a shared object for this machine
    static tl::expected<ElfFile, std::string> read(int fd);

    /// The exported symbol of that name in the dynamic symbol table, which survives `strip`.
    std::optional<Elf64_Sym> find_export(std::string_view name) const;

    /// The values of a tag in the dynamic section, in its order.
    std::vector<uint64_t> dynamic(int64_t tag) const;
    /// The text that a value of DT_NEEDED, DT_RUNPATH and the like stands for.
    std::optional<std::string> dynamic_string(uint64_t value) const;

    /// Whether what is loaded at `address` comes from the file. It does not where it begins as zero.
    bool is_in_file(uint64_t address) const { return file_offset(address).has_value(); }
    /// Bytes loaded at `address`, as they stand in the file.
    template <typename T>
    std::optional<std::vector<T>> at(uint64_t address, uint64_t bytes) const {
        const auto offset = file_offset(address);
        return offset ? read_array<T>(*offset, bytes) : std::nullopt;
    }
    /// The text at `address`, up to its end.
    std::optional<std::string> string_at(uint64_t address) const;

    /// What the pointer at `address` points to once the file is loaded: 0 for NULL, `elsewhere` for something
    /// in another file.
    uint64_t pointer_at(uint64_t address) const;
    static constexpr uint64_t elsewhere = UINT64_MAX;

private:
    explicit ElfFile(int fd, uint64_t size) : fd_(fd), size_(size) {}

    /// The whole elements in `bytes` bytes; nothing when they are not all in the file.
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
