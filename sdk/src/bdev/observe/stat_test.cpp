// SPDX-License-Identifier: BSD-3-Clause
// Counters, latency histograms and queue depths of a bdev.
#include <bdevkit/device_stat.h>
#include <bdevkit/histogram.h>
#include <bdevkit/queue_depth.h>
#include <gtest/gtest.h>

#include <atomic>
#include <cerrno>
#include <cstring>
#include <thread>

#include "json/json_writer.hpp"
#include "support/client.hpp"
#include "support/raw_disk.hpp"
#include "support/test_host.hpp"

namespace bdk::test {
namespace {

constexpr uint64_t block = 512;

class Observed : public testing::Test {
protected:
    Observed() {
        host.add(&raw_disk_module);
        call_on_app_thread([&] { EXPECT_EQ(disk.add(), 0); });
    }

    static bdk_bdev_io_stat stat_of(Client& client) {
        bdk_bdev_io_stat stat{};
        stat.size = sizeof(stat);
        Awaited<int> done;
        auto set = done.setter();
        auto cb = [](bdk_bdev*, bdk_bdev_io_stat*, int rc, void* ctx) {
            (*static_cast<std::function<void(int)>*>(ctx))(rc);
        };
        post(client.thread(), [&] { bdk_bdev_get_device_stat(client.bdev(), &stat, cb, &set); });
        EXPECT_EQ(done.get(), 0);
        return stat;
    }

    static int reset_stat(Client& client, uint32_t mode) {
        Awaited<int> done;
        auto set = done.setter();
        auto cb = [](bdk_bdev*, int rc, void* ctx) { (*static_cast<std::function<void(int)>*>(ctx))(rc); };
        post(client.thread(), [&] { bdk_bdev_reset_device_stat(client.bdev(), mode, cb, &set); });
        return done.get();
    }

    /// Reads and sets back in one.
    static bdk_bdev_io_stat take_stat(Client& client, uint32_t mode) {
        bdk_bdev_io_stat stat{};
        stat.size = sizeof(stat);
        Awaited<int> done;
        auto set = done.setter();
        auto cb = [](bdk_bdev*, bdk_bdev_io_stat*, int rc, void* ctx) {
            (*static_cast<std::function<void(int)>*>(ctx))(rc);
        };
        post(client.thread(), [&] { bdk_bdev_take_device_stat(client.bdev(), &stat, mode, cb, &set); });
        EXPECT_EQ(done.get(), mode > BDK_BDEV_RESET_STAT_MAXMIN ? -EINVAL : 0);
        return stat;
    }

    static void measure(Client& client, bool enable, uint64_t io_types = 0) {
        Awaited<int> done;
        auto set = done.setter();
        auto cb = [](int rc, void* ctx) { (*static_cast<std::function<void(int)>*>(ctx))(rc); };
        post(client.thread(), [&] { bdk_bdev_histogram_enable(client.bdev(), enable, io_types, cb, &set); });
        EXPECT_EQ(done.get(), 0);
    }

    /// The content of a histogram, while there was one.
    struct Measured {
        int rc;
        uint64_t count, min, median, max, in_buckets;
        nlohmann::ordered_json json;
    };
    static Measured measured(Client& client) {
        Awaited<Measured> done;
        auto set = done.setter();
        auto cb = [](const bdk_histogram* histogram, int rc, void* ctx) {
            auto& give = *static_cast<std::function<void(Measured)>*>(ctx);
            if (rc != 0) return give({rc, 0, 0, 0, 0, 0, {}});
            uint64_t in_buckets = 0;
            auto add = [](uint64_t, uint64_t, uint64_t count, void* sum) {
                *static_cast<uint64_t*>(sum) += count;
            };
            bdk_histogram_for_each_bucket(histogram, add, &in_buckets);
            bdk_json_writer w;
            bdk_histogram_dump_json(histogram, &w);
            give({rc, bdk_histogram_count(histogram), bdk_histogram_min_ns(histogram),
                  bdk_histogram_percentile_ns(histogram, 50), bdk_histogram_max_ns(histogram), in_buckets,
                  w.root()});
        };
        post(client.thread(), [&] { bdk_bdev_histogram_get(client.bdev(), cb, &set); });
        return done.get();
    }

