// SPDX-License-Identifier: BSD-3-Clause
// Every allocation and every submission that may fail is made to fail, one after the other, in scenarios that
// use the whole bdev layer: nothing hangs, no I/O is lost, and nothing leaks.
#include <bdevkit/bdev.h>
#include <bdevkit/bdev_module.h>
#include <bdevkit/claim.h>
#include <bdevkit/histogram.h>
#include <bdevkit/notify.h>
#include <bdevkit/qos.h>
#include <bdevkit/quiesce.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <memory>
#include <new>
#include <string>
#include <vector>

#include "log/violation.hpp"
#include "module/module_registry.hpp"
#include "soak/allocations.hpp"
#include "soak/fault_client.hpp"
#include "soak/fault_disk.hpp"
#include "soak/live_objects.hpp"
#include "support/test_host.hpp"

namespace bdk::test {
namespace {

constexpr uint64_t block = 512;

/// Each allocation fails once; under AddressSanitizer, which makes that slow, every third one.
#ifdef __SANITIZE_ADDRESS__
constexpr uint64_t allocations_apart = 3;
#else
constexpr uint64_t allocations_apart = 1;
#endif

class Faults : public testing::Test {
protected:
    /* ---- the parts of scenarios; each may fail ---- */

    bool create(const std::string& module, const std::string& bdev, const GivenOptions& options = {}) {
        try {
            return host->create(module, bdev, options) == 0;
        } catch (const std::bad_alloc&) {  // the test's own way to the app thread
            return false;
        }
    }

    /// A fault disk that looks like that.
    bool create_disk(std::function<void(bdk_bdev&)> shape = nullptr) {
        call_on(app, [&] {
            const TestsOwn mine;
            FaultDisk::shape = std::move(shape);
        });
        return create("fault_disk", "disk");
    }

    static FaultClient::Submit read(std::vector<iovec>& iovs, uint64_t offset) {
        return [&iovs, offset](auto* desc, auto* ch, auto cb, void* arg) {
            return bdk_bdev_readv_blocks(desc, ch, iovs.data(), int32_t(iovs.size()), offset,
                                         bytes(iovs) / block, nullptr, cb, arg);
        };
    }
    static FaultClient::Submit write(std::vector<iovec>& iovs, uint64_t offset) {
        return [&iovs, offset](auto* desc, auto* ch, auto cb, void* arg) {
            return bdk_bdev_writev_blocks(desc, ch, iovs.data(), int32_t(iovs.size()), offset,
                                          bytes(iovs) / block, nullptr, cb, arg);
        };
    }
    static int reset(bdk_bdev_desc* desc, bdk_io_channel* ch, bdk_bdev_io_completion_cb cb, void* arg) {
        return bdk_bdev_reset(desc, ch, nullptr, cb, arg);
    }
    static int read_one(bdk_bdev_desc* desc, bdk_io_channel* ch, bdk_bdev_io_completion_cb cb, void* arg) {
        return bdk_bdev_read_blocks(desc, ch, nullptr, 0, 1, nullptr, cb, arg);
    }
    static uint64_t bytes(const std::vector<iovec>& iovs) {
        uint64_t sum = 0;
        for (const iovec& iov : iovs)
            sum += iov.iov_len;
        return sum;
    }

    /// `blocks` blocks of memory in three pieces, `shift` bytes from where they would be aligned.
    std::vector<iovec> pieces(uint64_t blocks, size_t shift = 0) {
        auto at = [&](size_t offset) { return memory.data() + shift + offset; };
        const size_t total = blocks * block, third = total / 3 / 4 * 4;
        return {{at(0), third}, {at(third), 4}, {at(third + 4), total - third - 4}};
    }

    /* ---- running a scenario ---- */

    using Scenario = std::function<void()>;

