// SPDX-License-Identifier: BSD-3-Clause
// Authentication of the module nvme over TCP: keys as nvme-cli 2.3 makes them, and the dialogue with a target
// of the test's own, which computes for itself.
#include <bdevkit/error.hpp>

#include <isa-l/crc.h>
#include <openssl/evp.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>

#include "dhchap_key.hpp"
#include "support/memory_search.hpp"
#include "test_fixture.hpp"

namespace bdk::test {
namespace {

using namespace nvme::tcp;
using namespace nvme::tcp::test;

constexpr const char* host_nqn = "nqn.2024-01.io.bdevkit:me";

// nvme gen-dhchap-key --hmac=0 --secret=000102...1f and so on
constexpr const char* short_key = "DHHC-1:00:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh+KfiaR:";
constexpr const char* middle_key =
    "DHHC-1:00:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8AAQIDBAUGBwgJCgsMDQ4Prx7ycQ==:";
constexpr const char* long_key =
    "DHHC-1:00:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8AAQIDBAUGBwgJCgsMDQ4PEBESExQVFhcYGRobHB0eH+W2jnc=:";
// the same with --hmac=1 to 3 and --nqn=nqn.2024-01.io.bdevkit:me: what they become for that NQN
constexpr const char* short_for_me = "DHHC-1:01:0Ls1EaKUYKysrnLf5q/k3eybi5OpgsJbt5Nr+iVu6olQX+67:";
constexpr const char* middle_for_me =
    "DHHC-1:02:5HqLM9WHGnBFnQKoDjUmbCZkiA62Pg1amRC/54IO6ktTyG/Ds0p/xhe35u9VPgEqRJINog==:";
constexpr const char* long_for_me =
    "DHHC-1:03:rDZzEKwUZ8zw3NB0PsusP3yl0HCurA3jdJ/Js/AWlj0R4NrYJlpBNi1W+t1SqgU5nrUXW0sUwc4wqIC0vXKcQuI6URU=:";
// nvme gen-dhchap-key --hmac=1 --secret=000102...1f --nqn=nqn.2024-01.io.bdevkit:test, the target's
constexpr const char* short_for_target = "DHHC-1:01:Cfx01wg/u52tPzkZRzQ1lkxXD/jGfevlARhN2wwJn9eDUEFW:";

/// Before this program uses OpenSSL: what that makes of keys here is kept as in the module.
const bool is_prepared = (dhchap_prepare(), true);

/// The same bytes, to be made for an NQN with that hash, or with 0 as they are.
std::string with_hash(std::string key, char hash) {
    key[8] = hash;
    return key;
}

Octets made_of(const std::string& key, const std::string& nqn = "") {
    const Secret made = DhchapKey::from_text(key, "a test").transformed(nqn);
    const Bytes bytes = bytes_of(made);
    return {bytes.begin(), bytes.end()};
}

TEST(DhchapKey, IsReadAndTransformedAsNvmeCliDoes) {
    Octets expected(32);
    for (size_t i = 0; i < expected.size(); i++)
        expected[i] = std::byte(i);
    EXPECT_EQ(made_of(short_key, host_nqn), expected);
    EXPECT_EQ(made_of(std::string(short_key) + " \n"), expected);
    EXPECT_EQ(made_of(with_hash(short_key, '1'), host_nqn), made_of(with_hash(short_for_me, '0')));
    EXPECT_EQ(made_of(with_hash(middle_key, '2'), host_nqn), made_of(with_hash(middle_for_me, '0')));
    EXPECT_EQ(made_of(with_hash(long_key, '3'), host_nqn), made_of(with_hash(long_for_me, '0')));
}

TEST(DhchapKey, AnotherFormIsRefusedWithoutTellingTheKey) {
    const std::string good = short_key;
    const std::string body = good.substr(10, good.size() - 11);
    std::string changed = good;
    changed[20] = 'B';
    for (const std::string& text :
         {std::string(), std::string("DHHC-1:00:"), std::string("DHHC-1:00::"),
          good.substr(0, good.size() - 1), good.substr(1), with_hash(good, '4'), with_hash(good, 'x'),
          changed, "DHHC-1:00:" + body + body + ":", "DHHC-1:00:" + body.substr(4) + ":",
          "DHHC-1:00:" + body.substr(1) + ":", std::string("DHHC-1:00:====:"),
          "DHHC-1:00:" + body.substr(0, 40) + "=" + body.substr(41) + ":",
          "DHHC-1:00:" + std::string(400, 'A') + ":"}) {
        try {
            DhchapKey::from_text(text, "file");
            ADD_FAILURE() << text;
        } catch (const bdevkit::Error& error) {
            EXPECT_EQ(std::string(error.what()).find("AAEC"), std::string::npos) << error.what();
        }
    }
}

/// A file with a key, gone at the end.
class KeyFile {
public:
    explicit KeyFile(const std::string& text, mode_t mode = 0600) : path(testing::TempDir() + "key.XXXXXX") {
        const int fd = mkstemp(path.data());
        EXPECT_EQ(write(fd, text.data(), text.size()), ssize_t(text.size()));
        EXPECT_EQ(fchmod(fd, mode), 0);
        close(fd);
    }
    ~KeyFile() { std::filesystem::remove(path); }
    void append(const unsigned char* bytes, size_t length) {
        const int fd = open(path.c_str(), O_WRONLY | O_APPEND | O_CLOEXEC);
        EXPECT_EQ(write(fd, bytes, length), ssize_t(length));
        close(fd);
    }
    KeyFile(const KeyFile&) = delete;
    KeyFile& operator=(const KeyFile&) = delete;

