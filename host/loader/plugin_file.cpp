// SPDX-License-Identifier: BSD-3-Clause
#include "loader/plugin_file.hpp"

#include <dlfcn.h>
#include <spdlog/fmt/fmt.h>

#include <algorithm>
#include <boost/dll/shared_library.hpp>
#include <optional>

#include "diag/exit_guard.hpp"
#include "loader/elf_dependencies.hpp"
#include "loader/file_trust.hpp"
#include "loader/opening_watch.hpp"

namespace bdevkit::host {
namespace {

/// The last error of dlopen(), without the path at its beginning.
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

std::optional<std::string> why_table_refused(const EntrySymbol& entry) {
    // A list without an ABI version is filled by constructors; read_plugin() checks it after they have run.
    if (entry.abi_major != 0)
        if (auto reason = why_wrong_abi(entry.abi_major, entry.abi_minor, entry.abi_draft); !reason.empty())
            return reason;
    if (entry.symbol_size != 0 && entry.symbol_size < entry.table_size)
        return fmt::format(
            "its list's size says {} bytes, but {} has {}: set size to "
            "sizeof(struct bdk_plugin)",
            entry.table_size, BDK_PLUGIN_SYMBOL, entry.symbol_size);
    return std::nullopt;
}

}  // namespace

tl::expected<EntrySymbol, std::string> look_at_file(const std::filesystem::path& path) {
    const auto fd = open_trusted(path);
    if (!fd) return tl::unexpected(fd.error());
    const auto file = ElfFile::read(fd->get());
    if (!file) return tl::unexpected(file.error());
    auto entry = look_at_plugin(*file);
    if (!entry) return entry;
    if (auto reason = why_table_refused(*entry)) return tl::unexpected(*std::move(reason));
    if (auto reason = why_dependencies_untrusted(*file, path)) return tl::unexpected(*std::move(reason));
    return entry;
}

tl::expected<PluginFile, std::string> open_plugin(const std::filesystem::path& file) {
    if (auto looked = look_at_file(file); !looked) return tl::unexpected(looked.error());

    // Opened by its path, so that debuggers, sanitizers and our reports find it, and $ORIGIN is its folder.
    // Only root and the user can have replaced the file since the check.
    namespace dll = boost::dll;
    auto library = std::make_shared<dll::shared_library>();
    dll::fs::error_code error;
    {
        const bdk::ExitGuard guard("the plugin " + file.native() + " was being opened");
        const OpeningWatch watch(file);
        library->load(file.native(), error, dll::load_mode::rtld_now | dll::load_mode::rtld_local);
    }
    if (error) return tl::unexpected(dlopen_error(file));

    auto modules = read_plugin(library->get<const bdk_plugin>(BDK_PLUGIN_SYMBOL));
    if (!modules) return tl::unexpected(modules.error());
    return PluginFile{std::move(library), *std::move(modules)};
}

const ModuleInfo* PluginFile::find(std::string_view module_name) const {
    const auto found = std::ranges::find_if(
        modules, [&](const ModuleInfo& module) { return module_name.empty() || module.name == module_name; });
    return found == modules.end() ? nullptr : &*found;
}

void keep_mapped(const std::filesystem::path& file) {
    if (void* handle = dlopen(file.c_str(), RTLD_NOW | RTLD_NOLOAD | RTLD_NODELETE)) dlclose(handle);
}

}  // namespace bdevkit::host