    /// Each run has its own host, so that no cache is filled yet.
    void start() {
        host = std::make_unique<TestHost>();
        for (const char* module : {"malloc", "passthru", "readonly", XOR_PLUGIN})
            host->load(module);
        EXPECT_EQ(host->add(&fault_disk_module), 0);
        app = bdk_thread_get_app_thread();
        other = host->new_thread("other");
    }

    /// Removes the remaining bdevs, and waits until nothing of them is left.
    void stop() {
        EXPECT_EQ(await_on_app_thread([](Done done) { module_remove_all_bdevs(std::move(done)); }), 0);
        for (bdk_thread* thread : {app, other})
            wait_until(thread, "a channel", [] {
                const ThreadObjects objects = objects_here();
                return objects.channels == 0 && objects.ios == 0 && objects.waiting == 0;
            });
        host.reset();
        FaultDisk::shape = nullptr;
        FaultDisk::fail_submission(SubmitFault::none, 0);
    }

    /// One run. @return whether the fault has struck
    bool run_with_allocation_fault(const Scenario& scenario, uint64_t number) {
        start();
        bool struck = false;
        {
            const AllocationFault fault(number);
            scenario();
            struck = AllocationFault::has_struck();
        }
        stop();
        return struck;
    }
    bool run_with_submit_fault(const Scenario& scenario, SubmitFault how, uint64_t number) {
        start();
        FaultDisk::fail_submission(how, number);
        scenario();
        bool struck = false;
        call_on(app, [&] { struck = FaultDisk::has_struck(); });
        stop();
        return struck;
    }

    /// The first runs also allocate what the library keeps beyond the life of a host. So a run that leaves
    /// something behind is repeated; a leak leaves it behind again.
    template <typename Run>
    bool run_without_leak(Run run) {
        int64_t left = 0;
        bool struck = false;
        for (int attempt = 0; attempt < 3; attempt++) {
            const int64_t before = live_allocations();
            struck = run();
            left = live_allocations() - before;
            if (left <= 0) return struck;
        }
        ADD_FAILURE() << left << " allocations are left behind";
        return struck;
    }

    void make_everything_fail(const Scenario& scenario) {
        const uint64_t violations = violation_count(), left_behind = LeftBehind::count();
        // Runs without a fault first, to see that the scenario does something that can fail.
        const uint64_t successes = FaultClient::successes();
        run_with_allocation_fault(scenario, UINT64_MAX);
        EXPECT_GT(FaultClient::successes(), successes);
        uint64_t number = 0;
        bool struck = true;
        while (struck && !HasFailure() && LeftBehind::count() == left_behind) {
            number += allocations_apart;
            SCOPED_TRACE("allocation " + std::to_string(number));
            struck = run_without_leak([&] { return run_with_allocation_fault(scenario, number); });
        }
        std::printf("%lu allocations", static_cast<unsigned long>(number / allocations_apart - 1));
        for (SubmitFault how : {SubmitFault::nomem, SubmitFault::failed, SubmitFault::throws}) {
            number = 0;
            struck = true;
            while (struck && !HasFailure() && LeftBehind::count() == left_behind) {
                number++;
                SCOPED_TRACE("submission " + std::to_string(number));
                struck = run_without_leak([&] { return run_with_submit_fault(scenario, how, number); });
            }
        }
        std::printf(", %lu submissions failed in turn\n", static_cast<unsigned long>(number - 1));
        EXPECT_EQ(violation_count(), violations);
        EXPECT_EQ(LeftBehind::count(), left_behind);
    }

