// SPDX-License-Identifier: BSD-3-Clause
#include "bdev/observe/histogram.hpp"

#include <bdevkit/histogram.h>
#include <bdevkit/json.h>

#include <cerrno>

#include "base/ticks.hpp"
#include "bdev/model/bdev.hpp"
#include "bdev/model/channel.hpp"
#include "bdev/model/channel_walk.hpp"
#include "log/no_memory.hpp"
#include "thread/place.hpp"

struct bdk_histogram {
    bdk::LatencyHistogram ticks;
};

namespace bdk {

void channel_follow_histogram(BdevChannel* channel) {
    uint64_t types = channel->bdev->latencies.io_types;
    channel->latencies.start(types);
    channel->flags &= ~static_cast<uint32_t>(channel_measured);
    if (types != 0) channel->flags |= channel_measured;
}

void channel_leave_histogram(BdevChannel* channel) {
    MeasuredLatencies& all = channel->bdev->latencies;
    if (channel->latencies.histogram != nullptr && all.histogram != nullptr)
        all.histogram->merge(*channel->latencies.histogram);
    channel->latencies = {};
}

void channel_measure(BdevChannel* channel, const BdevIo* io) {
    bool wanted = (channel->latencies.io_types & BDK_BDEV_IO_TYPE_BIT(io->pub.type)) != 0;
    if (wanted && io->succeeded() && !io->is_child_here())
        channel->latencies.histogram->add(current_thread()->turn_ticks - io->submit_ticks);
}

namespace {

/// Adds the latencies of the channels that are gone. The mutex is free when this returns, because the user's
/// callback may open and close descs. @return false when no histogram is being measured
bool merge_gone_channels(Bdev* bdev, LatencyHistogram& into) {
    std::scoped_lock lock(bdev->mutex);
    if (bdev->latencies.histogram == nullptr) return false;
    into.merge(*bdev->latencies.histogram);
    return true;
}

}  // namespace
}  // namespace bdk

using bdk::Bdev;
using bdk::ns_from_ticks;

void bdk_bdev_histogram_enable(bdk_bdev* pub, bool enable, uint64_t io_types, bdk_bdev_histogram_enable_cb cb,
                               void* ctx) {
    if (!bdk::has_callback(cb, BDK_ABI_CALL)) return;
    if (!bdk::on_bdk_thread(BDK_ABI_CALL)) return cb(-EINVAL, ctx);
    Bdev* bdev = Bdev::of(pub);
    uint64_t types = !enable ? 0 : io_types == 0 ? UINT64_MAX : io_types;
    int rc = bdk::or_enomem([=] {
        std::scoped_lock lock(bdev->mutex);
        bdev->latencies.start(types);
        return 0;
    });
    if (rc != 0) return cb(rc, ctx);
    bdk::for_each_bdev_channel(
        bdev,
        [](bdk::BdevChannel* channel) {
            std::scoped_lock lock(channel->bdev->mutex);
            bdk::cannot_fail("a histogram", [=] { bdk::channel_follow_histogram(channel); });
        },
        [=] { cb(0, ctx); });
}

void bdk_bdev_histogram_get(bdk_bdev* pub, bdk_bdev_histogram_get_cb cb, void* ctx) {
    if (!bdk::has_callback(cb, BDK_ABI_CALL)) return;
    if (!bdk::on_bdk_thread(BDK_ABI_CALL)) return cb(nullptr, -EINVAL, ctx);
    Bdev* bdev = Bdev::of(pub);
    std::shared_ptr<bdk_histogram> merged = bdk::or_null([] { return std::make_shared<bdk_histogram>(); });
    if (merged == nullptr) return cb(nullptr, -ENOMEM, ctx);
    if (!bdk::merge_gone_channels(bdev, merged->ticks)) return cb(nullptr, -EINVAL, ctx);
    bdk::for_each_bdev_channel(
        bdev,
        [merged](bdk::BdevChannel* channel) {
            if (channel->latencies.histogram != nullptr) merged->ticks.merge(*channel->latencies.histogram);
        },
        [=] { cb(merged.get(), 0, ctx); });
}

uint64_t bdk_histogram_count(const bdk_histogram* histogram) {
    return histogram->ticks.count();
}

uint64_t bdk_histogram_min_ns(const bdk_histogram* histogram) {
    return ns_from_ticks(histogram->ticks.min());
}

uint64_t bdk_histogram_max_ns(const bdk_histogram* histogram) {
    return ns_from_ticks(histogram->ticks.max());
}

uint64_t bdk_histogram_mean_ns(const bdk_histogram* histogram) {
    return ns_from_ticks(static_cast<uint64_t>(histogram->ticks.mean()));
}

uint64_t bdk_histogram_percentile_ns(const bdk_histogram* histogram, double percent) {
    return ns_from_ticks(histogram->ticks.percentile(percent));
}

void bdk_histogram_for_each_bucket(const bdk_histogram* histogram, bdk_histogram_bucket_fn fn, void* ctx) {
    histogram->ticks.for_each_bucket([=](uint64_t first, uint64_t last, uint64_t count) {
        fn(ns_from_ticks(first), ns_from_ticks(last), count, ctx);
    });
}

void bdk_histogram_dump_json(const bdk_histogram* histogram, bdk_json_writer* w) {
    struct Percentile {
        const char* name;
        double percent;
    };
    static constexpr Percentile percentiles[] = {{"50", 50},       {"75", 75},        {"90", 90},
                                                 {"95", 95},       {"99", 99},        {"99.9", 99.9},
                                                 {"99.99", 99.99}, {"99.999", 99.999}};
    bdk_json_u64(w, "count", bdk_histogram_count(histogram));
    bdk_json_u64(w, "min_ns", bdk_histogram_min_ns(histogram));
    bdk_json_u64(w, "mean_ns", bdk_histogram_mean_ns(histogram));
    bdk_json_u64(w, "max_ns", bdk_histogram_max_ns(histogram));
    bdk_json_object_begin(w, "percentiles_ns");
    for (const Percentile& percentile : percentiles)
        bdk_json_u64(w, percentile.name, bdk_histogram_percentile_ns(histogram, percentile.percent));
    bdk_json_object_end(w);
}
