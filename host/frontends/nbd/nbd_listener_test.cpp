// SPDX-License-Identifier: BSD-3-Clause
#include "frontends/nbd/nbd_listener.hpp"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstring>
#include <filesystem>
#include <fstream>

namespace bdevkit::host::nbd {
namespace {

namespace fs = std::filesystem;

class NbdListener : public testing::Test {
protected:
    void SetUp() override {
        std::string pattern = (fs::temp_directory_path() / "nbd-listener-XXXXXX").string();
        ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
        folder = pattern;
    }
    void TearDown() override { fs::remove_all(folder); }
    std::string path() const { return (folder / "s.sock").string(); }

    fs::path folder;
};

TEST_F(NbdListener, AUnixSocketIsItsOwnersAndGoesWithTheServer) {
    {
        const auto listener = Listener::open("unix:" + path());
        ASSERT_TRUE(listener) << listener.error();
        struct stat file {};
        ASSERT_EQ(::stat(path().c_str(), &file), 0);
        EXPECT_EQ(file.st_mode & 0777, 0600u);
    }
    EXPECT_FALSE(fs::exists(path()));
}

TEST_F(NbdListener, TheSocketOfADeadServerIsReplaced) {
    const int dead = ::socket(AF_UNIX, SOCK_STREAM, 0);
    sockaddr_un address{.sun_family = AF_UNIX, .sun_path = {}};
    std::strncpy(address.sun_path, path().c_str(), sizeof address.sun_path - 1);
    ASSERT_EQ(::bind(dead, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    ::close(dead);
    EXPECT_TRUE(Listener::open("unix:" + path()));
}

TEST_F(NbdListener, TheSocketOfALivingServerIsNot) {
    const auto first = Listener::open("unix:" + path());
    const auto second = Listener::open("unix:" + path());
    ASSERT_FALSE(second);
    EXPECT_NE(second.error().find("in use"), std::string::npos) << second.error();
    EXPECT_TRUE(fs::exists(path()));
}

TEST_F(NbdListener, AFileThatIsNoSocketIsLeftAlone) {
    std::ofstream(path()) << "precious";
    const auto listener = Listener::open("unix:" + path());
    ASSERT_FALSE(listener);
    EXPECT_NE(listener.error().find("not a socket"), std::string::npos);
    EXPECT_TRUE(fs::exists(path()));
}

TEST_F(NbdListener, ASocketThatSomebodyElseHasPutThereStays) {
    auto listener = Listener::open("unix:" + path());
    fs::remove(path());
    std::ofstream(path()) << "another's";
    listener->reset();
    EXPECT_TRUE(fs::exists(path()));
}

TEST_F(NbdListener, UrisFollowTheSpecification) {
    const auto listener = Listener::open("unix:" + path());
    EXPECT_EQ((*listener)->uri("top"), "nbd+unix:///top?socket=" + path());
    EXPECT_EQ((*listener)->uri("a b/c?"), "nbd+unix:///a%20b/c%3F?socket=" + path());
}

TEST_F(NbdListener, PortZeroPicksAFreeOne) {
    const auto listener = Listener::open("tcp:127.0.0.1:0");
    ASSERT_TRUE(listener) << listener.error();
    const std::string uri = (*listener)->uri("top");
    EXPECT_TRUE(uri.starts_with("nbd://127.0.0.1:")) << uri;
    EXPECT_TRUE(uri.ends_with("/top")) << uri;
    EXPECT_EQ(uri.find(":0/"), std::string::npos) << uri;
}

TEST_F(NbdListener, Version6AddressesStandInBrackets) {
    const auto listener = Listener::open("tcp:[::1]:0");
    if (!listener) GTEST_SKIP() << "no IPv6 here: " << listener.error();
    EXPECT_TRUE((*listener)->uri("x").starts_with("nbd://[::1]:"));
}

TEST_F(NbdListener, WrongAddressesSayWhatWasExpected) {
    for (const std::string address :
         {"", "unix:", "tcp:", "tcp:127.0.0.1", "tcp::1", "tcp:::1:5", "http://x", "/run/x"}) {
        const auto listener = Listener::open(address);
        ASSERT_FALSE(listener) << address;
        EXPECT_NE(listener.error().find("expected unix:/path, tcp:host:port"), std::string::npos)
            << listener.error();
    }
    EXPECT_FALSE(Listener::open("unix:/" + std::string(200, 'x')));
    EXPECT_FALSE(Listener::open("unix:/nowhere/at/all.sock"));
}

}  // namespace
}  // namespace bdevkit::host::nbd
