// SPDX-License-Identifier: BSD-3-Clause
// The costs of the threading model: messages between two reactors, io_channels, pollers, walks.
#include <bdevkit/io_channel.h>
#include <bdevkit/poller.h>
#include <bdevkit/thread.h>

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <future>
#include <memory>
#include <string>
#include <vector>

#include "base/cpus.hpp"
#include "runtime/runtime.hpp"

namespace {

/// The measured values, in many short windows, because other programs on the machine disturb some of them.
struct Result {
    std::string name;
    double median;
    double best;
    std::string unit;
};

Result lower_is_better(std::string name, std::vector<double> windows, std::string unit) {
    std::sort(windows.begin(), windows.end());
    return {std::move(name), windows[windows.size() / 2], windows.front(), std::move(unit)};
}

Result higher_is_better(std::string name, std::vector<double> windows, std::string unit) {
    std::sort(windows.begin(), windows.end());
    return {std::move(name), windows[windows.size() / 2], windows.back(), std::move(unit)};
}

/// Divides a run into windows of `size` events each; gives the nanoseconds per event of each window.
class Windows {
public:
    explicit Windows(uint64_t size) : size_(size) {}
    void event() {
        if (count_++ % size_ != 0) return;
        const uint64_t now = bdk_get_time_ns();
        if (begin_ns_ != 0)
            per_event_ns_.push_back(static_cast<double>(now - begin_ns_) / static_cast<double>(size_));
        begin_ns_ = now;
    }
    const std::vector<double>& per_event_ns() const { return per_event_ns_; }

private:
    const uint64_t size_;
    uint64_t count_ = 0;
    uint64_t begin_ns_ = 0;
    std::vector<double> per_event_ns_;
};

/// Runs fn on `thread`; fn calls its argument when it has finished.
void await_on(bdk_thread* thread, const std::function<void(std::function<void()> done)>& fn) {
    struct Call {
        const std::function<void(std::function<void()>)>& fn;
        std::promise<void> done;
    };
    Call call{fn, {}};
    std::future<void> done = call.done.get_future();
    bdk_thread_send_msg(
        thread,
        [](void* ctx) {
            auto* c = static_cast<Call*>(ctx);
            c->fn([c] { c->done.set_value(); });
        },
        &call);
    done.get();
}

bdk_thread* thread_on_core(const char* name, uint32_t core) {
    std::vector<uint64_t> mask(core / 64 + 1);
    mask.back() = 1ull << (core % 64);
    return bdk_thread_create(name, mask.data(), static_cast<uint32_t>(mask.size()));
}

std::unique_ptr<bdk::Runtime> start(const std::vector<uint32_t>& cores, bdk::ReactorMode mode) {
    bdk::RuntimeOptions options;
    options.reactors.cores = cores;
    options.reactors.mode = mode;
    auto started = bdk::Runtime::start(options);
    if (!started) {
        std::fprintf(stderr, "%s\n", started.error().c_str());
        std::exit(1);
    }
    return std::move(*started);
}

/// A poller that sends batches of messages, with a bound on how many are under way.
struct Flood {
    static constexpr uint64_t total = 20'000'000;
    static constexpr uint64_t batch = 64;
    static constexpr uint64_t under_way = 16'384;
    bdk_thread* target = nullptr;
    bdk_poller* poller = nullptr;
    uint64_t sent = 0;
    std::function<void()> done;
    alignas(64) uint64_t received = 0;
    Windows windows{100'000};
    alignas(64) std::atomic<uint64_t> acknowledged{0};

    static int send(void* ctx) {
        auto* flood = static_cast<Flood*>(ctx);
        if (flood->sent - flood->acknowledged.load(std::memory_order_relaxed) > under_way)
            return BDK_POLLER_IDLE;
        for (uint64_t i = 0; i < batch; ++i)
            bdk_thread_send_msg(flood->target, receive, flood);
        flood->sent += batch;
        if (flood->sent >= total) bdk_poller_unregister(&flood->poller);
        return BDK_POLLER_BUSY;
    }
    static void receive(void* ctx) {
        auto* flood = static_cast<Flood*>(ctx);
        flood->windows.event();
        if (++flood->received % 4096 == 0)
            flood->acknowledged.store(flood->received, std::memory_order_relaxed);
        if (flood->received == total) flood->done();
    }
};

std::vector<double> million_messages_per_second(bdk_thread* from, bdk_thread* to) {
    Flood flood;
    flood.target = to;
    await_on(from, [&](auto done) {
        flood.done = std::move(done);
        flood.poller = bdk_poller_register(Flood::send, &flood, 0, "flood");
    });
    await_on(from, [](auto done) { done(); });
    std::vector<double> rates;
    for (const double ns : flood.windows.per_event_ns())
        rates.push_back(1e3 / ns);
    return rates;
}

struct PingPong {
    bdk_thread* sides[2];
    int left = 500'000;
    Windows windows{1000};
    std::function<void()> done;

