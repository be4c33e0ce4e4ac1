// SPDX-License-Identifier: BSD-3-Clause
// delay: a virtual bdev whose I/O takes a configured time. The base does the I/O at once; the bdev completes
// it later.
#include <bdevkit/bdevkit.hpp>

#include <array>
#include <mutex>

#include "delay_queue.hpp"
#include "latency.hpp"

namespace {

using bdevkit::Io;
using bdevkit::IoStatus;
using bdevkit::IoType;

class Delay : public bdevkit::VirtualBdev<Delay> {
public:
    using Options = DelayOptions;
    static constexpr bdk_option options[] = {
        BDEVKIT_OPTION(base, "The bdev that does the I/O; claimed for writing.").required().claimed(),
        BDEVKIT_OPTION(avg_read, "Average latency of reads."),
        BDEVKIT_OPTION(p99_read, "99th percentile of reads; without it, all reads take the average."),
        BDEVKIT_OPTION(avg_write, "Average latency of writes and zone appends."),
        BDEVKIT_OPTION(p99_write, "99th percentile of writes; without it, all writes take the average."),
        BDEVKIT_OPTION(avg_unmap, "Average latency of unmaps and writes of zeroes."),
        BDEVKIT_OPTION(p99_unmap, "99th percentile of unmaps; without it, all unmaps take the average."),
        BDEVKIT_OPTION(avg_flush, "Average latency of flushes."),
        BDEVKIT_OPTION(p99_flush, "99th percentile of flushes; without it, all flushes take the average."),
        BDEVKIT_OPTION(avg_other, "Average latency of all other types except resets and aborts."),
        BDEVKIT_OPTION(p99_other, "99th percentile of the other types; without it, all take the average."),
    };

    struct Channel : VirtualBdev::Channel {
        explicit Channel(Delay& bdev)
            : VirtualBdev::Channel(bdev), latencies(bdev.latencies()), queue(bdev.name()) {}

        Latencies latencies;
        std::array<uint64_t, Latencies::kinds> submitted{};
        DelayQueue queue;
    };

    struct IoContext {
        Channel* channel;
        uint64_t due;  ///< in ticks
    };

    Delay(const char* name, const Options& given) : VirtualBdev(name, given.base), latencies_(given) {}

    /// Without zcopy, which is neither a read nor a write; with abort, for I/O that waits here.
    bool io_type_supported(IoType type) const {
        if (type == IoType::abort) return true;
        return type != IoType::zcopy && VirtualBdev::io_type_supported(type);
    }

    void submit(Channel& ch, Io io) {
        if (io.type() == IoType::abort) return abort(ch, io);
        if (io.type() == IoType::reset) return reset(ch, io);
        const Latencies::Kind kind = Latencies::kind_of(io.type());
        const Latency& latency = ch.latencies[kind];
        if (latency.is_none()) return forward(ch, io);
        io.context<IoContext>() = {&ch, bdk_get_ticks() + latency.of(ch.submitted[kind]++)};
        forward_then<&Delay::base_done>(ch, io);
    }

    /// Waiting I/O keeps its time.
    void reconfigure(const Options& given, bdevkit::Reconfiguration change) {
        install(
            Latencies(given), [](Channel&) {}, [change] { change.finish(); });
    }

    void on_remove() {
        install(
            Latencies(), [](Channel& ch) { ch.queue.remove_all([](Io io) { io.complete_like(io); }); },
            [] {});
    }

private:
    Latencies latencies() const {
        const std::scoped_lock lock(mutex_);
        return latencies_;
    }

    /// Sets the latencies of every channel and calls visit(channel) on its thread; then calls done().
    template <class Visit, class Done>
    void install(const Latencies& latencies, Visit visit, Done done) {
        {
            const std::scoped_lock lock(mutex_);
            latencies_ = latencies;
        }
        for_each_channel(
            [latencies, visit](Channel& ch) {
                ch.latencies = latencies;
                visit(ch);
            },
            done);
    }

    void base_done(Io io, bool) {
        const auto& context = io.context<IoContext>();
        if (bdk_get_ticks() >= context.due) return io.complete_like(io);
        context.channel->queue.add(io, context.due);
    }

    static void abort(Channel& ch, Io io) {
        const Io target(io->u.abort.bio_to_abort);
        if (!ch.queue.remove(target)) return forward(ch, io);
        target.complete(IoStatus::aborted);
        io.complete();
    }

    /// Aborts the waiting I/O of every channel, then resets the base.
    void reset(Channel& ch, Io io) {
        for_each_channel(
            [](Channel& each) {
                each.queue.remove_all([](Io waiting) { waiting.complete(IoStatus::aborted); });
            },
            [&ch, io] { forward(ch, io); });
    }

    mutable std::mutex mutex_;
    Latencies latencies_;
};

}  // namespace

BDEVKIT_MODULE(Delay, .name = "delay", .version = "1.0.0",
               .description = "Delays I/O to a given average and 99th percentile", .author = "bdevkit",
               .license = "BSD-3-Clause");
