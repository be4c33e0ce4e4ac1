// SPDX-License-Identifier: BSD-3-Clause
// Discovery: which files of the search path become plugins. Nothing here needs a running host.
#include "loader/plugin_loader.hpp"

#include <gmock/gmock.h>
#include <sys/stat.h>

#include <cstdlib>

#include "loader/plugin_test_folder.hpp"

namespace bdevkit::host {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::StartsWith;

class Discovery : public ::testing::Test {
protected:
    Discovery() { unsetenv("BDEVKIT_ROGUE_CODE_HAS_RUN"); }

    /// Discovers the folder, expects one file in it, and returns the result for it.
    const Plugin& only_plugin() {
        loader_.discover();
        EXPECT_EQ(loader_.plugins().size(), 1u);
        return loader_.plugins().front();
    }

    void expect_refused_unopened(const ::testing::Matcher<std::string>& reason) {
        const Plugin& plugin = only_plugin();
        EXPECT_EQ(plugin.state, PluginState::refused);
        EXPECT_THAT(plugin.reason, reason);
        EXPECT_EQ(plugin.reason.find('\n'), std::string::npos);
        EXPECT_EQ(std::getenv("BDEVKIT_ROGUE_CODE_HAS_RUN"), nullptr) << "code of the file has run";
    }

