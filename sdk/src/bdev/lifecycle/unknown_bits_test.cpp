// SPDX-License-Identifier: BSD-3-Clause
// What the host does not know is refused, never ignored: flags, reserved fields, and fields of a newer ABI.
#include <bdevkit/claim.h>
#include <bdevkit/qos.h>
#include <bdevkit/range_lock.h>
#include <gtest/gtest.h>

#include <cerrno>
#include <memory>
#include <vector>

#include "support/client.hpp"
#include "support/log_capture.hpp"
#include "support/raw_disk.hpp"
#include "support/test_host.hpp"

namespace bdk::test {
namespace {

/// A struct of a caller that was compiled with headers of a newer ABI.
template <typename T>
struct Newer {
    Newer() { known.size = sizeof(Newer); }
    T known{};
    uint64_t more = 0;
};

class UnknownBits : public testing::Test {
protected:
    UnknownBits() {
        host.add(&raw_disk_module);
        call_on_app_thread([&] { EXPECT_EQ(disk.add(), 0); });
        client = std::make_unique<Client>("disk", Access::write);
    }
    ~UnknownBits() override {
        client->close();
        EXPECT_EQ(host.remove("disk"), 0);
    }

    /// The results of all submissions that take options; all the same, if they are refused.
    int submit(const bdk_bdev_io_opts* opts) {
        int first = 1;
        const auto with = [&](auto call) {
            const IoResult result = client->run(call);
            if (first == 1) first = result.rc;
            EXPECT_EQ(result.rc, first);
        };
        with([&](auto* desc, auto* ch, auto cb, void* arg) {
            return bdk_bdev_writev_blocks(desc, ch, &iov, 1, 0, 1, opts, cb, arg);
        });
        with([&](auto* desc, auto* ch, auto cb, void* arg) {
            return bdk_bdev_readv_blocks(desc, ch, &iov, 1, 0, 1, opts, cb, arg);
        });
        with([&](auto* desc, auto* ch, auto cb, void* arg) {
            return bdk_bdev_comparev_blocks(desc, ch, &iov, 1, 0, 1, opts, cb, arg);
        });
        with([&](auto* desc, auto* ch, auto cb, void* arg) {
            return bdk_bdev_comparev_and_writev_blocks(desc, ch, &iov, 1, &iov, 1, 0, 1, opts, cb, arg);
        });
        with([&](auto* desc, auto* ch, auto cb, void* arg) {
            return bdk_bdev_write(desc, ch, iov.iov_base, 0, iov.iov_len, opts, cb, arg);
        });
        with([&](auto* desc, auto* ch, auto cb, void* arg) {
            return bdk_bdev_read_blocks(desc, ch, iov.iov_base, 0, 1, opts, cb, arg);
        });
        with([&](auto* desc, auto* ch, auto cb, void* arg) {
            return bdk_bdev_write_zeroes_blocks(desc, ch, 0, 1, opts, cb, arg);
        });
        with([&](auto* desc, auto* ch, auto cb, void* arg) {
            return bdk_bdev_copy_blocks(desc, ch, 1, 0, 1, opts, cb, arg);
        });
        with([&](auto* desc, auto* ch, auto cb, void* arg) {
            return bdk_bdev_reset(desc, ch, opts, cb, arg);
        });
        return first;
    }

    static int open(uint32_t flags) {
        int rc = 0;
        call_on_app_thread([&] {
            bdk_bdev_desc* desc = nullptr;
            const auto ignore = [](uint32_t, bdk_bdev*, void*) {};
            const auto opened = [](bdk_bdev_desc*, int, void*) {
                ADD_FAILURE() << "refused, and called back";
            };
            rc = bdk_bdev_open("disk", flags, ignore, nullptr, &desc);
            if (rc == 0) return bdk_bdev_close(desc);
            EXPECT_EQ(bdk_bdev_open_async("disk", flags, ignore, nullptr, 1, opened, nullptr), rc);
        });
        return rc;
    }

    int claim(const bdk_bdev_claim_opts* opts) {
        int rc = 0;
        call_on_app_thread([&] {
            rc = bdk_bdev_module_claim_bdev_desc(client->desc(), BDK_BDEV_CLAIM_READ_MANY_WRITE_ONE, opts,
                                                 &raw_disk_module);
        });
        return rc;
    }

