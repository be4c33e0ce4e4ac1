// SPDX-License-Identifier: BSD-3-Clause
// The module crypto: what it stores, where its keys are, and what TransformBdev does with pieces.
#include <gtest/gtest.h>
#include <keyutils.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <sstream>

#include "support/client.hpp"
#include "support/log_capture.hpp"
#include "support/memory_search.hpp"
#include "support/test_disk.hpp"
#include "support/test_host.hpp"

namespace bdk::test {
namespace {

using Bytes = std::vector<std::byte>;
enum Cipher { aes_xts_256, aes_xts_128 };

Bytes from_hex(std::string_view digits) {
    Bytes bytes;
    for (size_t i = 0; i + 1 < digits.size(); i += 2)
        bytes.push_back(std::byte(std::stoi(std::string(digits.substr(i, 2)), nullptr, 16)));
    return bytes;
}

/// A file that holds a key, gone at the end. Byte i of it is that of `masked`, inverted: so that this program
/// itself has no copy of the key.
class KeyFile {
public:
    explicit KeyFile(const Bytes& masked, mode_t mode = 0600) : path(testing::TempDir() + "key.XXXXXX") {
        const int fd = mkstemp(path.data());
        for (std::byte b : masked) {
            b = ~b;
            EXPECT_EQ(write(fd, &b, 1), 1);
        }
        EXPECT_EQ(fchmod(fd, mode), 0);
        close(fd);
    }
    ~KeyFile() { std::filesystem::remove(path); }
    KeyFile(const KeyFile&) = delete;
    KeyFile& operator=(const KeyFile&) = delete;

    std::string path;
};

Bytes masked(Bytes key) {
    for (std::byte& b : key)
        b = ~b;
    return key;
}

class CryptoModule : public testing::Test {
protected:
    CryptoModule() {
        TestDisk::configure() = nullptr;
        host.load("crypto");
        EXPECT_EQ(host.add(&test_disk_module), 0);
        EXPECT_EQ(host.create("test_disk", "base", {{"blocks", 8192}}), 0);
    }

    int create(GivenOptions options) {
        options.emplace_back("base", "base");
        return host.create("crypto", "plain", options);
    }
    Bytes stored(uint64_t block, uint64_t count) {
        const auto& data = TestDisk::named("base").data();
        return {data.begin() + ptrdiff_t(block * 512), data.begin() + ptrdiff_t((block + count) * 512)};
    }

