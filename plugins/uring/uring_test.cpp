// SPDX-License-Identifier: BSD-3-Clause
// The module uring, on a disk's file system and on one in memory, with each of its kinds of rings.
#include <bdevkit/bdev_module.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <future>
#include <nlohmann/json.hpp>

#include "support/client.hpp"
#include "support/load.hpp"
#include "support/log_capture.hpp"
#include "support/test_host.hpp"

namespace bdk::test {
namespace {

constexpr uint64_t mib = 1 << 20;

/// A file of its own in a folder, gone at the end.
class ScratchFile {
public:
    explicit ScratchFile(const std::string& folder) : path(folder + "/uring_test.XXXXXX") {
        const int fd = mkstemp(path.data());
        if (fd < 0) throw std::runtime_error("cannot make a file in " + folder);
        close(fd);
    }
    ~ScratchFile() { std::filesystem::remove(path); }
    ScratchFile(const ScratchFile&) = delete;
    ScratchFile& operator=(const ScratchFile&) = delete;

    void put(uint64_t offset, const std::vector<std::byte>& data) const {
        std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
        file.seekp(std::streamoff(offset));
        file.write(reinterpret_cast<const char*>(data.data()), std::streamsize(data.size()));
    }
    std::vector<std::byte> get(uint64_t offset, size_t length) const {
        std::ifstream file(path, std::ios::binary);
        file.seekg(std::streamoff(offset));
        std::vector<std::byte> data(length);
        file.read(reinterpret_cast<char*>(data.data()), std::streamsize(length));
        data.resize(size_t(file.gcount()));
        return data;
    }
    uint64_t bytes() const { return std::filesystem::file_size(path); }
    uint64_t bytes_in_use() const {
        struct stat status {};
        stat(path.c_str(), &status);
        return uint64_t(status.st_blocks) * 512;
    }

    std::string path;
};

/// Where the next data, or hole, is.
uint64_t seek_from(Client& client, bool data, uint64_t block) {
    Awaited<uint64_t> found;
    auto set = found.setter();
    call_on(client.thread(), [&] {
        const auto cb = [](bdk_bdev_io* io, bool success, void* arg) {
            const uint64_t result = success ? bdk_bdev_io_get_seek_offset(io) : UINT64_MAX - 1;
            bdk_bdev_free_io(io);
            (*static_cast<std::function<void(uint64_t)>*>(arg))(result);
        };
        const auto seek = data ? bdk_bdev_seek_data : bdk_bdev_seek_hole;
        ASSERT_EQ(seek(client.desc(), client.channel(), block, nullptr, cb, &set), 0);
    });
    return found.get();
}

struct Setting {
    std::string name, folder;
    uint64_t block_size;
    GivenOptions options;
};

class UringModule : public testing::TestWithParam<Setting> {
protected:
    UringModule() : file(GetParam().folder) { host.load("uring"); }
    void SetUp() override {
        rlimit limit{};
        getrlimit(RLIMIT_MEMLOCK, &limit);
        if (GetParam().name == "registered" && geteuid() != 0 && limit.rlim_cur < 256 * mib)
            GTEST_SKIP() << "locked memory is limited (ulimit -l): the heap cannot be pinned";
    }

    int create(GivenOptions more = {}, const std::string& name = "disk") {
        more.insert(more.end(), GetParam().options.begin(), GetParam().options.end());
        more.emplace_back("path", file.path);
        more.emplace_back("block_size", block);
        return host.create("uring", name, more);
    }