    LeftBehind log;  // refusals are logged as well, and do not matter here
    std::unique_ptr<TestHost> host;
    bdk_thread* app = nullptr;
    bdk_thread* other = nullptr;
    std::vector<std::byte> memory = std::vector<std::byte>(64 * 1024);
};

TEST_F(Faults, OpenAndClose) {
    make_everything_fail([&] {
        if (!create_disk()) return;
        FaultClient first("disk", app, false), second("disk", other), third("disk", app, false);
        first.run(read_one);
        second.run(read_one);
    });
}

TEST_F(Faults, MisalignedData) {
    auto odd = pieces(4, 1);
    make_everything_fail([&] {
        if (!create_disk([](bdk_bdev& bdev) { bdev.required_alignment = 12; })) return;
        FaultClient client("disk", other);
        client.run(write(odd, 1));
        client.run(read(odd, 1));
        client.run(read_one);
    });
}

TEST_F(Faults, Splitting) {
    auto data = pieces(9);
    auto limits = [](bdk_bdev& bdev) {
        bdev.max_rw_size = 2;
        bdev.max_num_segments = 2;
        bdev.max_segment_size = 512;
    };
    make_everything_fail([&] {
        if (!create_disk(limits)) return;
        FaultClient client("disk", other);
        client.start(write(data, 3));
        client.start(read(data, 3));
        client.start(read_one);
        client.wait();
    });
}

TEST_F(Faults, Emulation) {
    auto data = pieces(1);
    make_everything_fail([&] {
        if (!create_disk([](bdk_bdev& bdev) { bdev.flags |= BDK_BDEV_WRITE_CACHE; })) return;
        FaultClient client("disk", other);
        client.start([](auto* desc, auto* ch, auto cb, void* arg) {
            return bdk_bdev_write_zeroes_blocks(desc, ch, 0, 100, nullptr, cb, arg);
        });
        client.start([&](auto* desc, auto* ch, auto cb, void* arg) {
            return bdk_bdev_comparev_blocks(desc, ch, data.data(), 3, 0, 1, nullptr, cb, arg);
        });
        client.start([&](auto* desc, auto* ch, auto cb, void* arg) {
            return bdk_bdev_comparev_and_writev_blocks(desc, ch, data.data(), 3, data.data(), 3, 0, 1,
                                                       nullptr, cb, arg);
        });
        client.start([](auto* desc, auto* ch, auto cb, void* arg) {
            return bdk_bdev_copy_blocks(desc, ch, 10, 1, 20, nullptr, cb, arg);
        });
        client.start([&](auto* desc, auto* ch, auto cb, void* arg) {
            bdk_bdev_io_opts opts{};
            opts.size = sizeof(opts);
            opts.flags = BDK_BDEV_IO_FUA;
            return bdk_bdev_writev_blocks(desc, ch, data.data(), 3, 5, 1, &opts, cb, arg);
        });
        client.wait();
    });
}

TEST_F(Faults, ResetsAndAborts) {
    auto data = pieces(9);
    make_everything_fail([&] {
        if (!create_disk([](bdk_bdev& bdev) { bdev.max_rw_size = 4; })) return;
        FaultClient here("disk", app), there("disk", other, false);
        void* token = nullptr;
        const FaultClient::Submit abort_first = [&token](auto* desc, auto* ch, auto cb, void* arg) {
            return bdk_bdev_abort(desc, ch, token, nullptr, cb, arg);
        };
        const FaultClient::Submit abort_all = [](auto* desc, auto* ch, auto cb, void* arg) {
            return bdk_bdev_abort(desc, ch, nullptr, nullptr, cb, arg);
        };
        there.start(read_one);
        here.call([&] {  // in one turn, so that all are in flight at once
            here.start_here(write(data, 0), &token);
            here.start_here(abort_first);
            here.start_here(read(data, 0));
            here.start_here(abort_all);
        });
        here.start(reset);
        there.start(reset);
        here.start(reset);
        here.start(write(data, 0));
        here.wait();
        there.wait();
    });
}

TEST_F(Faults, VirtualBdevs) {
    auto data = pieces(4);
    make_everything_fail([&] {
        if (!create_disk() || !create("passthru", "pass", {{"base", "disk"}}) ||
            !create("xor", "xor", {{"base", "pass"}}) || !create("readonly", "top", {{"base", "xor"}}))
            return;
        FaultClient reader("top", other, false), writer("xor", app);
        writer.run(write(data, 0));
        reader.run(read(data, 0));
        reader.run(read_one);
        try {
            host->remove("pass");
        } catch (const std::bad_alloc&) {
        }
    });
}

TEST_F(Faults, MoreLayersThanFrames) {
    auto data = pieces(4);
    make_everything_fail([&] {
        if (!create_disk()) return;
        std::string below = "disk";
        for (int layer = 0; layer < 10; layer++) {
            const std::string name = "layer" + std::to_string(layer);
            if (!create("passthru", name, {{"base", below}})) return;
            below = name;
        }
        FaultClient client(below, other);
        client.start(write(data, 0));
        client.start(read_one);
        client.wait();
    });
}

TEST_F(Faults, Quiesce) {
    make_everything_fail([&] {
        if (!create_disk()) return;
        FaultClient client("disk", other);
        int quiesced = 1, released = 1;
        auto note = [](int result, void* rc) { *static_cast<int*>(rc) = result; };
        client.start(read_one);
        client.call([&] {
            const int rc = bdk_bdev_quiesce_range(client.bdev(), FaultDisk::module(), 0, 8, note, &quiesced);
            if (rc != 0) quiesced = rc;
        });
        if (!client.is_open()) return;
        wait_until(other, "a quiesce", [&] { return quiesced <= 0; });
        client.start(read_one);
        if (quiesced == 0) {
            client.call([&] {
                const int rc =
                    bdk_bdev_unquiesce_range(client.bdev(), FaultDisk::module(), 0, 8, note, &released);
                EXPECT_EQ(rc, 0);
            });
            wait_until(other, "the end of a quiesce", [&] { return released <= 0; });
        }
        client.wait();
    });
}

TEST_F(Faults, Claims) {
    make_everything_fail([&] {
        if (!create_disk()) return;
        FaultClient first("disk", app, false), second("disk", app, false);
        bdk_bdev_claim_opts opts{};
        opts.size = sizeof(opts);
        opts.shared_claim_key = 7;
        std::snprintf(opts.name, sizeof(opts.name), "a name that is long enough");
        auto claim = [&](FaultClient& client) {
            client.call([&] {
                bdk_bdev_module_claim_bdev_desc(client.desc(), BDK_BDEV_CLAIM_READ_MANY_WRITE_SHARED, &opts,
                                                FaultDisk::module());
            });
        };
        claim(first);
        claim(second);
        first.run(read_one);
        FaultClient refused("disk", app);
        EXPECT_FALSE(refused.is_open() && first.is_open() && second.is_open() &&
                     bdk_bdev_desc_is_writable(first.desc()));
    });
}

TEST_F(Faults, MetadataAndProtection) {
    auto data = pieces(5);
    make_everything_fail([&] {
        if (!create("malloc", "disk",
                    {{"size", 64 * 1024}, {"md_size", 8}, {"md_interleave", true}, {"dif_type", 1}}))
            return;
        FaultClient client("disk", other, true, true);
        client.run(write(data, 2));
        client.run(read(data, 2));
        client.run(read_one);
        client.run([&](auto* desc, auto* ch, auto cb, void* arg) {
            return bdk_bdev_comparev_blocks(desc, ch, data.data(), 3, 2, 5, nullptr, cb, arg);
        });
        client.run([&](auto* desc, auto* ch, auto cb, void* arg) {
            return bdk_bdev_write_zeroes_blocks(desc, ch, 0, 30, nullptr, cb, arg);
        });
    });
}

TEST_F(Faults, SeparateMetadata) {
    auto data = pieces(3, 1);
    auto shape = [](bdk_bdev& bdev) {
        bdev.md_len = 16;
        bdev.required_alignment = 9;
    };
    make_everything_fail([&] {
        if (!create_disk(shape)) return;
        FaultClient client("disk", other);
        bdk_bdev_io_opts opts{};
        opts.size = sizeof(opts);
        opts.md_buf = memory.data() + 32 * 1024 + 3;
        client.run([&](auto* desc, auto* ch, auto cb, void* arg) {
            return bdk_bdev_writev_blocks(desc, ch, data.data(), 3, 0, 3, &opts, cb, arg);
        });
        client.run([&](auto* desc, auto* ch, auto cb, void* arg) {
            return bdk_bdev_readv_blocks(desc, ch, data.data(), 3, 0, 3, &opts, cb, arg);
        });
        client.run([&](auto* desc, auto* ch, auto cb, void* arg) {
            return bdk_bdev_write_zeroes_blocks(desc, ch, 0, 30, nullptr, cb, arg);
        });
    });
}

/// Everything that can be asked of a bdev beside I/O.
class Observer {
public:
    Observer(const std::string& bdev, bdk_thread* app, bdk_thread* thread)
        : app_(app), client_(bdev, thread) {}

