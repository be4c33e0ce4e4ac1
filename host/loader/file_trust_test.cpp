// SPDX-License-Identifier: BSD-3-Clause
#include "loader/file_trust.hpp"

#include <gmock/gmock.h>
#include <sys/stat.h>
#include <unistd.h>

#include "loader/plugin_test_folder.hpp"

namespace bdevkit::host {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

class FileTrust : public ::testing::Test {
protected:
    std::string reason() const { return why_untrusted(file_).value_or("trusted"); }
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
    EXPECT_EQ(why_untrusted(link), std::nullopt);

    ASSERT_EQ(chmod(folder_.path().c_str(), 0777), 0);
    EXPECT_THAT(why_untrusted(link).value_or(""), HasSubstr("its folder " + folder_.path().native()));
    ASSERT_EQ(chmod(folder_.path().c_str(), 0755), 0);
    ASSERT_EQ(chmod(file_.c_str(), 0666), 0);
    EXPECT_THAT(why_untrusted(link).value_or(""), HasSubstr("can write the file"));
}

TEST_F(FileTrust, RefusesAFileOfAnotherUser) {
    if (geteuid() != 0) GTEST_SKIP() << "only root can give a file away";
    ASSERT_EQ(chown(file_.c_str(), 54321, 0), 0);
    EXPECT_THAT(reason(),
                AllOf(HasSubstr("belongs to the user 54321"), HasSubstr("chown root " + file_.native())));
}

}  // namespace
}  // namespace bdevkit::host