    const uint64_t block = GetParam().block_size;
    ScratchFile file;
    TestHost host;
};

INSTANTIATE_TEST_SUITE_P(
    Kinds, UringModule,
    testing::Values(Setting{"disk", testing::TempDir(), 4096, {}},
                    Setting{"disk_512", testing::TempDir(), 512, {}},
                    Setting{"page_cache", testing::TempDir(), 512, {{"direct", false}}},
                    Setting{"sqpoll", testing::TempDir(), 4096, {{"sqpoll", true}}},
                    Setting{"registered", testing::TempDir(), 4096, {{"registered_buffers", true}}},
                    Setting{"memory", "/dev/shm", 512, {}},
                    Setting{"memory_4096", "/dev/shm", 4096, {{"direct", false}}}),
    [](const auto& setting) { return setting.param.name; });

TEST_P(UringModule, ReadsAndWritesTheFile) {
    ASSERT_EQ(create({{"size", 4 * mib}}), 0);
    Client client("disk", Access::write);
    EXPECT_EQ(client.num_blocks() * block, 4 * mib);
    EXPECT_EQ(client.read(0, 8), std::vector<std::byte>(8 * block)) << "a new file reads as zeroes";
    ASSERT_TRUE(client.write(3, pattern(5 * block)).ok());
    EXPECT_EQ(client.read(3, 5), pattern(5 * block));
    EXPECT_EQ(client.read_without_buffer(3, 5).data, pattern(5 * block));
    ASSERT_TRUE(client.write(client.num_blocks() - 1, pattern(block, 2)).ok());
    EXPECT_TRUE(client.flush(0, client.num_blocks()).ok());
    EXPECT_EQ(file.get(3 * block, 5 * block), pattern(5 * block));
    EXPECT_EQ(file.get(4 * mib - block, block), pattern(block, 2));
}

TEST_P(UringModule, TakesBuffersOfAnyShape) {
    ASSERT_EQ(create({{"size", 4 * mib}}), 0);
    Client client("disk", Access::write);
    const std::vector<std::byte> data = pattern(block * 6 + 1);
    std::vector<iovec> pieces;
    auto* at = const_cast<std::byte*>(data.data()) + 1;  // aligned to nothing
    for (const size_t length : {block - 3, block + 3, size_t{7}, 4 * block - 7}) {
        pieces.push_back({at, length});
        at += length;
    }
    ASSERT_TRUE(client
                    .run([&](auto* desc, auto* ch, auto cb, void* arg) {
                        return bdk_bdev_writev_blocks(desc, ch, pieces.data(), int(pieces.size()), 10, 6,
                                                      nullptr, cb, arg);
                    })
                    .ok());
    EXPECT_EQ(client.read(10, 6), std::vector<std::byte>(data.begin() + 1, data.end()));
}

TEST_P(UringModule, WritesWithFua) {
    ASSERT_EQ(create({{"size", 4 * mib}}), 0);
    Client client("disk", Access::write);
    std::vector<std::byte> data = pattern(block);
    bdk_bdev_io_opts opts{};
    opts.size = sizeof(opts);
    opts.flags = BDK_BDEV_IO_FUA;
    iovec iov{data.data(), data.size()};
    EXPECT_TRUE(client
                    .run([&](auto* desc, auto* ch, auto cb, void* arg) {
                        return bdk_bdev_writev_blocks(desc, ch, &iov, 1, 2, 1, &opts, cb, arg);
                    })
                    .ok());
    EXPECT_EQ(file.get(2 * block, block), data);
}

TEST_P(UringModule, UnmapGivesSpaceBackAndReadsAsZero) {
    ASSERT_EQ(create({{"size", 4 * mib}}), 0);
    Client client("disk", Access::write);
    EXPECT_LT(file.bytes_in_use(), mib) << "the file is sparse";
    ASSERT_TRUE(client.write(0, pattern(2 * mib)).ok());
    ASSERT_TRUE(client.flush(0, 1).ok());
    const uint64_t full = file.bytes_in_use();
    EXPECT_GE(full, 2 * mib);
    ASSERT_TRUE(client.unmap(mib / block, mib / block).ok());
    EXPECT_LE(file.bytes_in_use(), full - mib + 65536);
    EXPECT_EQ(client.read(mib / block - 1, 2).size(), 2 * block);
    EXPECT_EQ(client.read(mib / block, 4), std::vector<std::byte>(4 * block));
    const std::vector<std::byte> all = pattern(2 * mib);
    EXPECT_EQ(client.read(0, 4), std::vector<std::byte>(all.begin(), all.begin() + 4 * long(block)));
    EXPECT_EQ(file.bytes(), 4 * mib) << "the size stays";
}

TEST_P(UringModule, WriteZeroesKeepsSpaceWhenAsked) {
    ASSERT_EQ(create({{"size", 4 * mib}}), 0);
    Client client("disk", Access::write);
    ASSERT_TRUE(client.write(0, pattern(2 * mib)).ok());
    ASSERT_TRUE(client.flush(0, 1).ok());
    const uint64_t full = file.bytes_in_use();
    const auto write_zeroes = [&](uint32_t flags) {
        return client.run([&](auto* desc, auto* ch, auto cb, void* arg) {
            bdk_bdev_io_opts opts{};
            opts.size = sizeof(opts);
            opts.flags = flags;
            return bdk_bdev_write_zeroes_blocks(desc, ch, 0, mib / block, &opts, cb, arg);
        });
    };
    ASSERT_TRUE(write_zeroes(BDK_BDEV_IO_NO_UNMAP).ok());
    EXPECT_EQ(client.read(0, mib / block), std::vector<std::byte>(mib));
    EXPECT_GE(file.bytes_in_use() + 65536, full);
    ASSERT_TRUE(client.write(0, pattern(mib)).ok());
    ASSERT_TRUE(write_zeroes(0).ok());
    EXPECT_EQ(client.read(0, mib / block), std::vector<std::byte>(mib));
    EXPECT_LE(file.bytes_in_use(), full - mib + 65536);
}

TEST_P(UringModule, FindsDataAndHoles) {
    std::filesystem::resize_file(file.path, 4 * mib);
    file.put(mib, pattern(65536));
    ASSERT_EQ(create(), 0);
    Client client("disk", Access::write);
    const auto seek = [&](bool data, uint64_t from) { return seek_from(client, data, from); };
    EXPECT_EQ(seek(true, 0), mib / block);
    EXPECT_EQ(seek(true, mib / block + 1), mib / block + 1);
    EXPECT_EQ(seek(true, (mib + 65536) / block), UINT64_MAX) << "no more data";
    EXPECT_EQ(seek(false, 0), 0u);
    EXPECT_EQ(seek(false, mib / block), (mib + 65536) / block);
}

TEST_P(UringModule, KeepsManyInFlight) {
    ASSERT_EQ(create({{"size", 4 * mib}}), 0);
    Client client("disk", Access::read);
    EXPECT_TRUE(Load(client, 700, 5000).wait().ok()) << "more than the ring has entries";
}

TEST_P(UringModule, ResetsAndAborts) {
    ASSERT_EQ(create({{"size", 4 * mib}}), 0);
    Client client("disk", Access::write);
    EXPECT_TRUE(client.reset().ok());
    Load load(client, 32, 2000);
    EXPECT_TRUE(client.reset().ok());
    load.wait();  // reads that the reset has caught may have been aborted
    void* token = nullptr;
    std::vector<std::byte> data = pattern(mib);
    Awaited<IoResult> written = client.start(
        [&](auto* desc, auto* ch, auto cb, void* arg) {
            return bdk_bdev_write_blocks(desc, ch, data.data(), 0, mib / block, nullptr, cb, arg);
        },
        &token);
    client.abort(token);  // it may come too late
    const IoResult result = written.get();
    EXPECT_TRUE(result.ok() || result.status == BDK_BDEV_IO_STATUS_ABORTED) << result.status;
    EXPECT_TRUE(client.write(0, data).ok());
    EXPECT_EQ(client.read(0, mib / block), data);
}

TEST_P(UringModule, SeesAndSetsTheSize) {
    ASSERT_EQ(create({{"size", 1 * mib}}), 0);
    GivenOptions same = GetParam().options;
    same.emplace_back("path", file.path);
    same.emplace_back("block_size", block);
    Client client("disk", Access::write);
    std::filesystem::resize_file(file.path, 2 * mib);
    ASSERT_EQ(host.reconfigure("disk", same), 0);
    client.wait_for_event(BDK_BDEV_EVENT_RESIZE);
    EXPECT_EQ(client.num_blocks() * block, 2 * mib);

    GivenOptions larger = same;
    larger.emplace_back("size", 3 * mib);
    ASSERT_EQ(host.reconfigure("disk", larger), 0);
    EXPECT_EQ(file.bytes(), 3 * mib);
    EXPECT_EQ(client.num_blocks() * block, 3 * mib);
    ASSERT_TRUE(client.write(3 * mib / block - 1, pattern(block)).ok());

    GivenOptions smaller = same;
    smaller.emplace_back("size", 1 * mib);
    EXPECT_EQ(host.reconfigure("disk", smaller), -EBUSY) << "it is open";
    EXPECT_EQ(file.bytes(), 3 * mib);
    client.close();
    EXPECT_EQ(host.reconfigure("disk", smaller), 0);
    EXPECT_EQ(file.bytes(), 1 * mib);

    const LogCapture log;
    GivenOptions other = same;
    other.emplace_back("read_only", true);
    EXPECT_EQ(host.reconfigure("disk", other), -EINVAL);
    EXPECT_TRUE(log.has({"only `size`"}));
}

TEST_P(UringModule, KeepsTheSizeThatAnUnchangedOptionDoesNotTell) {
    ASSERT_EQ(create({{"size", 1 * mib}}), 0);
    GivenOptions options = GetParam().options;
    options.emplace_back("path", file.path);
    options.emplace_back("block_size", block);
    options.emplace_back("size", 1 * mib);
    call_on_app_thread([&] {
        bdk_bdev* disk = bdk_bdev_get_by_name("disk");
        ASSERT_EQ(disk->fn_table->resize(disk->ctxt, 2 * mib / block), 0);
    });
    {
        Client client("disk", Access::write);
        ASSERT_TRUE(client.write(2 * mib / block - 1, pattern(block)).ok());
    }
    ASSERT_EQ(host.reconfigure("disk", options), 0);
    EXPECT_EQ(file.bytes(), 2 * mib);
    EXPECT_EQ(file.get(2 * mib - block, block), pattern(block));

    std::filesystem::resize_file(file.path, 3 * mib);
    ASSERT_EQ(host.reconfigure("disk", options), 0);
    EXPECT_EQ(file.bytes(), 3 * mib) << "grown outside";
    EXPECT_EQ(Client("disk", Access::read).num_blocks() * block, 3 * mib);

    ASSERT_EQ(host.remove("disk"), 0);
    ASSERT_EQ(create({{"size", 1 * mib}}), 0) << "a start with the options of before";
    EXPECT_EQ(file.bytes(), 3 * mib);
    EXPECT_EQ(Client("disk", Access::read).num_blocks() * block, 3 * mib);
}

TEST_P(UringModule, EndsEveryIoBehindTheEndOfAFileThatWasCut) {
    ASSERT_EQ(create({{"size", 1 * mib}}), 0);
    Client client("disk", Access::write);
    const uint64_t end = 65536 / block;
    std::filesystem::resize_file(file.path, 65536);
    EXPECT_TRUE(client.try_read(0, end).ok());
    EXPECT_TRUE(client.write(end - 1, pattern(block)).ok());
    const std::vector<std::byte> data = pattern(2 * block, 2);
    for (const uint64_t first : {end - 1, end, 2 * end}) {
        EXPECT_EQ(client.try_read(first, 2).aio_errno, -EIO) << "a short read is no success";
        EXPECT_EQ(client.write(first, data).aio_errno, -EIO);
        EXPECT_EQ(client.unmap(first, 2).aio_errno, -EIO);
        EXPECT_EQ(client.write_zeroes(first, 2).aio_errno, -EIO);
    }
    EXPECT_EQ(client.copy(end, 0, 1).aio_errno, -EIO);
    EXPECT_EQ(client.compare(end, pattern(block)).aio_errno, -EIO);
    EXPECT_EQ(seek_from(client, true, end), UINT64_MAX - 1) << "it fails";
    EXPECT_EQ(seek_from(client, false, end), UINT64_MAX - 1);
    EXPECT_EQ(file.bytes(), 65536u) << "nothing makes the file longer";
    EXPECT_EQ(client.read(end - 1, 1), pattern(block));
    std::filesystem::resize_file(file.path, mib);
    EXPECT_TRUE(client.write(2 * end, data).ok()) << "it has its length again";
}

/// What the tests of one setting are enough for.
class UringFile : public testing::Test {
protected:
    UringFile() : file(testing::TempDir()) { host.load("uring"); }
    GivenOptions at(GivenOptions more = {}) {
        more.emplace_back("path", file.path);
        return more;
    }

