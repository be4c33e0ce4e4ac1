// SPDX-License-Identifier: BSD-3-Clause
#include "loader/elf_dependencies.hpp"

#include <dlfcn.h>
#include <spdlog/fmt/fmt.h>

#include <array>
#include <set>
#include <sstream>
#include <vector>

#include "loader/file_trust.hpp"

namespace bdevkit::host {
namespace {

namespace fs = std::filesystem;

/// The subfolders that glibc searches first in each folder.
constexpr std::array variants = {"glibc-hwcaps/x86-64-v4", "glibc-hwcaps/x86-64-v3", "glibc-hwcaps/x86-64-v2",
                                 ""};

/// The folders that the dynamic linker searches, in its order.
struct Folder {
    fs::path path;
    bool is_fixed = true;  ///< false: relative to the working folder, as CMake writes it in a build tree
};

/// The dynamic linker then uses that path and searches nowhere.
bool is_loaded(const std::string& library) {
    void* handle = dlopen(library.c_str(), RTLD_LAZY | RTLD_NOLOAD);
    if (handle != nullptr) dlclose(handle);
    return handle != nullptr;
}

void replace_all(std::string& text, std::string_view what, const std::string& with) {
    for (size_t at = text.find(what); at != std::string::npos; at = text.find(what, at + with.size()))
        text.replace(at, what.size(), with);
}

class Dependencies {
public:
    using Reason = std::optional<std::string>;

    /// @param inherited DT_RPATH of the files that need this one
    Reason look_at(const ElfFile& file, const fs::path& path, std::vector<Folder> inherited) {
        const bool has_runpath = !file.dynamic(DT_RUNPATH).empty();
        std::vector<Folder> folders;
        for (const uint64_t value : file.dynamic(has_runpath ? DT_RUNPATH : DT_RPATH))
            if (auto reason = add_folders(file.dynamic_string(value).value_or(""), path, folders))
                return reason;
        if (!has_runpath) {
            folders.insert(folders.end(), inherited.begin(), inherited.end());
            inherited = folders;
        }
        // The dynamic linker loads filters, too, and their constructors run.
        for (const int64_t tag : {int64_t{DT_NEEDED}, int64_t{DT_AUXILIARY}, int64_t{DT_FILTER}})
            for (const uint64_t value : file.dynamic(tag))
                if (auto reason = look_for(file.dynamic_string(value).value_or(""), path, folders, inherited))
                    return reason;
        return std::nullopt;
    }

private:
    static std::string expand(std::string text, const fs::path& of) {
        replace_all(text, "${ORIGIN}", "$ORIGIN");
        replace_all(text, "$ORIGIN", of.parent_path().string());
        return text;
    }

    Reason add_folders(const std::string& list, const fs::path& of, std::vector<Folder>& folders) {
        if (list.empty()) return std::nullopt;
        std::istringstream parts(list + ":");
        for (std::string part; std::getline(parts, part, ':');) {
            const std::string folder = expand(part, of);
            if (folder.find('$') != std::string::npos)
                return fmt::format(
                    "takes libraries from '{}', but of such variables only $ORIGIN is supported", part);
            if (!folder.starts_with('/')) {
                folders.push_back({.path = fs::current_path() / folder, .is_fixed = false});
                continue;
            }
            for (const char* variant : variants) {
                const fs::path place = *variant == '\0' ? fs::path(folder) : fs::path(folder) / variant;
                if (auto reason = why_folder_untrusted(place))
                    return fmt::format("takes libraries from {}: {}", folder, *reason);
                folders.push_back({.path = place});
            }
        }
        return std::nullopt;
    }

    Reason look_for(const std::string& needed, const fs::path& of, const std::vector<Folder>& folders,
                    const std::vector<Folder>& inherited) {
        if (needed.find('/') != std::string::npos) {
            const std::string library = expand(needed, of);
            return look_at_library(fs::current_path() / library, inherited);
        }
        if (is_loaded(needed)) return std::nullopt;
        std::error_code error;
        for (const Folder& folder : folders) {
            if (auto reason = folder.is_fixed ? std::nullopt : why_folder_untrusted(folder.path))
                return fmt::format("takes {} from the working folder: {}", needed, *reason);
            if (fs::exists(folder.path / needed, error))
                return look_at_library(folder.path / needed, inherited);
        }
        return std::nullopt;
    }

    Reason look_at_library(const fs::path& library, const std::vector<Folder>& inherited) {
        if (!seen_.insert(library).second) return std::nullopt;
        const auto fd = open_trusted(library);
        if (!fd) return fmt::format("needs {}: {}", library.native(), fd.error());
        const auto file = ElfFile::read(fd->get());
        if (!file) return std::nullopt;  // the dynamic linker skips it, too
        auto reason = look_at(*file, library, inherited);
        return reason ? fmt::format("needs {}, which {}", library.native(), *reason) : reason;
    }

    std::set<fs::path> seen_;
};

}  // namespace

std::optional<std::string> why_dependencies_untrusted(const ElfFile& file,
                                                      const std::filesystem::path& path) {
    return Dependencies().look_at(file, path, {});
}

}  // namespace bdevkit::host
