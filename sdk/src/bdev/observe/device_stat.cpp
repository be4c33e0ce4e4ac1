// SPDX-License-Identifier: BSD-3-Clause
// Converts the core's counters to the ABI's struct.
#include <bdevkit/bdev.h>
#include <bdevkit/device_stat.h>
#include <bdevkit/json.h>
#include <bdevkit/thread.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <functional>
#include <memory>
#include <numeric>
#include <utility>

#include "base/ticks.hpp"
#include "bdev/model/bdev.hpp"
#include "bdev/model/channel.hpp"
#include "bdev/model/channel_walk.hpp"
#include "log/no_memory.hpp"
#include "thread/io_channel.hpp"
#include "thread/place.hpp"
#include "thread/post.hpp"

namespace bdk {

namespace {

using PublicStat = bdk_bdev_io_stat;

/// The fields of a type's counters in the public struct.
struct StatFields {
    const char* name;
    uint32_t type;
    uint64_t PublicStat::*ops;
    uint64_t PublicStat::*bytes;  ///< nullptr where bytes are not counted
    uint64_t PublicStat::*ticks;
    uint64_t PublicStat::*min_ticks;
    uint64_t PublicStat::*max_ticks;
};

constexpr StatFields counted_types[] = {
    {"read", BDK_BDEV_IO_TYPE_READ, &PublicStat::num_read_ops, &PublicStat::bytes_read,
     &PublicStat::read_latency_ticks, &PublicStat::min_read_latency_ticks,
     &PublicStat::max_read_latency_ticks},
    {"write", BDK_BDEV_IO_TYPE_WRITE, &PublicStat::num_write_ops, &PublicStat::bytes_written,
     &PublicStat::write_latency_ticks, &PublicStat::min_write_latency_ticks,
     &PublicStat::max_write_latency_ticks},
    {"unmap", BDK_BDEV_IO_TYPE_UNMAP, &PublicStat::num_unmap_ops, &PublicStat::bytes_unmapped,
     &PublicStat::unmap_latency_ticks, &PublicStat::min_unmap_latency_ticks,
     &PublicStat::max_unmap_latency_ticks},
    {"copy", BDK_BDEV_IO_TYPE_COPY, &PublicStat::num_copy_ops, &PublicStat::bytes_copied,
     &PublicStat::copy_latency_ticks, &PublicStat::min_copy_latency_ticks,
     &PublicStat::max_copy_latency_ticks},
    {"write_zeroes", BDK_BDEV_IO_TYPE_WRITE_ZEROES, &PublicStat::num_write_zeroes_ops,
     &PublicStat::bytes_zeroed, &PublicStat::write_zeroes_latency_ticks,
     &PublicStat::min_write_zeroes_latency_ticks, &PublicStat::max_write_zeroes_latency_ticks},
    {"flush", BDK_BDEV_IO_TYPE_FLUSH, &PublicStat::num_flush_ops, nullptr, &PublicStat::flush_latency_ticks,
     &PublicStat::min_flush_latency_ticks, &PublicStat::max_flush_latency_ticks},
};

bool counts_as_other(uint32_t type) {
    return std::none_of(std::begin(counted_types), std::end(counted_types),
                        [type](const StatFields& fields) { return fields.type == type; });
}

/// The sum over the channels of a bdev.
struct Sum {
    IoStat stat;
    uint64_t spin_ns = 0;
};

/// [channel's thread] The time that the module has spent polling for its channel.
uint64_t spin_ns_of(const BdevChannel* channel) {
    const auto get_spin_time = channel->bdev->fn.get_spin_time;
    return get_spin_time == nullptr || channel->module_ch == nullptr
               ? 0
               : get_spin_time(channel->bdev->config.ctxt, channel->module_ch);
}

/// [channel's thread] If several bdev channels share a channel of the module, only one of them counts its
/// polling time.
bool counts_spin(const BdevChannel* channel) {
    return channel->module_ch != nullptr && channel->shared->channels.front() == channel;
}

/// Fills as many fields as the caller's struct of `size` bytes has.
void fill(PublicStat* out, const IoStat& stat, uint64_t spin_ns, uint32_t blocklen) {
    PublicStat full{};
    full.size = out->size;
    for (const StatFields& fields : counted_types) {
        const TypeStat& counted = stat.by_type[fields.type];
        full.*fields.ops = counted.ops;
        if (fields.bytes != nullptr) full.*fields.bytes = counted.blocks * blocklen;
        full.*fields.ticks = counted.ticks;
        full.*fields.min_ticks = counted.min();
        full.*fields.max_ticks = counted.max_ticks;
    }
    for (uint32_t type = 0; type < io_type_count; type++)
        if (counts_as_other(type)) full.num_other_ops += stat.by_type[type].ops;
    static_assert(sizeof(full.num_errors_by_status) == sizeof(stat.errors));
    std::copy(stat.errors.begin(), stat.errors.end(), full.num_errors_by_status);
    full.num_errors = std::accumulate(stat.errors.begin(), stat.errors.end(), uint64_t{0});
    full.ticks_rate = bdk_get_ticks_hz();
    full.spin_ns = spin_ns;
    std::memcpy(out, &full, std::min<size_t>(out->size, sizeof(full)));
}

void dump_type(const PublicStat& stat, const StatFields& fields, bdk_json_writer* w) {
    bdk_json_object_begin(w, fields.name);
    bdk_json_u64(w, "ops", stat.*fields.ops);
    if (fields.bytes != nullptr) bdk_json_u64(w, "bytes", stat.*fields.bytes);
    bdk_json_u64(w, "latency_ns", ns_from_ticks(stat.*fields.ticks));
    bdk_json_u64(w, "min_latency_ns", ns_from_ticks(stat.*fields.min_ticks));
    bdk_json_u64(w, "max_latency_ns", ns_from_ticks(stat.*fields.max_ticks));
    bdk_json_object_end(w);
}

void set_back(IoStat& stat, uint32_t mode) {
    if (mode == BDK_BDEV_RESET_STAT_ALL)
        stat = {};
    else
        stat.forget_extremes();
}

/// Calls fn() on this thread when channels that were put before have gone and have added their counters to
/// the bdev's.
template <typename Fn>
void after_puts(Bdev* bdev, Fn fn) {
    for_each_bdev_channel(
        bdev, [](BdevChannel*) {}, std::move(fn));
}

template <typename Fn>
void add_up(Bdev* bdev, const std::shared_ptr<Sum>& sum, Fn done) {
    {
        std::scoped_lock lock(bdev->mutex);
        sum->stat.add(bdev->gone_stat);
    }
    const auto add = [sum](BdevChannel* channel) {
        sum->stat.add(channel->stat);
        if (counts_spin(channel)) sum->spin_ns += spin_ns_of(channel);
    };
    for_each_bdev_channel(bdev, add, std::move(done));
}

/// Adds the counters to `sum`, if it is not null, and resets them, those of each channel on its thread. Also
/// clears the module's counters. Then calls done() on this thread. What a channel counts afterwards belongs
/// to the next period.
void take_stat(bdk_bdev* pub, uint32_t mode, std::shared_ptr<Sum> sum, std::function<void()> done) {
    Bdev* bdev = Bdev::of(pub);
    const auto take = [mode, sum](IoStat& stat) {
        if (sum != nullptr) sum->stat.add(stat);
        set_back(stat, mode);
    };
    const auto take_channel = [take, sum](BdevChannel* channel) {
        take(channel->stat);
        if (sum != nullptr && counts_spin(channel)) sum->spin_ns += spin_ns_of(channel);
    };
    {
        std::scoped_lock lock(bdev->mutex);
        take(bdev->gone_stat);
    }
    bdk_thread* thread = current_thread();
    for_each_bdev_channel(bdev, take_channel, [=] {
        if (mode != BDK_BDEV_RESET_STAT_ALL || bdev->fn.reset_device_stat == nullptr) return done();
        run_on(bdk_thread_get_app_thread(), [=] {
            bdev->fn.reset_device_stat(bdev->config.ctxt);
            run_on(thread, done);
        });
    });
}

}  // namespace

}  // namespace bdk