    static int register_with(uint32_t flags) {
        int rc = 0;
        call_on_app_thread([&] {
            RawDisk other("other");
            other.flags = flags;
            rc = other.add();
        });
        return rc;
    }

    RawDisk disk{"disk"};
    RawLayer layer{"layer", "disk"};
    TestHost host;
    LogCapture log;
    std::unique_ptr<Client> client;
    std::vector<std::byte> data = std::vector<std::byte>(512);
    iovec iov{data.data(), data.size()};
};

TEST_F(UnknownBits, OfASubmission) {
    Newer<bdk_bdev_io_opts> opts;
    EXPECT_EQ(submit(&opts.known), 0) << "a newer caller that asks for nothing new";
    disk.seen.clear();

    opts.known.flags = 1u << 9;
    EXPECT_EQ(submit(&opts.known), -EINVAL);
    EXPECT_TRUE(log.has({"bdk_bdev_io_opts.flags", "bit 9"}));
    opts.known.size = sizeof(opts.known);
    EXPECT_EQ(submit(&opts.known), -EINVAL) << "of a struct that is as long as the host's";
    opts.known.flags = BDK_BDEV_IO_ZCOPY_START;
    EXPECT_EQ(submit(&opts.known), -EINVAL) << "the core's own flag";
    opts.known.flags = 0;
    opts.known.dif_check_flags_exclude = 1u << 3;
    EXPECT_EQ(submit(&opts.known), -EINVAL);
    EXPECT_TRUE(log.has({"dif_check_flags_exclude", "bit 3"}));
    opts.known.dif_check_flags_exclude = 0;
    opts.known.reserved = 1;
    EXPECT_EQ(submit(&opts.known), -EINVAL);
    EXPECT_TRUE(log.has({"bdk_bdev_io_opts.reserved", "bit 0"}));
    opts.known.reserved = 0;
    opts.known.size = 8;
    EXPECT_EQ(submit(&opts.known), -EINVAL) << "shorter than in ABI 1.0";
    opts.known.size = sizeof(opts);
    opts.more = 1;
    EXPECT_EQ(submit(&opts.known), -E2BIG);
    EXPECT_TRUE(log.has({"bdk_bdev_io_opts has 32 bytes"}));
    EXPECT_TRUE(disk.seen.empty());
}

TEST_F(UnknownBits, OfWriteZeroesIncludeMetadata) {
    bdk_bdev_io_opts opts{};
    opts.size = sizeof(opts);
    opts.md_buf = data.data();
    EXPECT_EQ(submit(&opts), -EINVAL);
}

TEST_F(UnknownBits, an_open_with_unknown_flags_is_refused) {
    EXPECT_EQ(open(BDK_BDEV_OPEN_WRITE | BDK_BDEV_OPEN_HIDE_METADATA), 0);
    EXPECT_EQ(open(1u << 4), -EINVAL);
    EXPECT_TRUE(log.has({"bdk_bdev_open's flags", "bit 4"}));
}

TEST_F(UnknownBits, options_that_the_type_of_an_io_does_not_have_are_refused) {
    bdk_bdev_io_opts opts{};
    opts.size = sizeof(opts);
    const auto run = [&](auto call) { return client->run(call).rc; };
    const auto read = [&](auto* desc, auto* ch, auto cb, void* arg) {
        return bdk_bdev_read_blocks(desc, ch, iov.iov_base, 0, 1, &opts, cb, arg);
    };
    const auto write = [&](auto* desc, auto* ch, auto cb, void* arg) {
        return bdk_bdev_write_blocks(desc, ch, iov.iov_base, 0, 1, &opts, cb, arg);
    };
    const auto unmap = [&](auto* desc, auto* ch, auto cb, void* arg) {
        return bdk_bdev_unmap_blocks(desc, ch, 0, 1, &opts, cb, arg);
    };
    opts.flags = BDK_BDEV_IO_FUA;
    EXPECT_EQ(run(read), -EINVAL);
    EXPECT_EQ(run(write), 0);
    opts.flags = BDK_BDEV_IO_NO_UNMAP;
    EXPECT_EQ(run(write), -EINVAL);
    opts.flags = 0;
    opts.dif_check_flags_exclude = BDK_DIF_CHECK_GUARD;
    EXPECT_EQ(run(read), 0);
    EXPECT_EQ(run(unmap), -EINVAL);
    opts.dif_check_flags_exclude = 0;
    opts.md_buf = iov.iov_base;
    EXPECT_EQ(run(write), -EINVAL) << "this disk has no separate metadata";
}

TEST_F(UnknownBits, OfAClaim) {
    Newer<bdk_bdev_claim_opts> opts;
    opts.known.reserved = 1u << 5;
    EXPECT_EQ(claim(&opts.known), -EINVAL);
    EXPECT_TRUE(log.has({"bdk_bdev_claim_opts.reserved", "bit 5"}));
    opts.known.reserved = 0;
    opts.more = 1;
    EXPECT_EQ(claim(&opts.known), -E2BIG);
    opts.more = 0;
    EXPECT_EQ(claim(&opts.known), 0);
}

TEST_F(UnknownBits, OfAForward) {
    Newer<bdk_bdev_io_forward_opts> opts;
    layer.on_submit = [&](bdk_bdev_io* io, bdk_bdev_desc* desc, bdk_io_channel* ch) {
        bdk_bdev_io_forward_ext(io, desc, ch, &opts.known);
    };
    client->close();
    settle(bdk_thread_get_app_thread());
    call_on_app_thread([&] { ASSERT_EQ(layer.add(), 0); });
    Client top("layer", Access::read);
    EXPECT_TRUE(top.try_read(0, 1).ok());
    opts.known.reserved = 1u << 2;
    EXPECT_EQ(top.try_read(0, 1).aio_errno, -EINVAL);
    EXPECT_TRUE(log.has({"bdk_bdev_io_forward_opts.reserved", "bit 2"}));
    opts.known.reserved = 0;
    opts.more = 1;
    EXPECT_EQ(top.try_read(0, 1).aio_errno, -E2BIG);
    opts.more = 0;
    EXPECT_TRUE(top.try_read(0, 1).ok());
}

TEST_F(UnknownBits, OfABdev) {
    EXPECT_EQ(register_with(1u << 20), -EINVAL);
    EXPECT_TRUE(log.has({"bdev 'other'", "bdk_bdev.flags", "bit 20"}));
}

TEST_F(UnknownBits, OfABdevOfANewerModule) {
    call_on_app_thread([&] {
        // The disk fills its struct and registers it: the name is in use, so nothing stays of that.
        RawDisk model("disk");
        EXPECT_EQ(model.add(), -EEXIST);
        Newer<bdk_bdev> newer;
        newer.known = model.bdev;
        newer.known.name = "newer";
        newer.known.size = sizeof(newer);
        newer.more = 1;
        EXPECT_EQ(bdk_bdev_register(&newer.known), -E2BIG);
        bdk_bdev_fn_table fn = *model.bdev.fn_table;
        fn.reserved = 1;
        model.bdev.name = "newer";
        model.bdev.fn_table = &fn;
        EXPECT_EQ(bdk_bdev_register(&model.bdev), -EINVAL);
    });
    EXPECT_TRUE(log.has({"bdev 'newer'", "bdk_bdev has"}));
    EXPECT_TRUE(log.has({"bdev 'newer'", "bdk_bdev_fn_table.reserved", "bit 0"}));
}

TEST_F(UnknownBits, OfAnAbandon) {
    call_on_app_thread([&] {
        const auto ended = [](void*) { ADD_FAILURE() << "refused, and called back"; };
        EXPECT_EQ(bdk_bdev_abandon(client->desc(), client->channel(), 1u << 1, nullptr, ended, nullptr),
                  -EINVAL);
    });
    EXPECT_TRUE(log.has({"bdk_bdev_abandon()", "bit 1"}));
}

TEST_F(UnknownBits, OfRateLimits) {
    Newer<bdk_bdev_qos_limits> limits;
    const auto set = [&] {
        int result = 1;
        call_on_app_thread([&] {
            bdk_bdev_set_qos_rate_limits(
                client->bdev(), &limits.known, [](int rc, void* ctx) { *static_cast<int*>(ctx) = rc; },
                &result);
        });
        return result;
    };
    limits.known.reserved = 1;
    EXPECT_EQ(set(), -EINVAL);
    limits.known.reserved = 0;
    limits.more = 1;
    EXPECT_EQ(set(), -E2BIG);
}

}  // namespace
}  // namespace bdk::test
