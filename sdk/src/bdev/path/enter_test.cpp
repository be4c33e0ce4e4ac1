// SPDX-License-Identifier: BSD-3-Clause
#include <gtest/gtest.h>

#include <thread>

#include "bdev/model/bdev_io.hpp"
#include "log/violation.hpp"
#include "support/client.hpp"
#include "support/raw_disk.hpp"
#include "support/test_host.hpp"

namespace bdk::test {
namespace {

class IoPath : public testing::Test {
protected:
    IoPath() {
        host.add(&raw_disk_module);
        on_app([&] { ASSERT_EQ(disk.add(), 0); });
    }

    void on_app(const std::function<void()>& fn) { call_on_app_thread(fn); }

    RawDisk disk{"disk"};
    TestHost host;
};

Client::Submit read_block(void* buf) {
    return [=](bdk_bdev_desc* desc, bdk_io_channel* ch, bdk_bdev_io_completion_cb cb, void* arg) {
        return bdk_bdev_read_blocks(desc, ch, buf, 0, 1, nullptr, cb, arg);
    };
}

TEST_F(IoPath, ReadsBackWhatWasWritten) {
    Client client("disk", Access::write);
    EXPECT_TRUE(client.write(3, pattern(1024)).ok());
    EXPECT_EQ(client.read(3, 2), pattern(1024));
}

TEST_F(IoPath, CallbackRunsAfterSubmitHasReturned) {
    Client client("disk", Access::read);
    char buf[512];
    struct State {
        bool returned = false;
        bool ran_inside = true;
    } state;
    on_app([&] {
        auto cb = [](bdk_bdev_io* io, bool, void* arg) {
            auto* s = static_cast<State*>(arg);
            s->ran_inside = !s->returned;
            bdk_bdev_free_io(io);
        };
        ASSERT_EQ(bdk_bdev_read_blocks(client.desc(), client.channel(), buf, 0, 1, nullptr, cb, &state), 0);
        state.returned = true;
    });
    settle(bdk_thread_get_app_thread());
    EXPECT_FALSE(state.ran_inside);
}

TEST_F(IoPath, AnIoWithoutItsCallbackIsRefusedAndReported) {
    Client client("disk", Access::write);
    const uint64_t before = violation_count();
    char buf[512];
    on_app([&] {
        bdk_bdev_desc* desc = client.desc();
        bdk_io_channel* ch = client.channel();
        EXPECT_EQ(bdk_bdev_read_blocks(desc, ch, buf, 0, 1, nullptr, nullptr, nullptr), -EINVAL);
        EXPECT_EQ(bdk_bdev_flush_blocks(desc, ch, 0, 1, nullptr, nullptr, nullptr), -EINVAL);
        EXPECT_EQ(bdk_bdev_reset(desc, ch, nullptr, nullptr, nullptr), -EINVAL);
        EXPECT_EQ(bdk_bdev_abort(desc, ch, nullptr, nullptr, nullptr, nullptr), -EINVAL);
        EXPECT_EQ(bdk_thread_exec_msg(bdk_get_thread(), nullptr, nullptr), -EINVAL);
        bdk_for_each_thread(nullptr, nullptr, nullptr);
    });
    EXPECT_EQ(violation_count(), before + 5);
    EXPECT_TRUE(client.write(0, pattern(512)).ok());
}

TEST_F(IoPath, RefusesBeforeTheModuleSeesIt) {
    Client reader("disk", Access::read);
    Client writer("disk", Access::write);
    EXPECT_EQ(reader.write(0, pattern(512)).rc, -EBADF);
    EXPECT_EQ(writer.write(64, pattern(512)).rc, -EINVAL) << "past the end";
    EXPECT_EQ(writer.try_read(UINT64_MAX, 2).rc, -EINVAL) << "the sum of offset and length wraps";
    EXPECT_EQ(writer.try_read(0, 0).rc, -EINVAL) << "an empty range";
    char buf[512];
    EXPECT_EQ(writer
                  .run([&](bdk_bdev_desc* desc, bdk_io_channel* ch, bdk_bdev_io_completion_cb cb, void* arg) {
                      return bdk_bdev_read(desc, ch, buf, 100, 512, nullptr, cb, arg);
                  })
                  .rc,
              -EINVAL)
        << "an offset that is no multiple of the block size";
    iovec short_iov{buf, 256};
    EXPECT_EQ(writer
                  .run([&](bdk_bdev_desc* desc, bdk_io_channel* ch, bdk_bdev_io_completion_cb cb, void* arg) {
                      return bdk_bdev_readv_blocks(desc, ch, &short_iov, 1, 0, 1, nullptr, cb, arg);
                  })
                  .rc,
              -EINVAL)
        << "iovecs shorter than the range";
    EXPECT_TRUE(disk.seen.empty());
}

TEST_F(IoPath, RefusesTypesTheModuleLacks) {
    RawDisk plain("plain");
    plain.io_types = BDK_BDEV_IO_TYPE_BIT(BDK_BDEV_IO_TYPE_READ);
    on_app([&] { ASSERT_EQ(plain.add(), 0); });
    {
        Client client("plain", Access::write);
        EXPECT_EQ(client.write(0, pattern(512)).rc, -ENOTSUP);
        EXPECT_EQ(client.unmap(0, 1).rc, -ENOTSUP);
        EXPECT_EQ(client.reset().rc, -ENOTSUP);
        EXPECT_TRUE(client.try_read(0, 1).ok());
    }
    EXPECT_EQ(host.remove("plain"), 0);
}

TEST_F(IoPath, SecondCompletionIsReportedAndIgnored) {
    Client client("disk", Access::read);
    uint64_t before = violation_count();
    on_app([&] {
        disk.on_submit = [](bdk_bdev_io* io) {
            bdk_bdev_io_complete(io, BDK_BDEV_IO_STATUS_SUCCESS);
            bdk_bdev_io_complete(io, BDK_BDEV_IO_STATUS_FAILED);
        };
    });
    char buf[512];
    EXPECT_TRUE(client.run(read_block(buf)).ok());
    EXPECT_EQ(violation_count(), before + 1);
    on_app([&] { disk.on_submit = nullptr; });
}

TEST_F(IoPath, CompletionElsewhereIsReportedAndComesBackToTheSubmitter) {
    bdk_thread* other = host.new_thread("other");
    Client client("disk", Access::read);
    uint64_t before = violation_count();
    on_app([&] {
        disk.on_submit = [&](bdk_bdev_io* io) {
            post(other, [io] { bdk_bdev_io_complete(io, BDK_BDEV_IO_STATUS_SUCCESS); });
        };
    });
    char buf[512];
    EXPECT_TRUE(client.run(read_block(buf)).ok());
    EXPECT_EQ(violation_count(), before + 1);
    on_app([&] { disk.on_submit = nullptr; });
}

TEST_F(IoPath, CompletingAFreedIoIsReported) {
    Client client("disk", Access::read);
    bdk_bdev_io* freed = nullptr;
    on_app([&] {
        disk.on_submit = [&](bdk_bdev_io* io) {
            freed = io;
            bdk_bdev_io_complete(io, BDK_BDEV_IO_STATUS_SUCCESS);
        };
    });
    char buf[512];
    EXPECT_TRUE(client.run(read_block(buf)).ok());
    uint64_t before = violation_count();
    on_app([&] { bdk_bdev_io_complete(freed, BDK_BDEV_IO_STATUS_SUCCESS); });
    EXPECT_EQ(violation_count(), before + 1);
    on_app([&] { disk.on_submit = nullptr; });
}

TEST_F(IoPath, SubmissionOnAnotherThreadIsRefused) {
    bdk_thread* other = host.new_thread("other");
    Client client("disk", Access::read);
    uint64_t before = violation_count();
    char buf[512];
    int rc = 0;
    call_on(other, [&] {
        auto cb = [](bdk_bdev_io*, bool, void*) {};
        rc = bdk_bdev_read_blocks(client.desc(), client.channel(), buf, 0, 1, nullptr, cb, nullptr);
    });
    EXPECT_EQ(rc, -EINVAL);
    EXPECT_EQ(violation_count(), before + 1);
}

TEST_F(IoPath, ModuleFindsTheIoFromItsContext) {
    Client client("disk", Access::read);
    bdk_bdev_io* found = nullptr;
    bdk_bdev_io* given = nullptr;
    on_app([&] {
        disk.on_submit = [&](bdk_bdev_io* io) {
            given = io;
            found = bdk_bdev_io_from_ctx(io->driver_ctx);
            bdk_bdev_io_complete(io, BDK_BDEV_IO_STATUS_SUCCESS);
        };
    });
    char buf[512];
    EXPECT_TRUE(client.run(read_block(buf)).ok());
    EXPECT_EQ(found, given);
    on_app([&] { disk.on_submit = nullptr; });
}

TEST_F(IoPath, HostGivesABufferToAReadWithoutOne) {
    Client client("disk", Access::write);
    ASSERT_TRUE(client.write(0, pattern(2048)).ok());
    on_app([&] {
        disk.on_submit = [&](bdk_bdev_io* io) {
            auto got = [](bdk_io_channel*, bdk_bdev_io* read, bool success) {
                ASSERT_TRUE(success);
                auto* self = static_cast<RawDisk*>(read->bdev->ctxt);
                memcpy(read->u.bdev.iovs[0].iov_base, self->data.data(), read->u.bdev.iovs[0].iov_len);
                bdk_bdev_io_complete(read, BDK_BDEV_IO_STATUS_SUCCESS);
            };
            bdk_bdev_io_get_buf(io, got, io->u.bdev.num_blocks * 512);
        };
    });
    IoResult result = client.read_without_buffer(0, 4);
    EXPECT_TRUE(result.ok());
    EXPECT_EQ(result.data, pattern(2048));
    on_app([&] { disk.on_submit = nullptr; });
}

TEST_F(IoPath, LongChainOfSubmissionsFromCallbacksDoesNotRecurse) {
    Client client("disk", Access::read);
    struct Chain {
        Client* client;
        char buf[512];
        int left = 100'000;
        std::function<void()> done;
    } chain{&client, {}, 100'000, {}};
    Awaited<int> finished;
    chain.done = [set = finished.setter()] { set(0); };
    struct Step {
        static void submit(Chain* self) {
            int rc = bdk_bdev_read_blocks(self->client->desc(), self->client->channel(), self->buf, 0, 1,
                                          nullptr, done, self);
            ASSERT_EQ(rc, 0);
        }
        static void done(bdk_bdev_io* io, bool success, void* arg) {
            auto* self = static_cast<Chain*>(arg);
            ASSERT_TRUE(success);
            bdk_bdev_free_io(io);
            if (--self->left == 0) return self->done();
            submit(self);
        }
    };
    on_app([&] { Step::submit(&chain); });
    finished.get();
    EXPECT_EQ(chain.left, 0);
}

}  // namespace
}  // namespace bdk::test
