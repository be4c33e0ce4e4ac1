// SPDX-License-Identifier: BSD-3-Clause
// For tests: a temporary folder of plugins, copied from tests/rogues.
#pragma once

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

#include "loader/search_path.hpp"

namespace bdevkit::host {

/// The folder of the built plugins of tests/rogues, beside the test programs.
inline std::filesystem::path rogues_folder() {
    return std::filesystem::read_symlink("/proc/self/exe").parent_path() / "rogues";
}

class PluginTestFolder {
public:
    PluginTestFolder() {
        std::string name = ::testing::TempDir() + "bdevkit-plugins-XXXXXX";
        if (mkdtemp(name.data()) == nullptr) throw std::runtime_error("mkdtemp " + name);
        path_ = std::filesystem::canonical(name);
        std::filesystem::permissions(path_, std::filesystem::perms(0755));
    }
    ~PluginTestFolder() { std::filesystem::remove_all(path_); }
    PluginTestFolder(const PluginTestFolder&) = delete;
    PluginTestFolder& operator=(const PluginTestFolder&) = delete;

    const std::filesystem::path& path() const { return path_; }
    SearchFolder as_search_folder() const { return {.path = path_, .origin = "test", .must_exist = true}; }

    /// Copies a rogue, with mode 0755.
    std::filesystem::path add(const std::string& rogue, const std::string& file_name = "") const {
        const auto file = path_ / (file_name.empty() ? rogue + ".so" : file_name);
        std::filesystem::copy_file(rogues_folder() / (rogue + ".so"), file);
        std::filesystem::permissions(file, std::filesystem::perms(0755));
        return file;
    }

    std::filesystem::path add_text(const std::string& file_name, const std::string& text) const {
        const auto file = path_ / file_name;
        std::ofstream(file, std::ios::binary) << text;
        std::filesystem::permissions(file, std::filesystem::perms(0644));
        return file;
    }

private:
    std::filesystem::path path_;
};

}  // namespace bdevkit::host