    PluginTestFolder folder_;
    PluginLoader loader_{{folder_.as_search_folder()}};
};

TEST_F(Discovery, FindsAModuleByTheNameInItsTable) {
    folder_.add("well_behaved", "any-file-name.so");
    const Plugin& plugin = only_plugin();
    EXPECT_EQ(plugin.state, PluginState::found) << plugin.reason;
    EXPECT_EQ(loader_.find("well_behaved"), &plugin);
    EXPECT_EQ(loader_.find("any-file-name"), nullptr);
    ASSERT_EQ(loader_.open("well_behaved"), &plugin);
    EXPECT_EQ(plugin.state, PluginState::usable);
    EXPECT_EQ(plugin.info.version, "1.2.3");
    EXPECT_EQ(plugin.info.options.size(), 2u);
}

TEST_F(Discovery, OpensAStrippedPlugin) {
    folder_.add("stripped");
    only_plugin();
    EXPECT_TRUE(loader_.open("well_behaved")) << only_plugin().reason;
}

TEST_F(Discovery, RunsNoCodeOfAnyFile) {
    for (const char* rogue :
         {"constructor_exits", "constructor_hangs", "table_filled_late", "undefined_symbol"})
        folder_.add(rogue);
    folder_.add("well_behaved");
    loader_.discover();
    for (const Plugin& plugin : loader_.plugins())
        EXPECT_EQ(plugin.state, PluginState::found) << plugin.path << ": " << plugin.reason;
    ASSERT_TRUE(loader_.open("well_behaved"));
    EXPECT_EQ(std::getenv("BDEVKIT_ROGUE_CODE_HAS_RUN"), nullptr) << "only what is asked for is opened";
}

TEST_F(Discovery, OpensPluginsThatDoNotTellTheirNamesWhenNoOtherHasIt) {
    folder_.add("table_filled_late");
    folder_.add("well_behaved");
    loader_.discover();
    ASSERT_TRUE(loader_.open("well_behaved"));
    EXPECT_EQ(std::getenv("BDEVKIT_ROGUE_CODE_HAS_RUN"), nullptr);
    const auto late = loader_.open("filled_late");
    ASSERT_TRUE(late) << late.error();
    EXPECT_EQ((*late)->path.filename(), "table_filled_late.so");
    EXPECT_TRUE((*late)->info.has_create);
}

TEST_F(Discovery, NamesAPluginThatEndsTheProcess) {
    const auto file = folder_.add("constructor_exits");
    loader_.discover();
    EXPECT_EXIT(static_cast<void>(loader_.open("constructor_exits")), ::testing::ExitedWithCode(1),
                AllOf(HasSubstr("exit(3) was called while the plugin " + file.native() + " was being opened"),
                      HasSubstr("constructor_exits.so")));
}

TEST_F(Discovery, RefusesAFileWithoutEntrySymbol) {
    folder_.add("no_entry_symbol");
    expect_refused_unopened(HasSubstr("exports no symbol bdk_plugin_v1"));
}

TEST_F(Discovery, RefusesAnEntrySymbolThatIsCode) {
    folder_.add("entry_is_function");
    expect_refused_unopened(HasSubstr("is not data"));
}

TEST_F(Discovery, RefusesAnotherAbiMajor) {
    folder_.add("wrong_abi_major");
    expect_refused_unopened(HasSubstr("built for ABI 2.3, this host offers 1."));
}

TEST_F(Discovery, RefusesAnotherDraft) {
    folder_.add("wrong_abi_draft");
    expect_refused_unopened(AllOf(HasSubstr("draft"), HasSubstr("rebuild the plugin")));
}

TEST_F(Discovery, RefusesATableOfAnotherFile) {
    folder_.add("foreign_table");
    loader_.discover();
    const auto refused = loader_.open("foreign_table");
    ASSERT_FALSE(refused);
    EXPECT_THAT(refused.error(), HasSubstr("lies in another file: make the module's table static"));
}

TEST_F(Discovery, FindsEachModuleOfAPlugin) {
    folder_.add("two_modules");
    loader_.discover();
    ASSERT_EQ(loader_.plugins().size(), 2u);
    const Plugin* second = loader_.find("second_of_two");
    ASSERT_NE(second, nullptr);
    ASSERT_EQ(loader_.open("second_of_two"), second);
    EXPECT_EQ(second->info.version, "2.0.0");
    EXPECT_EQ(loader_.find("first_of_two")->state, PluginState::usable) << "the file is open";
    EXPECT_EQ(loader_.modules().size(), 2u);
}

TEST_F(Discovery, RefusesATableShorterThanItSays) {
    folder_.add("size_too_large");
    expect_refused_unopened(HasSubstr("bdk_plugin_v1 has 24"));
}

TEST_F(Discovery, RefusesAFileThatIsNotElf) {
    folder_.add_text("text.so", "this is a text, and nobody will run it as anything else than a text\n");
    expect_refused_unopened(HasSubstr("not an ELF file"));
}

TEST_F(Discovery, RefusesAWorldWritableFile) {
    const auto file = folder_.add("undefined_symbol");
    ASSERT_EQ(chmod(file.c_str(), 0777), 0);
    expect_refused_unopened(
        AllOf(StartsWith("everybody can write"), HasSubstr("chmod go-w " + file.native())));
}

TEST_F(Discovery, RefusesEveryFileOfAWorldWritableFolder) {
    folder_.add("well_behaved");
    ASSERT_EQ(chmod(folder_.path().c_str(), 0777), 0);
    expect_refused_unopened(AllOf(StartsWith("everybody can write its folder"),
                                  HasSubstr("chmod go-w " + folder_.path().native())));
}

TEST_F(Discovery, RefusesAnUndefinedSymbolAtOnce) {
    const auto file = folder_.add("undefined_symbol");
    loader_.discover();
    const auto refused = loader_.open("undefined_symbol");
    ASSERT_FALSE(refused);
    EXPECT_THAT(refused.error(), AllOf(StartsWith(file.native() + ": cannot be loaded: undefined symbol: "
                                                                  "bdk_function_of_the_future"),
                                       HasSubstr("newer bdevkit")));
    EXPECT_EQ(std::getenv("BDEVKIT_ROGUE_CODE_HAS_RUN"), nullptr) << "code of the file has run";
    EXPECT_EQ(loader_.plugins().front().state, PluginState::refused);
}

TEST_F(Discovery, TakesANewerAbiMinor) {
    folder_.add("newer_abi_minor");
    loader_.discover();
    const auto plugin = loader_.open("newer_abi_minor");
    ASSERT_TRUE(plugin) << plugin.error();
    EXPECT_EQ((*plugin)->info.abi_minor, BDK_ABI_MINOR + 7u);
}

TEST_F(Discovery, TakesATableShorterThanOurs) {
    folder_.add("shorter_table");
    loader_.discover();
    const auto plugin = loader_.open("shorter_table");
    ASSERT_TRUE(plugin) << plugin.error();
    EXPECT_EQ((*plugin)->info.version, "0.9");
    EXPECT_FALSE((*plugin)->info.has_create);
    EXPECT_TRUE((*plugin)->info.options.empty());
}

TEST_F(Discovery, RefusesTheSecondOfTwoModulesOfOneName) {
    const auto first = folder_.add("duplicate_first");
    folder_.add("duplicate_second");
    loader_.discover();
    ASSERT_EQ(loader_.plugins().size(), 2u);
    EXPECT_EQ(loader_.find("duplicate"), &loader_.plugins()[0]);
    EXPECT_EQ(loader_.plugins()[1].state, PluginState::refused);
    EXPECT_THAT(loader_.plugins()[1].reason,
                AllOf(HasSubstr("'duplicate' is already in use by " + first.native()),
                      HasSubstr("remove or rename")));
}

TEST_F(Discovery, GoesOnAfterARefusal) {
    folder_.add("no_entry_symbol");
    folder_.add("well_behaved");
    folder_.add("wrong_abi_major");
    loader_.discover();
    EXPECT_NE(loader_.find("well_behaved"), nullptr);
}

TEST_F(Discovery, TheFirstFolderWins) {
    const PluginTestFolder second;
    folder_.add("duplicate_first", "plugin.so");
    second.add("duplicate_second", "plugin.so");
    PluginLoader loader({folder_.as_search_folder(), second.as_search_folder()});
    loader.discover();
    ASSERT_EQ(loader.plugins().size(), 2u);
    ASSERT_TRUE(loader.open("duplicate"));
    EXPECT_EQ(loader.find("duplicate")->info.version, "first");
    EXPECT_EQ(loader.plugins()[1].state, PluginState::shadowed);
    EXPECT_THAT(loader.plugins()[1].reason, HasSubstr(folder_.path().native()));
}

TEST_F(Discovery, ListsFilesByNameAndNothingElse) {
    folder_.add("well_behaved", "b.so");
    folder_.add("newer_abi_minor", "a.so");
    folder_.add_text("README.md", "");
    folder_.add_text("libnot.so.1", "");
    loader_.discover();
    ASSERT_EQ(loader_.plugins().size(), 2u);
    EXPECT_EQ(loader_.plugins()[0].path.filename(), "a.so");
    EXPECT_EQ(loader_.plugins()[1].path.filename(), "b.so");
}

TEST_F(Discovery, SaysWhenAFolderThatTheUserNamedIsMissing) {
    PluginLoader loader({{.path = "/no/such", .origin = "--plugin-path", .must_exist = true},
                         {.path = "/no/such/either", .origin = "home folder", .must_exist = false}});
    loader.discover();
    ASSERT_EQ(loader.plugins().size(), 1u);
    EXPECT_THAT(loader.plugins()[0].reason, AllOf(HasSubstr("No such file"), HasSubstr("--plugin-path")));
}

TEST_F(Discovery, TellsWhyAModuleIsMissing) {
    folder_.add("wrong_abi_major");
    loader_.discover();
    EXPECT_THAT(loader_.why_missing("wrong_abi_major"), HasSubstr("built for ABI"));
    EXPECT_THAT(loader_.why_missing("other"),
                AllOf(HasSubstr("no plugin has the module 'other'"), HasSubstr(folder_.path().native())));
}

}  // namespace
}  // namespace bdevkit::host
