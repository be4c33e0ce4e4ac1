// SPDX-License-Identifier: BSD-3-Clause
#include "loader/plugin_file.hpp"

#include <dlfcn.h>
#include <spdlog/fmt/fmt.h>

#include "loader/elf_look.hpp"
#include "loader/file_trust.hpp"

namespace bdevkit::host {
namespace {

/// What dlopen() has just said, without the path that it begins with.
std::string dlopen_error(const std::filesystem::path& file) {
    const char* text = dlerror();  // NOLINT(concurrency-mt-unsafe): glibc keeps it per thread
    std::string message = text != nullptr ? text : "unknown error";
    const std::string prefix = file.native() + ": ";
    if (message.starts_with(prefix)) message.erase(0, prefix.size());
    if (message.find("undefined symbol: bdk_") != std::string::npos ||
        message.find("version `BDK_") != std::string::npos)
        message += fmt::format("; this host offers ABI {}.{}, the plugin needs a newer bdevkit",
                               BDK_ABI_MAJOR, BDK_ABI_MINOR);
    return "cannot be loaded: " + message;
}

tl::expected<void, std::string> look(const std::filesystem::path& file) {
    if (auto reason = why_untrusted(file)) return tl::unexpected(*std::move(reason));
    const auto entry = look_at_plugin(file);
    if (!entry) return tl::unexpected(entry.error());
    // A table that says no ABI yet is filled by constructors; read_module() checks it once they have run.
    if (entry->abi_major != 0 && entry->abi_major != BDK_ABI_MAJOR)
        return tl::unexpected(wrong_abi_message(entry->abi_major, entry->abi_minor));
    if (entry->symbol_size != 0 && entry->symbol_size < entry->table_size)
        return tl::unexpected(
            fmt::format("its table's size says {} bytes, but {} has {}: set size to "
                        "sizeof(struct bdk_module)",
                        entry->table_size, BDK_MODULE_SYMBOL, entry->symbol_size));
    return {};
}

}  // namespace

tl::expected<PluginFile, std::string> open_plugin(const std::filesystem::path& file) {
    if (auto looked = look(file); !looked) return tl::unexpected(looked.error());

    namespace dll = boost::dll;
    dll::shared_library library;
    dll::fs::error_code error;
    library.load(file.native(), error, dll::load_mode::rtld_now | dll::load_mode::rtld_local);
    if (error) return tl::unexpected(dlopen_error(file));

    auto info = read_module(library.get<const bdk_module>(BDK_MODULE_SYMBOL));
    if (!info) return tl::unexpected(info.error());
    return PluginFile{std::move(library), *std::move(info)};
}

void keep_mapped(const std::filesystem::path& file) {
    if (void* handle = dlopen(file.c_str(), RTLD_NOW | RTLD_NOLOAD | RTLD_NODELETE)) dlclose(handle);
}

}  // namespace bdevkit::host