int bdk_bdev_get_io_stat(bdk_io_channel* ch, bdk_bdev_io_stat* stat) {
    if (!bdk::on_channels_thread(ch, BDK_ABI_CALL)) return -EINVAL;
    const auto* channel = static_cast<bdk::BdevChannel*>(bdk::io_channel_ctx(ch));
    if (stat->size == 0 || channel->bdev == nullptr) return -EINVAL;
    bdk::fill(stat, channel->stat, bdk::spin_ns_of(channel), channel->bdev->blocklen);
    return 0;
}

void bdk_bdev_get_device_stat(bdk_bdev* pub, bdk_bdev_io_stat* stat, bdk_bdev_get_device_stat_cb cb,
                              void* ctx) {
    if (!bdk::has_callback(cb, BDK_ABI_CALL)) return;
    if (!bdk::on_bdk_thread(BDK_ABI_CALL) || stat->size == 0) return cb(pub, stat, -EINVAL, ctx);
    bdk::Bdev* bdev = bdk::Bdev::of(pub);
    std::shared_ptr<bdk::Sum> sum = bdk::or_null([] { return std::make_shared<bdk::Sum>(); });
    if (sum == nullptr) return cb(pub, stat, -ENOMEM, ctx);
    const auto done = [=] {
        bdk::fill(stat, sum->stat, sum->spin_ns, bdev->blocklen);
        cb(pub, stat, 0, ctx);
    };
    bdk::after_puts(bdev, [=] { bdk::add_up(bdev, sum, done); });
}

