// SPDX-License-Identifier: BSD-3-Clause
#include "loader/search_path.hpp"

#include <gmock/gmock.h>

#include <cstdlib>

#include "loader/plugin_test_folder.hpp"

namespace bdevkit::host {
namespace {

using ::testing::ElementsAre;

class SearchPath : public ::testing::Test {
protected:
    SearchPath() {
        unsetenv("BDEVKIT_PLUGIN_PATH");
        setenv("HOME", "/nowhere/home", 1);
    }

    static std::vector<std::string> origins(const std::vector<SearchFolder>& folders) {
        std::vector<std::string> result;
        for (const SearchFolder& folder : folders)
            result.push_back(folder.origin);
        return result;
    }
    static std::vector<std::string> paths(const std::vector<SearchFolder>& folders) {
        std::vector<std::string> result;
        for (const SearchFolder& folder : folders)
            result.push_back(folder.path);
        return result;
    }

    /// Where the build tree keeps the plugins: this program is build/<preset>/tests/search_path_test.
    std::string built_ = rogues_folder().parent_path().parent_path() / "lib/bdevkit/plugins";
};

TEST_F(SearchPath, GoesFromTheCommandLineToTheInstallation) {
    setenv("BDEVKIT_PLUGIN_PATH", "/env/a::/env/b", 1);
    const auto folders = plugin_search_path({"/cli"}, {"/stack"});
    EXPECT_THAT(paths(folders), ElementsAre("/cli", "/stack", "/env/a", "/env/b",
                                            "/nowhere/home/.local/lib/bdevkit/plugins", built_));
    EXPECT_THAT(origins(folders), ElementsAre("--plugin-path", "plugins.path", "BDEVKIT_PLUGIN_PATH",
                                              "BDEVKIT_PLUGIN_PATH", "home folder", "bdevkit"));
}

TEST_F(SearchPath, OnlyWhatTheUserNamedMustExist) {
    for (const SearchFolder& folder : plugin_search_path({"/cli"}, {"/stack"}))
        EXPECT_EQ(folder.must_exist, folder.path == "/cli" || folder.path == "/stack") << folder.path;
}

TEST_F(SearchPath, ListsAFolderOnce) {
    const PluginTestFolder folder;
    const auto link = folder.path() / "link";
    std::filesystem::create_directory_symlink(folder.path(), link);
    EXPECT_THAT(paths(plugin_search_path({folder.path().native() + "/", link.native(), built_}, {})),
                ElementsAre(folder.path().native(), built_, "/nowhere/home/.local/lib/bdevkit/plugins"));
}

TEST_F(SearchPath, ARelativeFolderStartsAtTheWorkingFolder) {
    const auto folders = plugin_search_path({"no/such"}, {});
    EXPECT_EQ(folders.front().path, std::filesystem::current_path() / "no/such");
}

}  // namespace
}  // namespace bdevkit::host