    ScratchFile file;
    TestHost host;
};

TEST_F(UringFile, IsLockedAndNamesTheHolder) {
    std::filesystem::resize_file(file.path, mib);
    const int other = open(file.path.c_str(), O_RDWR);
    ASSERT_EQ(flock(other, LOCK_EX), 0);
    const LogCapture log;
    EXPECT_EQ(host.create("uring", "disk", at()), -EBUSY);
    EXPECT_TRUE(log.has({file.path, "in use by process " + std::to_string(getpid())}));
    close(other);
    EXPECT_EQ(host.create("uring", "disk", at()), 0);
    EXPECT_EQ(host.create("uring", "second", at()), -EBUSY);
    EXPECT_EQ(host.remove("disk"), 0);
    EXPECT_EQ(host.create("uring", "second", at()), 0);
}

TEST_F(UringFile, WaitsForTheLastIoOfAProcessThatIsGone) {
    std::filesystem::resize_file(file.path, mib);
    const int held = open(file.path.c_str(), O_RDWR);
    const pid_t killed = fork();
    if (killed == 0) _exit(flock(held, LOCK_EX));
    int status = 1;
    ASSERT_EQ(waitpid(killed, &status, 0), killed);
    ASSERT_EQ(status, 0) << "what the child has locked stays so while we have its descriptor";
    auto created = std::async(std::launch::async, [&] { return host.create("uring", "disk", at()); });
    EXPECT_FALSE(host.exists("disk"));
    close(held);
    EXPECT_EQ(created.get(), 0);
    EXPECT_TRUE(host.exists("disk"));
}

TEST_F(UringFile, MayBeReadByMany) {
    file.put(0, pattern(mib));
    ASSERT_EQ(host.create("uring", "one", at({{"read_only", true}})), 0);
    ASSERT_EQ(host.create("uring", "two", at({{"read_only", true}})), 0);
    EXPECT_EQ(host.create("uring", "writer", at()), -EBUSY);
    Client client("two", Access::read);
    EXPECT_EQ(client.read(0, mib / 512), pattern(mib));
    EXPECT_FALSE(client.supports(BDK_BDEV_IO_TYPE_WRITE));
    EXPECT_FALSE(client.supports(BDK_BDEV_IO_TYPE_UNMAP));
    EXPECT_TRUE(client.flush(0, 1).ok());
}

TEST_F(UringFile, WhatCannotBeHadIsRefusedWithAdvice) {
    const LogCapture log;
    EXPECT_EQ(host.create("uring", "disk", at()), -EINVAL);
    EXPECT_TRUE(log.has({"is shorter than a block", "set `size`"}));
    EXPECT_EQ(host.create("uring", "disk", {{"path", file.path + ".missing"}}), -ENOENT);
    EXPECT_TRUE(log.has({"create it, or set `size`"}));
    std::filesystem::create_symlink("nowhere", file.path + ".link");
    EXPECT_EQ(host.create("uring", "disk", {{"path", file.path + ".link"}, {"size", mib}}), -ENOENT);
    EXPECT_TRUE(log.has({"it is a link to 'nowhere': fix the link, or create its target"}));
    std::filesystem::remove(file.path + ".link");
    EXPECT_EQ(host.create("uring", "disk", {{"path", testing::TempDir()}}), -EINVAL);
    EXPECT_TRUE(log.has({"neither a file nor a block device"}));
    std::filesystem::resize_file(file.path, 2 * mib);
    EXPECT_EQ(host.create("uring", "disk", at({{"size", 3 * mib}, {"read_only", true}})), -EINVAL);
    EXPECT_TRUE(log.has({"has 2097152 bytes, less than `size`"}));
    EXPECT_EQ(host.create("uring", "disk", at({{"block_size", 1000}})), -EINVAL);
    EXPECT_EQ(host.create("uring", "disk", at({{"iopoll", true}, {"direct", false}})), -EINVAL);
    EXPECT_TRUE(log.has({"`iopoll` needs direct I/O"}));
}

TEST_F(UringFile, ANewFileIsMadeAndNotLeftBehind) {
    const std::string path = file.path + ".new";
    ASSERT_EQ(host.create("uring", "disk", {{"path", path}, {"size", mib}}), 0);
    EXPECT_EQ(std::filesystem::file_size(path), mib);
    EXPECT_EQ(host.remove("disk"), 0);
    EXPECT_TRUE(std::filesystem::exists(path));
    std::filesystem::remove(path);
    ASSERT_EQ(host.create("uring", "disk", at({{"size", mib}})), 0);
    EXPECT_EQ(host.create("uring", "disk", {{"path", path}, {"size", mib}}), -EEXIST) << "the name is taken";
    EXPECT_FALSE(std::filesystem::exists(path));
}

TEST_F(UringFile, DirectIoThatCannotBeIsSaid) {
    ScratchFile memory("/dev/shm");
    std::filesystem::resize_file(file.path, mib + 100);
    const LogCapture log;
    ASSERT_EQ(host.create("uring", "disk", at()), 0);
    EXPECT_TRUE(log.has({"ends with a partial block"}));
    // Either it is direct, or the log has said that it is not.
    EXPECT_NE(host.info("disk").dump().find("\"direct\":true") != std::string::npos,
              log.has({file.path, "through the page cache"}))
        << host.info("disk").dump();
    EXPECT_EQ(host.remove("disk"), 0);
    ASSERT_EQ(host.create("uring", "disk", {{"path", "/proc/self/environ"}, {"read_only", true}}), -EINVAL);
}

/// Reads the begin of a bdev into one buffer, so many times at once.
class ManyReads {
public:
    /// [client's thread]
    ManyReads(Client& client, uint64_t count, std::vector<std::byte>& buffer) : left(count) {
        for (uint64_t i = 0; i < count; i++)
            EXPECT_EQ(bdk_bdev_read_blocks(client.desc(), client.channel(), buffer.data(), 0,
                                           buffer.size() / client.block_size(), nullptr, ended, this),
                      0);
    }