void bdk_bdev_reset_device_stat(bdk_bdev* pub, uint32_t mode, bdk_bdev_reset_device_stat_cb cb, void* ctx) {
    if (!bdk::has_callback(cb, BDK_ABI_CALL)) return;
    if (!bdk::on_bdk_thread(BDK_ABI_CALL) || mode > BDK_BDEV_RESET_STAT_MAXMIN) return cb(pub, -EINVAL, ctx);
    bdk::take_stat(pub, mode, nullptr, [=] { cb(pub, 0, ctx); });
}

void bdk_bdev_take_device_stat(bdk_bdev* pub, bdk_bdev_io_stat* stat, uint32_t mode,
                               bdk_bdev_get_device_stat_cb cb, void* ctx) {
    if (!bdk::has_callback(cb, BDK_ABI_CALL)) return;
    if (!bdk::on_bdk_thread(BDK_ABI_CALL) || stat->size == 0 || mode > BDK_BDEV_RESET_STAT_MAXMIN)
        return cb(pub, stat, -EINVAL, ctx);
    std::shared_ptr<bdk::Sum> sum = bdk::or_null([] { return std::make_shared<bdk::Sum>(); });
    if (sum == nullptr) return cb(pub, stat, -ENOMEM, ctx);
    const auto done = [=] {
        bdk::fill(stat, sum->stat, sum->spin_ns, bdk::Bdev::of(pub)->blocklen);
        cb(pub, stat, 0, ctx);
    };
    const auto take = [=] {
        bdk::cannot_fail("taking statistics", [&] { bdk::take_stat(pub, mode, sum, done); });
    };
    bdk::after_puts(bdk::Bdev::of(pub), take);
}

void bdk_bdev_io_stat_dump_json(const bdk_bdev_io_stat* given, bdk_json_writer* w) {
    bdk_bdev_io_stat stat{};
    std::memcpy(&stat, given, std::min<size_t>(given->size, sizeof(stat)));
    for (const bdk::StatFields& fields : bdk::counted_types)
        bdk::dump_type(stat, fields, w);
    bdk_json_u64(w, "other_ops", stat.num_other_ops);
    bdk_json_u64(w, "spin_ns", stat.spin_ns);
    bdk_json_u64(w, "errors", stat.num_errors);
    bdk_json_object_begin(w, "errors_by_status");
    for (int32_t status = 1; status < int32_t{bdk::IoStat::num_statuses}; status++)
        if (uint64_t count = stat.num_errors_by_status[status]; count != 0)
            bdk_json_u64(w, bdk_bdev_io_status_name(-status), count);
    bdk_json_object_end(w);
}