    static void hit(void* ctx) {
        auto* game = static_cast<PingPong*>(ctx);
        if (game->left-- == 0) return game->done();
        game->windows.event();
        bdk_thread_send_msg(game->sides[game->left % 2], hit, game);
    }
};

std::vector<double> one_way_ns(bdk_thread* a, bdk_thread* b) {
    PingPong game{{a, b}};
    await_on(a, [&](auto done) {
        game.done = std::move(done);
        PingPong::hit(&game);
    });
    return game.windows.per_event_ns();
}

std::vector<double> get_put_ns(bdk_thread* thread) {
    constexpr int rounds = 10'000'000;
    int device = 0;
    Windows windows(1);
    await_on(thread, [&](auto done) {
        bdk_io_device_register(&device, nullptr, nullptr, 0, "bench");
        bdk_io_channel* held = bdk_get_io_channel(&device);
        for (int i = 0; i < rounds; ++i) {
            bdk_put_io_channel(bdk_get_io_channel(&device));
            if (i % 1000 == 0) windows.event();
        }
        bdk_put_io_channel(held);
        bdk_io_device_unregister(&device, nullptr);
        done();
    });
    std::vector<double> each = windows.per_event_ns();
    for (double& ns : each)
        ns /= 1000;
    return each;
}

/// `count` pollers that find nothing to do, and a timer that looks at how often they have run.
struct IdlePollers {
    static constexpr uint64_t window_us = 1000;
    static constexpr size_t window_count = 500;
    std::vector<bdk_poller*> pollers;
    bdk_poller* timer = nullptr;
    uint64_t begin_ns = 0;
    uint64_t begin_runs = 0;
    std::vector<double> per_call_ns;
    std::function<void()> done;

    static int look(void* ctx) {
        auto* idle = static_cast<IdlePollers*>(ctx);
        bdk_poller_stats stats{.size = sizeof(stats)};
        bdk_poller_get_stats(idle->pollers.front(), &stats);
        const uint64_t now = bdk_get_time_ns();
        if (idle->begin_ns != 0) {
            const auto calls = static_cast<double>((stats.runs - idle->begin_runs) * idle->pollers.size());
            idle->per_call_ns.push_back(static_cast<double>(now - idle->begin_ns) / calls);
        }
        idle->begin_ns = now;
        idle->begin_runs = stats.runs;
        if (idle->per_call_ns.size() == window_count) {
            for (bdk_poller*& poller : idle->pollers)
                bdk_poller_unregister(&poller);
            bdk_poller_unregister(&idle->timer);
            idle->done();
        }
        return BDK_POLLER_BUSY;
    }
};

std::vector<double> idle_poller_ns(bdk_thread* thread, size_t count) {
    IdlePollers idle;
    idle.pollers.resize(count);
    await_on(thread, [&](auto done) {
        idle.done = std::move(done);
        for (bdk_poller*& poller : idle.pollers) {
            poller = bdk_poller_register([](void*) { return BDK_POLLER_IDLE; }, nullptr, 0, "idle");
        }
        idle.timer = bdk_poller_register(IdlePollers::look, &idle, IdlePollers::window_us, "look");
    });
    return idle.per_call_ns;
}

/// Walks over the channels of one io_device, one after the other.
struct Walks {
    void* device;
    int left = 1000;
    Windows windows{1};
    std::function<void()> done;

