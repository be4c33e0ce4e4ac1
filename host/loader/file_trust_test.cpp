// SPDX-License-Identifier: BSD-3-Clause
#include "loader/file_trust.hpp"

#include <gmock/gmock.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

#include "loader/elf_dependencies.hpp"
#include "loader/plugin_test_folder.hpp"

namespace bdevkit::host {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

class FileTrust : public ::testing::Test {
protected:
    static std::string reason_of(const std::filesystem::path& file) {
        const auto opened = open_trusted(file);
        return opened ? "trusted" : opened.error();
    }
    std::string reason() const { return reason_of(file_); }
    std::string reason_for_mode(mode_t mode) const {
        EXPECT_EQ(chmod(file_.c_str(), mode), 0);
        return reason();
    }

    PluginTestFolder folder_;
    std::filesystem::path file_ = folder_.add_text("plugin.so", "x");
};

TEST_F(FileTrust, TrustsWhatOnlyTheUserCanWrite) {
    EXPECT_EQ(reason(), "trusted");
    EXPECT_EQ(reason_for_mode(0755), "trusted");
    EXPECT_EQ(reason_for_mode(0600), "trusted");
}

TEST_F(FileTrust, RefusesAFileThatOthersCanWrite) {
    EXPECT_THAT(reason_for_mode(0666),
                AllOf(HasSubstr("everybody can write the file " + file_.native() + " (mode 0666)"),
                      HasSubstr("chmod go-w " + file_.native())));
    EXPECT_THAT(reason_for_mode(0646), HasSubstr("chmod o-w " + file_.native()));
    EXPECT_THAT(reason_for_mode(0664),
                AllOf(HasSubstr("the group "), HasSubstr("chmod g-w " + file_.native())));
}

TEST_F(FileTrust, TheCommandThatItGivesMendsIt) {
    const std::string refusal = reason_for_mode(0666);
    const std::string command = refusal.substr(refusal.find("chmod"));
    ASSERT_EQ(std::system(command.c_str()), 0);
    EXPECT_EQ(reason(), "trusted");
}

TEST_F(FileTrust, QuotesThePathForTheShell) {
    file_ = folder_.add_text("it's a plugin.so", "x");
    const std::string refusal = reason_for_mode(0666);
    ASSERT_EQ(std::system(refusal.substr(refusal.find("chmod")).c_str()), 0) << refusal;
    EXPECT_EQ(reason(), "trusted");
}

TEST_F(FileTrust, RefusesAFolderThatOthersCanWrite) {
    ASSERT_EQ(chmod(folder_.path().c_str(), 0777), 0);
    EXPECT_THAT(reason(), AllOf(HasSubstr("everybody can write its folder " + folder_.path().native()),
                                HasSubstr("chmod go-w " + folder_.path().native())));
    // The sticky bit keeps others from replacing a file, not from adding one.
    ASSERT_EQ(chmod(folder_.path().c_str(), 01777), 0);
    EXPECT_THAT(reason(), HasSubstr("(mode 1777)"));
}

TEST_F(FileTrust, LooksAtBothEndsOfASymbolicLink) {
    const PluginTestFolder links;
    const auto link = links.path() / "link.so";
    std::filesystem::create_symlink(file_, link);
    EXPECT_EQ(reason_of(link), "trusted");

    ASSERT_EQ(chmod(folder_.path().c_str(), 0777), 0);
    EXPECT_THAT(reason_of(link), HasSubstr("its folder " + folder_.path().native()));
    ASSERT_EQ(chmod(folder_.path().c_str(), 0755), 0);
    ASSERT_EQ(chmod(file_.c_str(), 0666), 0);
    EXPECT_THAT(reason_of(link), HasSubstr("can write the file"));
}

TEST_F(FileTrust, LooksAtEveryFolderAbove) {
    const auto above = folder_.path() / "above";
    std::filesystem::create_directories(above / "below/plugins");
    file_ = above / "below/plugins/plugin.so";
    std::ofstream(file_) << "x";
    ASSERT_EQ(reason(), "trusted");
    ASSERT_EQ(chmod(above.c_str(), 0777), 0);
    EXPECT_THAT(reason(), AllOf(HasSubstr("everybody can write the folder " + above.native()),
                                HasSubstr("chmod go-w " + above.native())));
    ASSERT_EQ(chmod(above.c_str(), 01777), 0);
    EXPECT_EQ(reason(), "trusted") << "others cannot replace what is in a sticky folder";
    ASSERT_EQ(chmod(above.c_str(), 0775), 0);
    EXPECT_THAT(reason(), HasSubstr("the group "));
}

TEST_F(FileTrust, LooksAtEveryFolderOfTheWayThroughLinks) {
    const PluginTestFolder others;
    const PluginTestFolder links;
    std::filesystem::create_directory_symlink(folder_.path(), others.path() / "way");
    std::filesystem::create_directory_symlink(others.path() / "way", links.path() / "folder");
    const auto way = links.path() / "folder" / file_.filename();
    ASSERT_EQ(reason_of(way), "trusted");
    ASSERT_EQ(chmod(others.path().c_str(), 0777), 0);
    EXPECT_THAT(reason_of(way), HasSubstr("everybody can write the folder " + others.path().native()));
}

TEST_F(FileTrust, OthersMayNotOwnWhatIsInAStickyFolderOfTheWay) {
    if (geteuid() != 0) GTEST_SKIP() << "only root can give a link away";
    const PluginTestFolder shared;
    std::filesystem::create_directory_symlink(folder_.path(), shared.path() / "way");
    ASSERT_EQ(chmod(shared.path().c_str(), 01777), 0);
    const auto way = shared.path() / "way" / file_.filename();
    ASSERT_EQ(reason_of(way), "trusted");
    ASSERT_EQ(lchown((shared.path() / "way").c_str(), 54321, 0), 0);
    EXPECT_THAT(reason_of(way),
                HasSubstr("the link " + (shared.path() / "way").native() + " belongs to the user 54321"));
}

TEST_F(FileTrust, FollowsDotsAndCirclesAsTheKernelDoes) {
    EXPECT_EQ(reason_of(folder_.path() / "." / ".." / folder_.path().filename() / file_.filename()),
              "trusted");
    std::filesystem::create_symlink("circle.so", folder_.path() / "circle.so");
    EXPECT_THAT(reason_of(folder_.path() / "circle.so"), HasSubstr("Too many levels of symbolic links"));
    EXPECT_THAT(reason_of(folder_.path() / "missing.so"), HasSubstr("No such file"));
    EXPECT_THAT(reason_of(file_ / "below.so"), HasSubstr("Not a directory"));
}

// Opening a pipe for reading would wait for a writer.
TEST_F(FileTrust, RefusesWhatIsNoFileWithoutOpeningIt) {
    const auto pipe = folder_.path() / "pipe.so";
    ASSERT_EQ(mkfifo(pipe.c_str(), 0600), 0);
    EXPECT_THAT(reason_of(pipe), HasSubstr("not a regular file"));
    std::filesystem::create_directory(folder_.path() / "folder.so");
    EXPECT_THAT(reason_of(folder_.path() / "folder.so"), HasSubstr("not a regular file"));
}

/// A library, and a plugin that needs it, linked by the system's compiler.
class Dependencies : public FileTrust {
protected:
    /// @param flags linker flags for the plugin
    std::string reason_when_linked(const std::string& flags) {
        compile("library", "int answer(void) { return 42; }", "-Wl,-soname,libanswer.so -o libanswer.so");
        compile("plugin", "int answer(void); int ask(void) { return answer(); }",
                "-o needy.so -L. -lanswer " + flags);
        return reason_of_plugin();
    }
    std::string reason_of_plugin() const {
        const auto plugin = folder_.path() / "needy.so";
        const auto fd = open_trusted(plugin);
        const auto file = fd ? ElfFile::read(fd->get()) : tl::unexpected(fd.error());
        return file ? why_dependencies_untrusted(*file, plugin).value_or("trusted") : file.error();
    }
    void compile(const std::string& name, const std::string& source, const std::string& flags) const {
        folder_.add_text(name + ".c", source);
        const std::string command =
            "umask 022; cd '" + folder_.path().native() + "' && cc -shared -fPIC " + name + ".c " + flags;
        ASSERT_EQ(std::system(command.c_str()), 0) << command;
    }