    uint64_t left;
    Awaited<bool> all;

private:
    static void ended(bdk_bdev_io* io, bool success, void* arg) {
        auto& self = *static_cast<ManyReads*>(arg);
        EXPECT_TRUE(success);
        bdk_bdev_free_io(io);
        if (--self.left == 0) self.set_all_(true);
    }

    std::function<void(bool)> set_all_ = all.setter();
};

TEST_F(UringFile, ServesOthersWhileMuchIsCopiedFromThePageCache) {
    constexpr uint64_t each = 32 * mib, count = 128;
    file.put(0, pattern(each));
    ASSERT_EQ(host.create("uring", "disk", at({{"direct", false}})), 0);
    Client client("disk", Access::read);
    std::vector<std::byte> buffer(each);
    std::unique_ptr<ManyReads> reads;
    uint64_t left_before_message = 0;
    call_on(client.thread(), [&] {
        reads = std::make_unique<ManyReads>(client, count, buffer);
        post(client.thread(), [&] { left_before_message = reads->left; });
    });
    reads->all.get();
    settle(client.thread());
    EXPECT_GT(left_before_message, 0u) << "the thread did nothing else until all was copied";
    EXPECT_EQ(buffer, pattern(each));
}

TEST_F(UringFile, AFullFileSystemIsTold) {
    // A limit of the process stands in for a full disk: no root is needed for it.
    struct sigaction before {};
    struct sigaction ignore {};
    ignore.sa_handler = SIG_IGN;
    sigaction(SIGXFSZ, &ignore, &before);
    ASSERT_EQ(host.create("uring", "disk", at({{"size", 4 * mib}, {"direct", false}})), 0);
    Client client("disk", Access::write);
    rlimit whole{};
    getrlimit(RLIMIT_FSIZE, &whole);
    const rlimit small{mib, whole.rlim_max};
    setrlimit(RLIMIT_FSIZE, &small);
    const IoResult beyond = client.write(2 * mib / 512, pattern(4096));
    // The first half fits: a short write, then the error.
    const IoResult across = client.write(mib / 512 - 4, pattern(4096));
    setrlimit(RLIMIT_FSIZE, &whole);
    sigaction(SIGXFSZ, &before, nullptr);
    EXPECT_EQ(beyond.aio_errno, -EFBIG);
    EXPECT_EQ(across.aio_errno, -EFBIG);
    std::vector<std::byte> half = pattern(4096);
    half.resize(2048);
    EXPECT_EQ(file.get(mib - 2048, 2048), half);
    EXPECT_TRUE(client.write(2 * mib / 512, pattern(4096)).ok());
}

TEST(UringInterrupts, EachCompletionWakesAReactorThatSleeps) {
    const ScratchFile file(testing::TempDir());
    RuntimeOptions options = test_runtime_options();
    options.reactors.mode = ReactorMode::interrupt;
    TestHost host(options);
    host.load("uring");
    ASSERT_EQ(host.create("uring", "disk", {{"path", file.path}, {"size", mib}}), 0);
    Client client("disk", Access::write);
    for (uint64_t i = 0; i < 100; i++) {
        ASSERT_TRUE(client.write(i, pattern(512, i)).ok());
        ASSERT_TRUE(client.flush(0, 1).ok());
    }
    for (uint64_t i = 0; i < 100; i++)
        EXPECT_EQ(client.read(i, 1), pattern(512, i));
}

}  // namespace
}  // namespace bdk::test