    static void visit(bdk_io_channel_iter* iter) { bdk_for_each_channel_continue(iter, 0); }
    static void next(bdk_io_channel_iter* iter, int) {
        auto* walks = static_cast<Walks*>(bdk_io_channel_iter_get_ctx(iter));
        walks->windows.event();
        if (--walks->left == 0) return walks->done();
        bdk_for_each_channel(walks->device, visit, walks, next);
    }
};

std::vector<double> walk_us(int thread_count) {
    int device = 0;
    bdk_thread* app = bdk_thread_get_app_thread();
    await_on(app, [&](auto done) {
        bdk_io_device_register(&device, nullptr, nullptr, 0, "bench");
        done();
    });
    std::vector<bdk_thread*> threads;
    for (int i = 0; i < thread_count; ++i) {
        threads.push_back(bdk_thread_create(nullptr, nullptr, 0));
        await_on(threads.back(), [&](auto done) {
            bdk_get_io_channel(&device);
            done();
        });
    }
    Walks walks{&device};
    await_on(app, [&](auto done) {
        walks.done = std::move(done);
        bdk_for_each_channel(&device, Walks::visit, &walks, Walks::next);
    });
    for (bdk_thread* thread : threads) {
        await_on(thread, [&](auto done) {
            bdk_io_channel* ch = bdk_get_io_channel(&device);
            bdk_put_io_channel(ch);
            bdk_put_io_channel(ch);
            bdk_thread_exit();
            done();
        });
    }
    await_on(app, [&](auto done) {
        bdk_io_device_unregister(&device, nullptr);
        done();
    });
    std::vector<double> each = walks.windows.per_event_ns();
    for (double& us : each)
        us /= 1000;
    return each;
}

/// Two threads, one on the first reactor and one on the last.
struct Pair {
    explicit Pair(const std::vector<uint32_t>& cores)
        : a(thread_on_core("a", cores.front())), b(thread_on_core("b", cores.back())) {}
    ~Pair() {
        for (bdk_thread* thread : {a, b}) {
            bdk_thread_send_msg(
                thread, [](void*) { bdk_thread_exit(); }, nullptr);
        }
    }
    Pair(const Pair&) = delete;
    Pair& operator=(const Pair&) = delete;

    bdk_thread* a;
    bdk_thread* b;
};

std::vector<Result> measure(const std::vector<uint32_t>& cores) {
    std::vector<Result> results;
    {
        const auto runtime = start(cores, bdk::ReactorMode::poll);
        const Pair pair(cores);
        results.push_back(higher_is_better("messages between two reactors, in batches",
                                           million_messages_per_second(pair.a, pair.b), "M/s"));
        results.push_back(lower_is_better("message, one way", one_way_ns(pair.a, pair.b), "ns"));
        results.push_back(lower_is_better("get + put of an existing io_channel", get_put_ns(pair.b), "ns"));
        for (const size_t count : {1, 10, 100}) {
            results.push_back(lower_is_better("idle poller of " + std::to_string(count) + ", per call",
                                              idle_poller_ns(pair.b, count), "ns"));
        }
        results.push_back(lower_is_better("bdk_for_each_channel over 64 threads", walk_us(64), "us"));
    }
    const auto runtime = start(cores, bdk::ReactorMode::adaptive);
    const Pair pair(cores);
    results.push_back(
        lower_is_better("message, one way, adaptive reactors", one_way_ns(pair.a, pair.b), "ns"));
    return results;
}

}  // namespace

int main(int argc, char** argv) {
    std::vector<uint32_t> cores = bdk::available_cores();
    if (cores.size() > 2) cores.resize(2);
    const bool json = argc > 1 && std::string(argv[1]) == "--json";
    if (cores.size() < 2) std::fprintf(stderr, "one core only: messages do not cross cores\n");
    const std::vector<Result> results = measure(cores);
    if (!json) std::printf("%-44s %10s %10s\n", "", "median", "best");
    for (const Result& result : results) {
        if (json) {
            std::printf(R"(%s{"name":"%s","median":%.3f,"best":%.3f,"unit":"%s"})",
                        &result == results.data() ? "[" : ",", result.name.c_str(), result.median,
                        result.best, result.unit.c_str());
        } else {
            std::printf("%-44s %10.1f %10.1f %s\n", result.name.c_str(), result.median, result.best,
                        result.unit.c_str());
        }
    }
    if (json) std::printf("]\n");
}
