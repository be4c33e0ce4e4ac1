// SPDX-License-Identifier: BSD-3-Clause
// FUA through every layer of the tree: when an I/O that asked for it has ended, the disk at the bottom holds
// it.
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <tuple>

#include "support/client.hpp"
#include "support/test_disk.hpp"
#include "support/test_host.hpp"

namespace bdk::test {
namespace {

using bdevkit::Io, bdevkit::IoType, bdevkit::io_types;

/// Looks at the I/O of a disk with a volatile cache, and knows whether all that it has taken is durable.
class CacheWatch {
public:
    explicit CacheWatch(TestDisk& disk) : disk_(disk) {
        disk.on_submit = [this](Io io) { serve(io); };
    }
    ~CacheWatch() { disk_.on_submit = nullptr; }
    CacheWatch(const CacheWatch&) = delete;
    CacheWatch& operator=(const CacheWatch&) = delete;

    bool is_dirty() const { return dirty_; }
    int flushes() const { return flushes_; }

private:
    void serve(Io io) {
        const bool honours_fua = (io->bdev->flags & BDK_BDEV_FUA) != 0;
        switch (io.type()) {
            case IoType::flush:
                dirty_ = false;
                flushes_++;
                break;
            case IoType::write:
                dirty_ |= !honours_fua || !io.has_flag(BDK_BDEV_IO_FUA);
                break;
            case IoType::write_zeroes:
                dirty_ = true;
                break;
            default:
                break;
        }
        disk_.serve(io);
    }

    TestDisk& disk_;
    bool dirty_ = false;
    int flushes_ = 0;
};

struct Layer {
    const char* module;
    const char* bdev;  ///< the name of what it makes of `top`
    GivenOptions options;
};

constexpr uint64_t all = 0;
constexpr uint64_t without_zeroes = io_types(IoType::read, IoType::write, IoType::flush);

class Fua : public testing::TestWithParam<std::tuple<Layer, uint32_t, uint64_t>> {
protected:
    Fua() {
        TestDisk::configure() = [](bdk_bdev& bdev) {
            bdev.flags = BDK_BDEV_WRITE_CACHE | std::get<uint32_t>(GetParam());
        };
        EXPECT_EQ(host.add(&test_disk_module), 0);
        EXPECT_EQ(host.create("test_disk", "disk", {{"types", std::get<uint64_t>(GetParam())}}), 0);
        TestDisk::configure() = nullptr;
        std::ofstream(folder + "/key") << std::string(32, 'a') << std::string(32, 'b');
        std::filesystem::permissions(folder + "/key", std::filesystem::perms::owner_read);
    }
    ~Fua() override { std::filesystem::remove_all(folder); }

    /// The name of the bdev to use: the layer's, on the disk.
    std::string stack() {
        const Layer& layer = std::get<Layer>(GetParam());
        if (layer.module == nullptr) return "disk";
        host.load(layer.module);
        GivenOptions options = layer.options;
        options.emplace_back("base", "disk");
        if (layer.module == std::string("crypto")) options.emplace_back("key_file", folder + "/key");
        if (layer.module == std::string("trace")) options.emplace_back("path", folder + "/trace");
        EXPECT_EQ(host.create(layer.module, "top", options), 0);
        return layer.bdev;
    }

    static Client::Submit writev(iovec* iov, const bdk_bdev_io_opts* opts) {
        return [=](auto* desc, auto* ch, auto cb, void* arg) {
            return bdk_bdev_writev_blocks(desc, ch, iov, 1, 8, 8, opts, cb, arg);
        };
    }
    static Client::Submit write_zeroes(const bdk_bdev_io_opts* opts) {
        return [=](auto* desc, auto* ch, auto cb, void* arg) {
            return bdk_bdev_write_zeroes_blocks(desc, ch, 8, 8, opts, cb, arg);
        };
    }

    std::string folder = [] {
        std::string path = testing::TempDir() + "fua_test.XXXXXX";
        return std::string(mkdtemp(path.data()));
    }();
    TestHost host;
    const bdk_bdev_io_opts plain{.size = sizeof(bdk_bdev_io_opts)};
    const bdk_bdev_io_opts fua{.size = sizeof(bdk_bdev_io_opts), .flags = BDK_BDEV_IO_FUA};
};

INSTANTIATE_TEST_SUITE_P(
    Layers, Fua,
    testing::Combine(testing::Values(Layer{nullptr, nullptr, {}}, Layer{"passthru", "top", {}},
                                     Layer{"delay", "top", {}}, Layer{"error", "top", {}},
                                     Layer{"trace", "top", {}}, Layer{"crypto", "top", {}},
                                     Layer{"split", "topp1", {{"count", 2}}}),
                     testing::Values(0u, uint32_t{BDK_BDEV_FUA}), testing::Values(all, without_zeroes)),
    [](const auto& setting) {
        const Layer& layer = std::get<Layer>(setting.param);
        return std::string(layer.module == nullptr ? "disk" : layer.module) +
               (std::get<uint32_t>(setting.param) != 0 ? "_fua" : "_flush") +
               (std::get<uint64_t>(setting.param) != all ? "_without_zeroes" : "");
    });

TEST_P(Fua, IsKeptForWritesAndZeroes) {
    Client client(stack(), Access::write);
    CacheWatch watch(TestDisk::named("disk"));
    std::vector<std::byte> data = pattern(8 * 512);
    iovec iov{data.data(), data.size()};
    for (const Client::Submit& submit : {writev(&iov, &fua), write_zeroes(&fua)}) {
        EXPECT_TRUE(client.run(submit).ok());
        EXPECT_FALSE(watch.is_dirty());
    }
    const int flushes = watch.flushes();
    for (const Client::Submit& submit : {writev(&iov, &plain), write_zeroes(&plain)}) {
        EXPECT_TRUE(client.run(submit).ok());
        EXPECT_TRUE(watch.is_dirty()) << "nobody asked";
        EXPECT_EQ(watch.flushes(), flushes);
    }
    client.close();
}

}  // namespace
}  // namespace bdk::test