    const KeyFile key{pattern(64, 77)};
    TestHost host;
};

/// IEEE 1619-2007, vectors 4 and 10: data units of 512 bytes, 0x00 to 0xff twice.
TEST_F(CryptoModule, StoresWhatTheStandardSays) {
    Bytes data(512);
    for (size_t i = 0; i < data.size(); i++)
        data[i] = std::byte(i);
    const KeyFile short_key(
        masked(from_hex("2718281828459045235360287471352631415926535897932384626433832795")));
    ASSERT_EQ(create({{"key_file", short_key.path}, {"cipher", aes_xts_128}}), 0);
    {
        Client client("plain", Access::write);
        ASSERT_TRUE(client.write(0, data).ok());
        Bytes first = stored(0, 1);
        first.resize(32);
        EXPECT_EQ(first, from_hex("27a7479befa1d476489f308cd4cfa6e2a96e4bbe3208ff25287dd3819616e89c"));
    }
    ASSERT_EQ(host.remove("plain"), 0);

    const KeyFile long_key(
        masked(from_hex("2718281828459045235360287471352662497757247093699959574966967627"
                        "3141592653589793238462643383279502884197169399375105820974944592")));
    ASSERT_EQ(create({{"key_file", long_key.path}}), 0);
    Client client("plain", Access::write);
    ASSERT_TRUE(client.write(0xff, data).ok());
    Bytes first = stored(0xff, 1);
    first.resize(32);
    EXPECT_EQ(first, from_hex("1c3b3a102f770386e4836c99e370cf9bea00803f5e482357a4ae12d414a3e63b"));
}

TEST_F(CryptoModule, ReadsBackWhatItWroteInAnyPieces) {
    ASSERT_EQ(create({{"key_file", key.path}}), 0);
    Client client("plain", Access::write);
    const Bytes data = pattern(9 * 512);
    ASSERT_TRUE(client.write(5, data).ok());
    EXPECT_EQ(data, pattern(9 * 512)) << "the client's buffer is as it was";
    EXPECT_EQ(client.read(5, 9), data);
    EXPECT_EQ(client.read_without_buffer(6, 2).data, Bytes(data.begin() + 512, data.begin() + 1536));
    for (uint64_t i = 5; i < 14; i++)
        EXPECT_NE(stored(i, 1),
                  Bytes(data.begin() + ptrdiff_t(i - 5) * 512, data.begin() + ptrdiff_t(i - 4) * 512));

    // Blocks that begin and end anywhere in the pieces.
    Bytes back(9 * 512);
    std::vector<iovec> pieces;
    for (size_t at = 0, length = 0; at < back.size(); at += length) {
        length = std::min<size_t>(back.size() - at,
                                  std::vector<size_t>{1, 1500, 36, 0, 511, 700, 1024}[pieces.size() % 7]);
        pieces.push_back({back.data() + at, length});
    }
    ASSERT_TRUE(client
                    .run([&](auto* desc, auto* ch, auto cb, void* arg) {
                        return bdk_bdev_readv_blocks(desc, ch, pieces.data(), int(pieces.size()), 5, 9,
                                                     nullptr, cb, arg);
                    })
                    .ok());
    EXPECT_EQ(back, data);
}

TEST_F(CryptoModule, EqualBlocksDifferAtDifferentPlaces) {
    ASSERT_EQ(create({{"key_file", key.path}}), 0);
    Client client("plain", Access::write);
    ASSERT_TRUE(client.write(0, Bytes(1024)).ok());
    EXPECT_NE(stored(0, 1), stored(1, 1));
    ASSERT_TRUE(client.write_zeroes(4, 2).ok());
    EXPECT_NE(stored(4, 1), Bytes(512)) << "zeroes are encrypted too";
    EXPECT_EQ(client.read(4, 2), Bytes(1024));
}

TEST_F(CryptoModule, UnmapsOnlyWhenAsked) {
    ASSERT_EQ(create({{"key_file", key.path}}), 0);
    EXPECT_FALSE(Client("plain", Access::write).supports(BDK_BDEV_IO_TYPE_UNMAP));
    ASSERT_EQ(host.remove("plain"), 0);
    ASSERT_EQ(create({{"key_file", key.path}, {"unmap", true}}), 0);
    EXPECT_EQ(Client("plain", Access::write).supports(BDK_BDEV_IO_TYPE_UNMAP),
              Client("base", Access::read).supports(BDK_BDEV_IO_TYPE_UNMAP));
}

TEST_F(CryptoModule, RefusesKeysThatOthersMayReadAndKeysOfAnotherLength) {
    const LogCapture log;
    const KeyFile open_key(pattern(64), 0640);
    EXPECT_EQ(create({{"key_file", open_key.path}}), -EPERM);
    EXPECT_TRUE(log.has({"other users have permissions on the key file", "chmod 600 " + open_key.path}));
    const KeyFile short_key(pattern(32));
    EXPECT_EQ(create({{"key_file", short_key.path}}), -EINVAL);
    EXPECT_TRUE(log.has({"has 32 bytes, `cipher` needs 64"}));
    EXPECT_EQ(create({{"key_file", testing::TempDir()}}), -EINVAL);
    EXPECT_EQ(create({{"key_file", key.path + ".missing"}}), -ENOENT);
    EXPECT_EQ(create({}), -EINVAL);
    EXPECT_EQ(create({{"key_file", key.path}, {"keyring_key", "also"}}), -EINVAL);
    EXPECT_TRUE(log.has({"give either `key_file` or `keyring_key`"}));
    EXPECT_EQ(create({{"key_file", key.path}, {"sector_size", 4096}}), -EINVAL);
    EXPECT_TRUE(log.has({"has blocks of 512 bytes", "sector_size: 512"}));
    EXPECT_EQ(create({{"key_file", key.path}, {"sector_size", 1024}}), -EINVAL);
    const KeyFile twice(Bytes(64, std::byte{7}));
    EXPECT_EQ(create({{"key_file", twice.path}}), -EIO);
    EXPECT_TRUE(log.has({"whose halves differ"}));
    EXPECT_EQ(create({{"key_file", key.path}}), 0) << "nothing of the failed ones is left";
}

TEST_F(CryptoModule, TakesAKeyOfTheKernelsKeyrings) {
    const Bytes bytes = pattern(64, 5);
    const std::string name = "bdevkit-test:" + std::to_string(getpid());
    const key_serial_t serial =
        add_key("user", name.c_str(), bytes.data(), bytes.size(), KEY_SPEC_USER_KEYRING);
    if (serial < 0) GTEST_SKIP() << "the kernel has no keyring for us: " << strerror(errno);
    key_serial_t seen = 0;
    call_on(bdk_thread_get_app_thread(), [&] { seen = request_key("user", name.c_str(), nullptr, 0); });
    if (seen < 0) GTEST_SKIP() << "the session of this process is without the user's keyring";
    ASSERT_EQ(create({{"keyring_key", name}}), 0);
    {
        Client client("plain", Access::write);
        ASSERT_TRUE(client.write(3, pattern(512)).ok());
    }
    const Bytes from_keyring = stored(3, 1);
    ASSERT_EQ(host.remove("plain"), 0);
    const KeyFile same(masked(bytes));
    ASSERT_EQ(create({{"key_file", same.path}}), 0);
    EXPECT_EQ(Client("plain", Access::read).read(3, 1), pattern(512)) << "the same key from a file";
    EXPECT_EQ(stored(3, 1), from_keyring);
    const LogCapture log;
    EXPECT_NE(host.create("crypto", "other", {{"base", "base"}, {"keyring_key", name + "x"}}), 0);
    EXPECT_TRUE(log.has({"find the keyring key", name + "x"}));
    keyctl_unlink(serial, KEY_SPEC_USER_KEYRING);
}

TEST_F(CryptoModule, KeysAreInNoMemoryThatACoreDumpHas) {
#ifdef __SANITIZE_THREAD__
    GTEST_SKIP() << "ThreadSanitizer's own memory takes minutes to search";
#endif
    ASSERT_EQ(create({{"key_file", key.path}}), 0);
    const Bytes masked_key = pattern(64, 77);
    Client client("plain", Access::write);
    ASSERT_TRUE(client.write(0, pattern(8 * 512)).ok());
    EXPECT_EQ(client.read(0, 8), pattern(8 * 512));
    for (const Found& part : find_parts(masked_key)) {
        EXPECT_EQ(part.dumped, 0u);
        EXPECT_GT(part.not_dumped, 0u) << "the search finds what is there";
    }
    EXPECT_EQ(host.info("plain").dump().find(key.path), std::string::npos);
    client.close();
    ASSERT_EQ(host.remove("plain"), 0);
    for (const Found& part : find_parts(masked_key))
        EXPECT_EQ(part.dumped + part.not_dumped, 0u) << "gone with the bdev";
}

}  // namespace
}  // namespace bdk::test