    void observe() {
        if (!client_.is_open()) return;
        bdk_bdev* bdev = client_.bdev();
        call_on(app_, [bdev] {
            bdk_bdev_alias_add(bdev, "an alias that is longer than a short string");
            const bdk_bdev_media_event event{0, 4};
            bdk_bdev_push_media_events(bdev, &event, 1, sizeof(event));
        });
        client_.call([&] {
            bdk_bdev_set_timeout(
                client_.desc(), 1000, [](bdk_bdev_io*, void*) {}, nullptr);
        });
        ask([&] { bdk_bdev_histogram_enable(bdev, true, 0, ended, this); });
        bdk_bdev_qos_limits limits{};
        limits.size = sizeof(limits);
        limits.rw_iops = 1000;
        ask([&] { bdk_bdev_set_qos_rate_limits(bdev, &limits, ended, this); });
        for (int i = 0; i < 30; i++)  // more than pass at once
            client_.start(read_one);
        client_.wait();
        ask([&] {
            bdk_bdev_histogram_get(
                bdev, [](const bdk_histogram*, int rc, void* self) { ended(rc, self); }, this);
        });
        ask([&] {
            stat_.size = sizeof(stat_);
            bdk_bdev_get_device_stat(
                bdev, &stat_, [](bdk_bdev*, bdk_bdev_io_stat*, int rc, void* self) { ended(rc, self); },
                this);
        });
        ask([&] {
            auto no_event = [](uint32_t, bdk_bdev*, void*) {};
            const int rc = bdk_bdev_open_async("nobody", 0, no_event, nullptr, 1, opened, this);
            if (rc != 0) ended(rc, this);
        });
    }

private:
    static int read_one(bdk_bdev_desc* desc, bdk_io_channel* ch, bdk_bdev_io_completion_cb cb, void* arg) {
        return bdk_bdev_read_blocks(desc, ch, nullptr, 0, 1, nullptr, cb, arg);
    }
    static void ended(int, void* self) { static_cast<Observer*>(self)->pending_ = false; }
    static void opened(bdk_bdev_desc*, int rc, void* self) {
        EXPECT_TRUE(rc == -ETIMEDOUT || rc == -ENOMEM);
        ended(rc, self);
    }
    void ask(const std::function<void()>& question) {
        pending_ = true;
        client_.call(question);
        wait_until(client_.thread(), "an answer", [this] { return !pending_; });
    }

    bdk_thread* app_;
    FaultClient client_;
    bdk_bdev_io_stat stat_{};
    bool pending_ = false;
};

TEST_F(Faults, Observation) {
    make_everything_fail([&] {
        bdk_notify* watch = nullptr;
        call_on(app, [&] { bdk_notify_add([](uint32_t, bdk_bdev*, void*) {}, nullptr, &watch); });
        if (create_disk()) Observer("disk", app, other).observe();
        call_on(app, [&] { bdk_notify_remove(watch); });
    });
}

}  // namespace
}  // namespace bdk::test
