// SPDX-License-Identifier: BSD-3-Clause
#include "loader/elf_look.hpp"

#include <bdevkit/module.h>
#include <fcntl.h>
#include <gmock/gmock.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <sstream>

#include "base/unique_fd.hpp"
#include "loader/plugin_test_folder.hpp"

namespace bdevkit::host {
namespace {

using ::testing::HasSubstr;

std::string contents(const std::filesystem::path& file) {
    std::ostringstream text;
    text << std::ifstream(file, std::ios::binary).rdbuf();
    return text.str();
}

tl::expected<EntrySymbol, std::string> look_at(const std::filesystem::path& path) {
    const bdk::UniqueFd fd(open(path.c_str(), O_RDONLY | O_CLOEXEC));
    if (!fd) return tl::unexpected(std::string(std::strerror(errno)));
    return ElfFile::read(fd.get()).and_then(look_at_plugin);
}

using Names = std::vector<std::string>;

Names names_in(const std::string& rogue) {
    Names names;
    const auto looked = look_at(rogues_folder() / (rogue + ".so"));
    for (const ModuleLook& module : looked->modules)
        names.push_back(module.name);
    return names;
}

TEST(ElfLook, ReadsTheHeadOfTheList) {
    const auto entry = look_at(rogues_folder() / "newer_abi_minor.so");
    ASSERT_TRUE(entry) << entry.error();
    EXPECT_EQ(entry->abi_major, BDK_ABI_MAJOR);
    EXPECT_EQ(entry->abi_minor, BDK_ABI_MINOR + 7);
    EXPECT_EQ(entry->abi_draft, BDK_ABI_DRAFT);
    EXPECT_GT(entry->table_size, sizeof(bdk_plugin));
    EXPECT_EQ(entry->symbol_size, entry->table_size);
}

TEST(ElfLook, ReadsAStrippedPlugin) {
    const auto entry = look_at(rogues_folder() / "stripped.so");
    ASSERT_TRUE(entry) << entry.error();
    EXPECT_EQ(entry->table_size, sizeof(bdk_plugin));
}

// The name is a pointer, so it has to be read through the linker's relocations.
TEST(ElfLook, ReadsTheNameInTheTable) {
    for (const char* file : {"well_behaved", "stripped", "packed_relocations"})
        EXPECT_EQ(names_in(file), Names{"well_behaved"}) << file;
    EXPECT_EQ(names_in("shorter_table"), Names{"shorter_table"});
    EXPECT_EQ(names_in("two_modules"), (Names{"first_of_two", "second_of_two"}));
    EXPECT_EQ(names_in("table_filled_late"), Names{""}) << "not known before the constructors run";
}

TEST(ElfLook, TellsWhetherTheModuleExamines) {
    const std::filesystem::path plugins = rogues_folder().parent_path().parent_path() / "lib/bdevkit/plugins";
    const auto gpt = look_at(plugins / "gpt.so");
    ASSERT_TRUE(gpt) << gpt.error();
    ASSERT_EQ(gpt->modules.size(), 1u);
    EXPECT_TRUE(gpt->modules[0].examines);
    EXPECT_EQ(gpt->modules[0].flags, uint32_t{BDK_MODULE_NAMES_AFTER_BASE});
    EXPECT_FALSE(look_at(plugins / "malloc.so")->modules[0].examines);
}

TEST(ElfLook, SaysWhatTheFileIsInstead) {
    const PluginTestFolder folder;
    const auto reason = [](const std::filesystem::path& file) {
        const auto entry = look_at(file);
        return entry ? "a plugin" : entry.error();
    };
    EXPECT_EQ(
        reason(folder.add_text("text.so", "#!/bin/sh\necho not a shared object at all, but long enough\n")),
        "not an ELF file");
    EXPECT_EQ(reason(folder.add_text("empty.so", "")), "not an ELF file");
    EXPECT_THAT(reason(folder.path() / "missing.so"), HasSubstr("No such file"));
    EXPECT_THAT(reason(rogues_folder() / "no_entry_symbol.so"), HasSubstr("exports no symbol bdk_plugin_v1"));
    EXPECT_THAT(reason(rogues_folder() / "entry_is_function.so"), HasSubstr("is not data"));

    std::string other_machine = contents(rogues_folder() / "well_behaved.so");
    other_machine[18] = 0x14;  // e_machine: PowerPC
    other_machine[19] = 0;
    EXPECT_THAT(reason(folder.add_text("powerpc.so", other_machine)), HasSubstr("another processor"));
}

// Any number in a file may be wrong. These two tests rely on the sanitizers.
TEST(ElfLook, SurvivesAFileCutShortAnywhere) {
    const PluginTestFolder folder;
    const std::string whole = contents(rogues_folder() / "stripped.so");
    for (std::size_t length = 0; length < whole.size(); length += 61) {
        const auto entry = look_at(folder.add_text("cut.so", whole.substr(0, length)));
        EXPECT_FALSE(entry) << "at " << length;
    }
}

TEST(ElfLook, SurvivesWrongBytesAnywhere) {
    const PluginTestFolder folder;
    const std::string whole = contents(rogues_folder() / "stripped.so");
    for (std::size_t at = 0; at < whole.size(); at += 19) {
        std::string damaged = whole;
        damaged[at] = static_cast<char>(~damaged[at]);
        (void)look_at(folder.add_text("damaged.so", damaged));
    }
}

}  // namespace
}  // namespace bdevkit::host
