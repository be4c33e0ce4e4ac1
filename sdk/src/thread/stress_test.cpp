// SPDX-License-Identifier: BSD-3-Clause
// Eight threads on two reactors do everything at random, for as many seconds as BDEVKIT_STRESS_SECONDS says
// (2).
#include <bdevkit/io_channel.h>
#include <bdevkit/poller.h>

#include <array>
#include <atomic>
#include <cstdlib>
#include <random>
#include <thread>

#include "log/log.hpp"
#include "log/violation.hpp"
#include "support/host_test.hpp"
#include "thread/thread.hpp"

namespace bdk::test {
namespace {

constexpr size_t worker_count = 8;

/// An io_device that comes and goes.
struct Device {
    std::atomic<int64_t> registered{0};
    std::atomic<int64_t> unregistered{0};
    std::atomic<int64_t> created{0};
    std::atomic<int64_t> destroyed{0};

    struct Context {
        bdk_thread* thread;
        Device* device;
    };
    static int create(void* io_device, void* ctx) {
        auto* device = static_cast<Device*>(io_device);
        *static_cast<Context*>(ctx) = {bdk_get_thread(), device};
        ++device->created;
        return 0;
    }
    static void destroy(void* io_device, void* ctx) {
        const auto* context = static_cast<Context*>(ctx);
        EXPECT_EQ(context->thread, bdk_get_thread());
        EXPECT_EQ(context->device, io_device);
        ++context->device->destroyed;
    }
    static void gone(void* io_device) { ++static_cast<Device*>(io_device)->unregistered; }
};

struct World {
    std::array<Device, 4> devices;
    std::vector<uint32_t> cores;
    std::atomic<bool> stopping{false};
    std::atomic<uint64_t> spawned{0};
    std::atomic<uint64_t> last_id{0};  ///< of the newest worker
    std::atomic<int64_t> sent{0};
    std::atomic<int64_t> received{0};
    std::atomic<int64_t> walks_begun{0};
    std::atomic<int64_t> walks_ended{0};
    std::atomic<int64_t> visits{0};
};

World* g_world = nullptr;

/// The work of one thread: its poller chooses one action per call.
class Worker {
public:
    static void spawn() {
        bdk_thread* thread = bdk_thread_create(nullptr, nullptr, 0);
        const uint64_t number = ++g_world->spawned;
        g_world->last_id = bdk_thread_get_id(thread);
        bdk_thread_send_msg(
            thread, [](void* seed) { (new Worker(reinterpret_cast<uintptr_t>(seed)))->start(); },
            reinterpret_cast<void*>(number));
    }

private:
    explicit Worker(uint64_t seed) : random_(seed) {}

    void start() {
        poller_ = bdk_poller_register(
            [](void* ctx) {
                static_cast<Worker*>(ctx)->act();
                return BDK_POLLER_BUSY;
            },
            this, 0, "worker");
    }

    uint64_t below(uint64_t bound) { return random_() % bound; }
    Device& any_device() { return g_world->devices[below(g_world->devices.size())]; }

    void act() {
        if (g_world->stopping) return leave();
        switch (below(100)) {
            case 0:
                return leave();
            case 1:
            case 2:
                return void(bdk_thread_set_core(g_world->cores[below(g_world->cores.size())]));
            case 3:
            case 4:
                return register_device();
            case 5:
            case 6:
                return unregister_device();
            case 7:
            case 8:
                return walk_threads();
            default:
                break;
        }
        switch (below(4)) {
            case 0:
                return get();
            case 1:
                return put();
            case 2:
                return send();
            default:
                return below(4) == 0 ? walk_channels() : send();
        }
    }

    void get() {
        if (channels_.size() > 20) return put();
        if (bdk_io_channel* ch = bdk_get_io_channel(&any_device())) {
            EXPECT_EQ(static_cast<Device::Context*>(bdk_io_channel_get_ctx(ch))->thread, bdk_get_thread());
            channels_.push_back(ch);
        }
    }

    void put() {
        if (channels_.empty()) return;
        std::swap(channels_[below(channels_.size())], channels_.back());
        bdk_put_io_channel(channels_.back());
        channels_.pop_back();
    }