    std::string path;
};

class NvmeTcpDhchap : public NvmeTcp {
protected:
    int create_with(const TestTarget& target, GivenOptions more) {
        more.emplace_back("host_nqn", host_nqn);
        return create(target, more);
    }

    static Manners asking(const TestAuthentication& how) { return {.authentication = how}; }

    const KeyFile host_key{std::string(short_key) + "\n"};
    const KeyFile host_key_for_hash{with_hash(short_key, '1')};
    const KeyFile controller_key{with_hash(short_key, '1')};
    const Octets answers = made_of(short_key);
    LogCapture log;
};

struct Form {
    uint8_t hash, group;
    bool both;
};

class NvmeTcpDhchapForms : public NvmeTcpDhchap, public testing::WithParamInterface<Form> {};

TEST_P(NvmeTcpDhchapForms, TheHostIsLetIn) {
    const Form form = GetParam();
    TestTarget target(asking({.host_key = made_of(with_hash(short_for_me, '0')),
                              .controller_key = made_of(with_hash(short_for_target, '0')),
                              .hash = form.hash,
                              .group = form.group}));
    GivenOptions options{{"dhchap_key_file", host_key_for_hash.path}};
    if (form.both) options.emplace_back("dhchap_ctrl_key_file", controller_key.path);
    ASSERT_EQ(create_with(target, options), 0);
    // The connection for I/O has been authenticated, too.
    Client client("Nvme0n1", Access::write);
    EXPECT_TRUE(client.write(0, pattern(512)).ok());
}

std::vector<Form> all_forms() {
    std::vector<Form> forms;
    for (const bool both : {false, true})
        for (uint8_t hash = 1; hash <= 3; hash++)
            for (const uint8_t group : {0, 1})
                forms.push_back({hash, group, both});
    for (uint8_t group = 2; group <= 5; group++)
        forms.push_back({1, group, true});
    return forms;
}

INSTANTIATE_TEST_SUITE_P(Forms, NvmeTcpDhchapForms, testing::ValuesIn(all_forms()), [](const auto& form) {
    return "Hash" + std::to_string(form.param.hash) + "Group" + std::to_string(form.param.group) +
           (form.param.both ? "Both" : "");
});

TEST_F(NvmeTcpDhchap, ConnectionsThatAreMadeAgainAreAuthenticatedAgain) {
    TestTarget target(asking({.host_key = answers}));
    ASSERT_EQ(create_with(target, {{"dhchap_key_file", host_key.path}}), 0);
    Client client("Nvme0n1", Access::write);
    ASSERT_TRUE(client.write(0, pattern(512)).ok());
    target.stop();
    target.start();
    EXPECT_EQ(client.read(0, 1), pattern(512));
}

TEST_F(NvmeTcpDhchap, WithoutAKeyItIsSaidWhatToGive) {
    TestTarget target(asking({.host_key = answers}));
    EXPECT_EQ(create_with(target, {}), -EACCES);
    EXPECT_TRUE(log.has({"asks 'nqn.2024-01.io.bdevkit:me' for authentication", "set `dhchap_key_file`"}));
    TestTarget with_tls(asking({.host_key = answers, .asks = 4}));
    EXPECT_EQ(create_with(with_tls, {{"dhchap_key_file", host_key.path}}), -ENOTSUP);
    EXPECT_TRUE(log.has({"asks for TLS"}));
}

TEST_F(NvmeTcpDhchap, AWrongKeyIsRefused) {
    TestTarget target(asking({.host_key = Octets(32)}));
    EXPECT_EQ(create_with(target, {{"dhchap_key_file", host_key.path}}), -EACCES);
    EXPECT_TRUE(log.has({"refuses to authenticate 'nqn.2024-01.io.bdevkit:me': the key is not the one"}));
}

TEST_F(NvmeTcpDhchap, ATargetThatCannotProveWhoItIsIsRefused) {
    const auto refused = [&](const Manners& manners, const char* why) {
        TestTarget target(manners);
        EXPECT_EQ(create_with(target, {{"dhchap_key_file", host_key.path},
                                       {"dhchap_ctrl_key_file", controller_key.path}}),
                  -EACCES);
        EXPECT_TRUE(log.has({why})) << why;
    };
    refused(asking({.host_key = answers, .controller_key = Octets(32)}), "has not the key of");
    refused(asking({.host_key = answers}), "does not prove who it is");
    refused(Manners{}, "refuses to authenticate");  // it does not ask, and cannot answer
}

TEST_F(NvmeTcpDhchap, KeyFilesAreForTheirOwnerAlone) {
    TestTarget target;
    const KeyFile open_key(short_key, 0640), no_key("DHHC-1:00:AAEC:");
    EXPECT_EQ(create_with(target, {{"dhchap_key_file", open_key.path}}), -EPERM);
    EXPECT_TRUE(log.has({"other users have permissions on the key file", "chmod 600 " + open_key.path}));
    EXPECT_EQ(create_with(target, {{"dhchap_key_file", no_key.path}}), -EINVAL);
    EXPECT_EQ(create_with(target, {{"dhchap_key_file", "/nowhere"}}), -ENOENT);
    EXPECT_EQ(create_with(target, {{"dhchap_ctrl_key_file", controller_key.path}}), -EINVAL);
    EXPECT_EQ(create_with(target, {{"dhchap_key_file", host_key.path}}), 0);  // which is not asked for
    EXPECT_EQ(host.info("Nvme0n1").dump().find("AAEC"), std::string::npos);
}

/// Bytes as they must not be found, but for this.
std::vector<std::byte> masked(const unsigned char* bytes, size_t length) {
    std::vector<std::byte> result(length);
    std::transform(bytes, bytes + length, result.begin(),
                   [](unsigned char byte) { return ~std::byte(byte); });
    return result;
}

TEST_F(NvmeTcpDhchap, KeysAreInNoMemoryThatACoreDumpHas) {
#ifdef __SANITIZE_THREAD__
    GTEST_SKIP() << "ThreadSanitizer's own memory takes minutes to search";
#endif
    const auto masked_key = pattern(32, 77);
    std::vector<std::byte> masked_text;
    std::optional<KeyFile> file;
    Octets answer;
    {
        Secret key(36), text(48 + 1);
        for (size_t i = 0; i < masked_key.size(); i++)
            key.data()[i] = uint8_t(~masked_key[i]);
        const uint32_t checksum = crc32_gzip_refl(0, key.data(), 32);
        std::memcpy(key.data() + 32, &checksum, sizeof(checksum));
        EVP_EncodeBlock(text.data(), key.data(), 36);
        masked_text = masked(text.data(), 48);
        file.emplace("DHHC-1:01:");
        file->append(text.data(), 48);
        file->append(reinterpret_cast<const unsigned char*>(":"), 1);
        const Secret made = DhchapKey::from_file(file->path.c_str()).transformed(host_nqn);
        const Bytes bytes = bytes_of(made);
        answer.assign(bytes.begin(), bytes.end());
    }
    TestTarget target(asking({.host_key = answer, .group = 1}));
    ASSERT_EQ(create_with(target, {{"dhchap_key_file", file->path}}), 0);
    {
        Client client("Nvme0n1", Access::write);
        ASSERT_TRUE(client.write(0, pattern(512)).ok());
    }
    for (const Found& part : find_parts(masked_key)) {
        EXPECT_EQ(part.dumped, 0u);
        EXPECT_GT(part.not_dumped, 0u) << "the search finds what is there";
    }
    for (const Found& part : find_parts(masked_text))
        EXPECT_EQ(part.dumped, 0u) << "nor is the file";
    ASSERT_EQ(host.remove("Nvme0n1"), 0);
    for (const Found& part : find_parts(masked_key))
        EXPECT_EQ(part.dumped + part.not_dumped, 0u) << "gone with the bdev";
}

/// Every message that a target should not send ends the creation, with a reason.
TEST_F(NvmeTcpDhchap, HostileMessagesAreRefused) {
    using Tamper = std::function<void(Octets&)>;
    struct Case {
        uint8_t id;
        Tamper tamper;
        const char* why;
        uint8_t group = 0;
    };
    const auto put = [](size_t at, uint8_t value) {
        return [=](Octets& octets) { octets[at] = std::byte(value); };
    };
    const auto cut = [](size_t length) { return [=](Octets& octets) { octets.resize(length); }; };
    const auto value = [](uint8_t fill, uint8_t last) {
        return [=](Octets& octets) {
            std::fill(octets.begin() + 16 + 32, octets.end(), std::byte(fill));
            octets.back() = std::byte(last);
        };
    };
    const Case cases[] = {
        {1, put(0, 0), "message 0/0x01 came instead of the challenge"},
        {1, put(1, 3), "message 1/0x03 came instead of the challenge"},
        {1, [](Octets& octets) { octets[4] ^= std::byte(1); }, "the challenge is of another transaction"},
        {1, put(6, 31), "the challenge has hash function 1 with 31 bytes"},
        {1, put(6, 255), "the challenge has hash function 1 with 255 bytes"},
        {1, put(8, 0), "the challenge has hash function 0"},
        {1, put(8, 4), "the challenge has hash function 4"},
        {1, put(9, 6), "the challenge has Diffie-Hellman group 6"},
        {1, put(9, 255), "the challenge has Diffie-Hellman group 255"},
        {1, put(9, 1), "a value of 0 bytes for group 1"},
        {1, put(10, 1), "a value of 1 bytes for group 0"},
        {1, put(11, 255), "a value of 65280 bytes for group 1", 1},
        {1, put(9, 0), "a value of 256 bytes for group 0", 1},
        {1, value(0, 0), "not in its group", 1},
        {1, value(0, 1), "not in its group", 1},
        {1, value(255, 255), "not in its group", 1},
        {1, cut(7), "the challenge is too short"},
        {1, cut(15), "the challenge is too short"},
        {1, cut(16 + 31), "the challenge is too short"},
        {1, cut(16 + 32 + 255), "the challenge is too short", 1},
        {1,
         [](Octets& octets) {
             octets = {std::byte(0), std::byte(0xf1), {}, {}, {}, {}, std::byte(1), std::byte(4)};
         },
         "it accepts none of SHA-256"},
        {3, put(1, 1), "message 1/0x01 came instead of the success"},
        {3, put(1, 4), "message 1/0x04 came instead of the success"},
        {3, [](Octets& octets) { octets[5] ^= std::byte(1); }, "the success is of another transaction"},
        {3, cut(12), "the success is too short"},
        {3, cut(16 + 31), "the success is too short"},
        {3, put(6, 48), "the success is too short"},
        {3, put(8, 0), "does not prove who it is"},
        {3, put(20, 0x55), "has not the key of"},
    };
    for (const Case& each : cases) {
        TestTarget target(asking({.host_key = answers,
                                  .controller_key = made_of(with_hash(short_for_target, '0')),
                                  .group = each.group,
                                  .tamper = [&](uint8_t id, Octets& message) {
                                      if (id == each.id) each.tamper(message);
                                  }}));
        EXPECT_EQ(create_with(target, {{"dhchap_key_file", host_key.path},
                                       {"dhchap_ctrl_key_file", controller_key.path}}),
                  -EACCES)
            << each.why;
        EXPECT_TRUE(log.has({each.why})) << each.why;
    }
}

}  // namespace
}  // namespace bdk::test
