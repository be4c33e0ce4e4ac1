// SPDX-License-Identifier: BSD-3-Clause
#include "frontends/nbd/nbd_listener.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <barrier>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <memory>
#include <thread>
#include <vector>

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
    sockaddr_un address() const {
        sockaddr_un result{.sun_family = AF_UNIX, .sun_path = {}};
        std::strncpy(result.sun_path, path().c_str(), sizeof result.sun_path - 1);
        return result;
    }
    /// Leaves the file behind, like a server that is killed.
    void leave_a_dead_socket() const {
        fs::remove(path());
        const int dead = ::socket(AF_UNIX, SOCK_STREAM, 0);
        const sockaddr_un at = address();
        ASSERT_EQ(::bind(dead, reinterpret_cast<const sockaddr*>(&at), sizeof at), 0);
        ::close(dead);
    }
    bool can_connect() const {
        const int client = ::socket(AF_UNIX, SOCK_STREAM, 0);
        const sockaddr_un at = address();
        const bool connected = ::connect(client, reinterpret_cast<const sockaddr*>(&at), sizeof at) == 0;
        ::close(client);
        return connected;
    }

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
    leave_a_dead_socket();
    EXPECT_TRUE(Listener::open("unix:" + path()));
}

TEST_F(NbdListener, OfManyServersThatStartOnADeadSocketOneGetsIt) {
    for (int round = 0; round < 100; ++round) {
        leave_a_dead_socket();
        std::array<std::unique_ptr<Listener>, 8> listeners;
        std::barrier start(std::ssize(listeners));
        {
            std::vector<std::jthread> servers;
            for (auto& listener : listeners)
                servers.emplace_back([&] {
                    start.arrive_and_wait();
                    auto opened = Listener::open("unix:" + path());
                    if (opened) listener = std::move(*opened);
                });
        }
        const auto ready = std::ranges::count_if(listeners, [](const auto& each) { return each != nullptr; });
        ASSERT_EQ(ready, 1) << "in round " << round;
        ASSERT_TRUE(can_connect());
    }
    EXPECT_FALSE(fs::exists(path() + ".lock"));
}

TEST_F(NbdListener, AServerThatEndsLeavesTheSocketOfTheNextOne) {
    for (int round = 0; round < 100; ++round) {
        auto ending = Listener::open("unix:" + path());
        ASSERT_TRUE(ending) << ending.error();
        std::barrier start(2);
        std::jthread end([&] {
            start.arrive_and_wait();
            ending->reset();
        });
        start.arrive_and_wait();
        auto next = Listener::open("unix:" + path());
        while (!next)
            next = Listener::open("unix:" + path());
        end.join();
        ASSERT_TRUE(can_connect()) << "in round " << round;
    }
}

TEST_F(NbdListener, ALockThatAnotherProcessKeepsIsNamed) {
    const int held = ::open((path() + ".lock").c_str(), O_RDWR | O_CREAT, 0600);
    ASSERT_EQ(::flock(held, LOCK_EX), 0);
    const auto refused = Listener::open("unix:" + path());
    ::close(held);
    ASSERT_FALSE(refused);
    EXPECT_NE(refused.error().find("lock file '" + path() + ".lock'"), std::string::npos) << refused.error();
    EXPECT_TRUE(Listener::open("unix:" + path())) << "a lock file that nobody holds is no obstacle";
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