    void send() {
        bdk_thread* target = bdk_thread_get_by_id(g_world->last_id - below(2 * worker_count));
        if (target == nullptr) return;
        if (bdk_thread_send_msg(
                target, [](void*) { ++g_world->received; }, nullptr) == 0)
            ++g_world->sent;
    }

    static void register_device_as(Device& device) {
        if (bdk_io_device_register(&device, Device::create, Device::destroy, sizeof(Device::Context),
                                   "device") == 0) {
            ++device.registered;
        }
    }
    void register_device() { register_device_as(any_device()); }

    void unregister_device() { bdk_io_device_unregister(&any_device(), Device::gone); }

    void walk_channels() {
        ++g_world->walks_begun;
        bdk_for_each_channel(
            &any_device(),
            [](bdk_io_channel_iter* iter) {
                ++g_world->visits;
                EXPECT_EQ(bdk_io_channel_get_thread(bdk_io_channel_iter_get_channel(iter)), bdk_get_thread());
                if (g_world->visits % 2 == 0) return bdk_for_each_channel_continue(iter, 0);
                bdk_thread_send_msg(
                    bdk_get_thread(),
                    [](void* arg) {
                        bdk_for_each_channel_continue(static_cast<bdk_io_channel_iter*>(arg), 0);
                    },
                    iter);
            },
            nullptr, [](bdk_io_channel_iter*, int) { ++g_world->walks_ended; });
    }

    static void walk_threads() {
        ++g_world->walks_begun;
        bdk_for_each_thread([](void*) { ++g_world->visits; }, nullptr, [](void*) { ++g_world->walks_ended; });
    }

    void leave() {
        while (!channels_.empty())
            put();
        bdk_poller_unregister(&poller_);
        EXPECT_EQ(0, bdk_thread_exit());
        if (!g_world->stopping) spawn();
        const std::unique_ptr<Worker> mine(this);
    }

    std::mt19937_64 random_;
    bdk_poller* poller_ = nullptr;
    std::vector<bdk_io_channel*> channels_;
};

std::chrono::seconds stress_time() {
    const char* wanted = std::getenv("BDEVKIT_STRESS_SECONDS");
    return std::chrono::seconds(wanted == nullptr ? 2 : std::atoi(wanted));
}

class StressTest : public HostTest {
protected:
    StressTest() : HostTest(test_runtime_options_with_reactors(2)) {}
};

TEST_F(StressTest, EverythingAtOnceKeepsTheInvariants) {
    World world;
    g_world = &world;
    world.cores = options_.reactors.cores;
    // Refusals are part of the game, and logged.
    set_log_sink([](std::string_view) {});
    // A thread that exits under a sanitizer on a busy machine may wait long for the end of its walks.
    set_exit_timeout(600'000'000'000);
    const uint64_t violations = violation_count();
    for (size_t i = 0; i < worker_count; ++i)
        Worker::spawn();

    std::this_thread::sleep_for(stress_time());
    world.stopping = true;
    while (bdk_thread_get_count() != 1)
        std::this_thread::yield();

    on_app([&] {
        for (Device& device : world.devices)
            bdk_io_device_unregister(&device, Device::gone);
    });
    for (Device& device : world.devices) {
        while (device.registered != device.unregistered)
            std::this_thread::yield();
        EXPECT_EQ(device.created, device.destroyed);
    }
    EXPECT_EQ(world.sent, world.received) << "a message that was taken has run";
    EXPECT_EQ(world.walks_begun, world.walks_ended);
    EXPECT_EQ(violation_count(), violations);
    EXPECT_GT(world.visits, 0);
    EXPECT_GT(world.spawned, worker_count) << "threads have come and gone";
    set_log_sink(nullptr);
    set_exit_timeout(5'000'000'000);
    RecordProperty("threads", static_cast<int>(world.spawned));
    std::printf("%lu threads, %ld messages, %ld walks, %ld visits\n", world.spawned.load(), world.sent.load(),
                world.walks_begun.load(), world.visits.load());
}

}  // namespace
}  // namespace bdk::test