    PluginTestFolder libraries_;
};

TEST_F(Dependencies, OfTheSystemAreTrusted) {
    EXPECT_EQ(reason_when_linked(""), "trusted");
}

TEST_F(Dependencies, BesideThePluginAreAsTrustedAsThePlugin) {
    EXPECT_EQ(reason_when_linked("-Wl,-rpath,'$ORIGIN'"), "trusted");
    EXPECT_EQ(reason_when_linked("-Wl,-rpath,'$ORIGIN/not-there'"), "trusted") << "nobody else can make it";
}

TEST_F(Dependencies, InAFolderThatOthersCanWriteAreRefused) {
    ASSERT_EQ(chmod(libraries_.path().c_str(), 01777), 0);
    for (const char* tags : {"", "-Wl,--disable-new-dtags "}) {  // DT_RUNPATH and DT_RPATH
        const std::string reason = reason_when_linked(tags + ("-Wl,-rpath," + libraries_.path().native()));
        EXPECT_THAT(reason, AllOf(HasSubstr("takes libraries from " + libraries_.path().native()),
                                  HasSubstr("chmod go-w " + libraries_.path().native())));
    }
    EXPECT_THAT(reason_when_linked("-Wl,-rpath," + (libraries_.path() / "not-there").native()),
                HasSubstr("everybody can write"));
}

TEST_F(Dependencies, ThatOthersCanWriteAreRefused) {
    const auto library = libraries_.path() / "libanswer.so";
    std::ofstream(library) << "anything";
    ASSERT_EQ(chmod(library.c_str(), 0646), 0);
    EXPECT_THAT(reason_when_linked("-Wl,-rpath," + libraries_.path().native()),
                AllOf(HasSubstr("needs " + library.native()), HasSubstr("everybody can write the file")));
}

TEST_F(Dependencies, ThatAPluginNamesAsFiltersAreLookedAt) {
    const auto library = libraries_.path() / "libanswer.so";
    std::ofstream(library) << "anything";
    ASSERT_EQ(chmod(library.c_str(), 0646), 0);
    for (const char* option : {"-Wl,--auxiliary,", "-Wl,--filter,"}) {
        compile("plugin", "int plugin;", "-o needy.so " + (option + library.native()));
        EXPECT_THAT(reason_of_plugin(), HasSubstr("needs " + library.native())) << option;
    }
}

TEST_F(Dependencies, OfDependenciesAreLookedAt) {
    const PluginTestFolder writable;
    ASSERT_EQ(chmod(writable.path().c_str(), 0777), 0);
    compile("inner", "int inner;", "-Wl,-soname,libinner.so -o libinner.so");
    std::filesystem::create_directory(libraries_.path() / "sub");
    compile("library", "int answer(void) { return 42; }",
            "-Wl,-soname,libanswer.so -Wl,--no-as-needed -L. -linner -Wl,-rpath," + writable.path().native() +
                " -o " + (libraries_.path() / "sub/libanswer.so").native());
    EXPECT_THAT(
        reason_when_linked("-Wl,-rpath," + (libraries_.path() / "sub").native()),
        AllOf(HasSubstr("needs "), HasSubstr("which takes libraries from " + writable.path().native())));
}

// CMake appends an empty path in a build tree, to reserve room for the installation's paths.
TEST_F(Dependencies, ThatTheHostHasLoadedAreLookedForNowhere) {
    compile("plugin", "int plugin;", "-o needy.so -Wl,--no-as-needed -lc -Wl,-rpath,/usr/lib:");
    EXPECT_EQ(reason_of_plugin(), "trusted");
}

TEST_F(Dependencies, OfTheWorkingFolderAreRefusedIfOthersCanWriteIt) {
    const std::filesystem::path before = std::filesystem::current_path();
    std::filesystem::current_path(libraries_.path());
    EXPECT_EQ(reason_when_linked("-Wl,-rpath,/usr/lib:"), "trusted");
    ASSERT_EQ(chmod(libraries_.path().c_str(), 01777), 0);
    for (const char* path : {"/usr/lib:", "relative/folder"})
        EXPECT_THAT(
            reason_when_linked(std::string("-Wl,-rpath,") + path),
            AllOf(HasSubstr("takes libanswer.so from the working folder"), HasSubstr("everybody can write")));
    std::filesystem::current_path(before);
}

TEST_F(FileTrust, RefusesAFileOfAnotherUser) {
    if (geteuid() != 0) GTEST_SKIP() << "only root can give a file away";
    ASSERT_EQ(chown(file_.c_str(), 54321, 0), 0);
    EXPECT_THAT(reason(),
                AllOf(HasSubstr("belongs to the user 54321"), HasSubstr("chown root " + file_.native())));
}

}  // namespace
}  // namespace bdevkit::host