    static bdk_bdev_qd_stat queue_depth(Client& client) {
        bdk_bdev_qd_stat stat{};
        stat.size = sizeof(stat);
        EXPECT_EQ(bdk_bdev_get_qd_stat(client.bdev(), &stat), 0);
        return stat;
    }

    static Awaited<IoResult> start_read(Client& client, char* buf) {
        return client.start(
            [=](bdk_bdev_desc* desc, bdk_io_channel* ch, bdk_bdev_io_completion_cb cb, void* arg) {
                return bdk_bdev_read_blocks(desc, ch, buf, 0, 1, nullptr, cb, arg);
            });
    }

    RawDisk disk{"disk"};
    TestHost host;
};

using Stat = Observed;

TEST_F(Stat, WhatIsTakenIsInOneAnswerOrInALaterOne) {
    // The other thread submits one I/O after the other, and its channel comes and goes, while this thread
    // takes the counters.
    constexpr uint64_t reads = 20'000;
    std::atomic<bool> ended{false};
    std::thread load([&] {
        bdk_thread* thread = host.new_thread("load");
        for (uint64_t done = 0; done < reads; done += 1000) {
            Client client("disk", Access::read, thread);
            for (int i = 0; i < 1000; i++)
                client.read(0, 1);
        }
        ended = true;
    });
    Client client("disk", Access::read);
    uint64_t taken = 0;
    while (!ended)
        taken += take_stat(client, BDK_BDEV_RESET_STAT_ALL).num_read_ops;
    load.join();
    taken += take_stat(client, BDK_BDEV_RESET_STAT_ALL).num_read_ops;
    EXPECT_EQ(taken, reads);
    EXPECT_EQ(stat_of(client).num_read_ops, 0u);
}

TEST_F(Stat, OnlyExtremesAreTakenWhereThatIsAskedFor) {
    Client client("disk", Access::read);
    client.read(0, 1);
    const bdk_bdev_io_stat taken = take_stat(client, BDK_BDEV_RESET_STAT_MAXMIN);
    EXPECT_EQ(taken.num_read_ops, 1u);
    const bdk_bdev_io_stat left = stat_of(client);
    EXPECT_EQ(left.num_read_ops, 1u);
    EXPECT_EQ(left.max_read_latency_ticks, 0u);
    take_stat(client, 2);
}

TEST_F(Stat, EachTypeIsCountedForItself) {
    Client client("disk", Access::write);
    client.write(0, pattern(3 * block));
    client.read(0, 2);
    client.unmap(4, 4);
    client.write_zeroes(8, 5);
    client.flush(0, 1);
    client.copy(0, 8, 6);
    const bdk_bdev_io_stat stat = stat_of(client);
    EXPECT_EQ(stat.num_write_ops, 1u);
    EXPECT_EQ(stat.bytes_written, 3 * block);
    EXPECT_EQ(stat.num_read_ops, 1u);
    EXPECT_EQ(stat.bytes_read, 2 * block);
    EXPECT_EQ(stat.num_unmap_ops, 1u);
    EXPECT_EQ(stat.bytes_unmapped, 4 * block);
    EXPECT_EQ(stat.num_write_zeroes_ops, 1u);
    EXPECT_EQ(stat.bytes_zeroed, 5 * block);
    EXPECT_EQ(stat.num_copy_ops, 1u);
    EXPECT_EQ(stat.bytes_copied, 6 * block);
    EXPECT_EQ(stat.num_flush_ops, 1u);
    EXPECT_EQ(stat.num_other_ops, 0u);
    EXPECT_EQ(stat.num_errors, 0u);
}

TEST_F(Stat, TellsWhatTheModuleHasPolledOncePerThread) {
    Client first("disk", Access::read), second("disk", Access::read);
    call_on_app_thread([&] { disk.spin_ns = 4000; });
    EXPECT_EQ(stat_of(first).spin_ns, 4000u) << "they share the module's channel";
    EXPECT_EQ(take_stat(second, BDK_BDEV_RESET_STAT_ALL).spin_ns, 4000u);
    Client elsewhere("disk", Access::read, host.new_thread("elsewhere"));
    EXPECT_EQ(stat_of(first).spin_ns, 8000u);
}

TEST_F(Stat, InfoHasTheSettingsOfTheModule) {
    EXPECT_EQ(host.info("disk").at("module_config").at("holds_io"), true);
}

TEST_F(Stat, LatenciesHaveSumMinAndMax) {
    Client client("disk", Access::write);
    EXPECT_EQ(stat_of(client).min_read_latency_ticks, 0u);
    char buf[block];
    call_on_app_thread([&] { disk.hold = true; });
    auto slow = start_read(client, buf);
    uint64_t begin = bdk_get_ticks();
    settle(client.thread());
    auto fast = start_read(client, buf);
    call_on_app_thread([&] {
        disk.hold = false;
        disk.release();
    });
    EXPECT_TRUE(slow.get().ok());
    EXPECT_TRUE(fast.get().ok());
    const bdk_bdev_io_stat stat = stat_of(client);
    EXPECT_LE(stat.min_read_latency_ticks, stat.max_read_latency_ticks);
    EXPECT_EQ(stat.min_read_latency_ticks + stat.max_read_latency_ticks, stat.read_latency_ticks)
        << "there were two";
    EXPECT_GT(stat.max_read_latency_ticks, 0u);
    EXPECT_LT(stat.max_read_latency_ticks, bdk_get_ticks() - begin + stat.ticks_rate);
    EXPECT_EQ(stat.max_write_latency_ticks, 0u);
}

TEST_F(Stat, ErrorsAreCountedByStatus) {
    Client client("disk", Access::write);
    call_on_app_thread([&] {
        disk.on_submit = [](bdk_bdev_io* io) {
            if (io->type == BDK_BDEV_IO_TYPE_READ)
                bdk_bdev_io_complete_nvme_status(io, 0, 2, 0x81);
            else if (io->type == BDK_BDEV_IO_TYPE_COMPARE)
                bdk_bdev_io_complete(io, BDK_BDEV_IO_STATUS_MISCOMPARE);
            else
                bdk_bdev_io_complete_aio_status(io, -EIO);
        };
    });
    for (int i = 0; i < 3; i++)
        client.try_read(0, 1);
    client.compare(0, pattern(block));
    client.compare(0, pattern(block));
    client.flush(0, 1);
    const bdk_bdev_io_stat stat = stat_of(client);
    EXPECT_EQ(stat.num_errors, 6u);
    EXPECT_EQ(stat.num_errors_by_status[-BDK_BDEV_IO_STATUS_NVME_ERROR], 3u);
    EXPECT_EQ(stat.num_errors_by_status[-BDK_BDEV_IO_STATUS_MISCOMPARE], 2u);
    EXPECT_EQ(stat.num_errors_by_status[-BDK_BDEV_IO_STATUS_AIO_ERROR], 1u);
    EXPECT_EQ(stat.num_read_ops, 0u);

    bdk_json_writer w;
    bdk_bdev_io_stat_dump_json(&stat, &w);
    EXPECT_EQ(w.root()["errors_by_status"]["NVMe error"], 3);
    EXPECT_EQ(w.root()["read"]["ops"], 0);
}

TEST_F(Stat, ResetSetsBackAllOrTheExtremes) {
    Client client("disk", Access::write);
    {
        Client gone("disk", Access::write);
        gone.write(0, pattern(block));
    }
    settle(client.thread());
    client.read(0, 1);
    EXPECT_EQ(reset_stat(client, BDK_BDEV_RESET_STAT_MAXMIN), 0);
    bdk_bdev_io_stat stat = stat_of(client);
    EXPECT_EQ(stat.num_read_ops, 1u);
    EXPECT_EQ(stat.num_write_ops, 1u);
    EXPECT_EQ(stat.max_read_latency_ticks, 0u);
    EXPECT_EQ(stat.min_write_latency_ticks, 0u);

    EXPECT_EQ(reset_stat(client, BDK_BDEV_RESET_STAT_ALL), 0);
    stat = stat_of(client);
    EXPECT_EQ(stat.num_read_ops, 0u);
    EXPECT_EQ(stat.num_write_ops, 0u) << "those of the channel that is gone";
    EXPECT_EQ(reset_stat(client, 2), -EINVAL);
}

TEST_F(Stat, ThreadsAreAddedUpAndChannelsTellTheirOwn) {
    Client here("disk", Access::write);
    Client there("disk", Access::write, host.new_thread("there"));
    here.read(0, 1);
    there.read(0, 1);
    there.read(0, 1);
    EXPECT_EQ(stat_of(here).num_read_ops, 3u);
    call_on(there.thread(), [&] {
        bdk_bdev_io_stat stat{};
        stat.size = sizeof(stat);
        EXPECT_EQ(bdk_bdev_get_io_stat(there.channel(), &stat), 0);
        EXPECT_EQ(stat.num_read_ops, 2u);
    });
}

TEST_F(Stat, CallerThatKnowsLessGetsLess) {
    Client client("disk", Access::write);
    client.read(0, 1);
    struct {
        bdk_bdev_io_stat stat;
    } old;
    std::memset(&old, 0xee, sizeof(old));
    old.stat.size = offsetof(bdk_bdev_io_stat, min_read_latency_ticks);
    call_on(client.thread(), [&] { EXPECT_EQ(bdk_bdev_get_io_stat(client.channel(), &old.stat), 0); });
    EXPECT_EQ(old.stat.num_read_ops, 1u);
    EXPECT_EQ(old.stat.min_read_latency_ticks, 0xeeeeeeeeeeeeeeeeu) << "beyond its size";
}

using Histogram = Observed;

TEST_F(Histogram, MeasuresWhileItIsOn) {
    Client client("disk", Access::write);
    EXPECT_EQ(measured(client).rc, -EINVAL);
    client.read(0, 1);
    measure(client, true);
    for (int i = 0; i < 10; i++)
        client.read(0, 1);
    client.write(0, pattern(block));
    const Measured all = measured(client);
    EXPECT_EQ(all.count, 11u) << "without the read from before";
    EXPECT_EQ(all.in_buckets, 11u);
    EXPECT_LE(all.min, all.median);
    EXPECT_LE(all.median, all.max);
    EXPECT_EQ(all.json["count"], 11);
    EXPECT_EQ(all.json["percentiles_ns"].size(), 8u);
    measure(client, true);
    EXPECT_EQ(measured(client).count, 0u) << "it begins again";
    measure(client, false);
    EXPECT_EQ(measured(client).rc, -EINVAL);
    EXPECT_TRUE(client.try_read(0, 1).ok());
}

TEST_F(Histogram, ACallbackMayOpenAndCloseTheBdev) {
    auto cb = [](const bdk_histogram*, int result, void* rc) {
        bdk_bdev_desc* desc = nullptr;
        ASSERT_EQ(bdk_bdev_open(
                      "disk", 0, [](uint32_t, bdk_bdev*, void*) {}, nullptr, &desc),
                  0);
        bdk_bdev_close(desc);
        *static_cast<int*>(rc) = result;
    };
    int rc = 0;
    call_on_app_thread([&] { bdk_bdev_histogram_get(&disk.bdev, cb, &rc); });
    EXPECT_EQ(rc, -EINVAL) << "no histogram is being measured";
}

TEST_F(Histogram, TakesTheTypesAskedForAndNoFailures) {
    Client client("disk", Access::write);
    measure(client, true, BDK_BDEV_IO_TYPE_BIT(BDK_BDEV_IO_TYPE_READ));
    client.write(0, pattern(block));
    client.read(0, 1);
    call_on_app_thread([&] { disk.hold = true; });
    char buf[block];
    auto failed = start_read(client, buf);
    settle(client.thread());
    call_on_app_thread([&] { disk.release(BDK_BDEV_IO_STATUS_FAILED); });
    EXPECT_FALSE(failed.get().ok());
    EXPECT_EQ(measured(client).count, 1u);
}

TEST_F(Histogram, LaterAndGoneChannelsTakePart) {
    Client client("disk", Access::write);
    measure(client, true);
    bdk_thread* other = host.new_thread("other");
    {
        Client later("disk", Access::write, other);
        later.read(0, 1);
        EXPECT_EQ(measured(client).count, 1u);
    }
    settle(other);
    settle(client.thread());
    EXPECT_EQ(measured(client).count, 1u) << "of a channel that is gone";
}

TEST_F(Histogram, LayerMeasuresItsOwn) {
    RawLayer layer("layer", "disk");
    call_on_app_thread([&] { ASSERT_EQ(layer.add(), 0); });
    {
        Client top("layer", Access::write);
        Client base("disk", Access::read);
        measure(base, true);
        top.read(0, 1);
        EXPECT_EQ(measured(base).count, 1u) << "forwarded I/O counts at the base";
        EXPECT_EQ(measured(top).rc, -EINVAL);
    }
    EXPECT_EQ(host.remove("layer"), 0);
}

using QueueDepth = Observed;

TEST_F(QueueDepth, IsSampledOverAllThreadsWhileAskedFor) {
    Client client("disk", Access::write);
    Client second("disk", Access::write, host.new_thread("second"));
    EXPECT_EQ(queue_depth(client).period_us, 0u);
    char buf[4][block];
    call_on_app_thread([&] { disk.hold = true; });
    auto a = start_read(client, buf[0]);
    auto b = start_read(client, buf[1]);
    settle(client.thread());
    call_on(client.thread(), [&] { bdk_bdev_set_qd_sampling_period(client.bdev(), 100); });
    while (queue_depth(client).num_samples < 3)
        settle(client.thread());
    const bdk_bdev_qd_stat busy = queue_depth(client);
    EXPECT_EQ(busy.period_us, 100u);
    EXPECT_EQ(busy.queue_depth, 2u);
    EXPECT_GT(busy.io_time_us, 0u);
    EXPECT_EQ(busy.weighted_io_time_us, 2 * busy.io_time_us);

    call_on_app_thread([&] {
        disk.hold = false;
        disk.release();
    });
    EXPECT_TRUE(a.get().ok());
    EXPECT_TRUE(b.get().ok());
    while (queue_depth(client).queue_depth != 0)
        settle(client.thread());
    call_on(client.thread(), [&] { bdk_bdev_set_qd_sampling_period(client.bdev(), 0); });
    settle(bdk_thread_get_app_thread());
    EXPECT_EQ(queue_depth(client).period_us, 0u);
}

TEST_F(QueueDepth, BdevMayGoWhileItIsSampled) {
    {
        Client client("disk", Access::read);
        call_on(client.thread(), [&] { bdk_bdev_set_qd_sampling_period(client.bdev(), 1); });
        while (queue_depth(client).num_samples == 0)
            settle(client.thread());
    }
    EXPECT_EQ(host.remove("disk"), 0);
}

}  // namespace
}  // namespace bdk::test
