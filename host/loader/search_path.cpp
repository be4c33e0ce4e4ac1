// SPDX-License-Identifier: BSD-3-Clause
#include "loader/search_path.hpp"

#include <bdevkit/extension.h>
#include <dlfcn.h>

#include <algorithm>
#include <cstdlib>
#include <sstream>

namespace bdevkit::host {
namespace {

namespace fs = std::filesystem;

/// The folder of libbdevkit.so, also in a build tree or a relocated installation.
fs::path library_folder() {
    Dl_info info{};
    if (dladdr(reinterpret_cast<const void*>(&bdk_get_extension), &info) == 0) return {};
    std::error_code error;
    const fs::path library = fs::canonical(info.dli_fname, error);
    return error ? fs::path{} : library.parent_path();
}

/// [main thread] Nobody in this process changes its environment.
const char* environment(const char* name) {
    return std::getenv(name);
}  // NOLINT(concurrency-mt-unsafe)

class SearchPath {
public:
    void add(const fs::path& folder, const char* origin, bool must_exist) {
        if (folder.empty()) return;
        std::error_code error;
        fs::path path = fs::weakly_canonical(fs::absolute(folder), error);
        if (error) path = fs::absolute(folder).lexically_normal();
        if (!path.has_filename()) path = path.parent_path();
        const bool known = std::any_of(folders_.begin(), folders_.end(),
                                       [&](const SearchFolder& each) { return each.path == path; });
        if (!known) folders_.push_back({std::move(path), origin, must_exist});
    }

    std::vector<SearchFolder> take() { return std::move(folders_); }

private:
    std::vector<SearchFolder> folders_;
};

}  // namespace

std::vector<SearchFolder> plugin_search_path(const std::vector<std::string>& command_line,
                                             const std::vector<std::string>& stack) {
    SearchPath result;
    for (const std::string& folder : command_line)
        result.add(folder, "--plugin-path", true);
    for (const std::string& folder : stack)
        result.add(folder, "plugins.path", true);
    if (const char* value = environment("BDEVKIT_PLUGIN_PATH")) {
        std::istringstream folders(value);
        for (std::string folder; std::getline(folders, folder, ':');)
            result.add(folder, "BDEVKIT_PLUGIN_PATH", true);
    }
    if (const char* home = environment("HOME"); home != nullptr && *home != '\0')
        result.add(fs::path(home) / ".local/lib/bdevkit/plugins", "home folder", false);
    if (const fs::path library = library_folder(); !library.empty())
        result.add(library / "bdevkit/plugins", "bdevkit", false);
    return result.take();
}

}  // namespace bdevkit::host
