// SPDX-License-Identifier: BSD-3-Clause
#include "bdev/observe/queue_depth.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "bdev/model/bdev.hpp"
#include "bdev/model/channel.hpp"
#include "bdev/model/channel_walk.hpp"
#include "log/no_memory.hpp"
#include "thread/place.hpp"
#include "thread/poller.hpp"
#include "thread/post.hpp"

namespace bdk {

void QueueDepthSampler::set_period(uint64_t period_us) {
    if (bdev_ == nullptr) return;
    bdk_poller_unregister(&poller_);
    last_ns_ = bdk_get_time_ns();
    if (period_us != 0) poller_ = register_poller_always(sample, this, period_us, "bdev_queue_depth");
    std::scoped_lock lock(mutex_);
    if (stat_.period_us == 0) stat_ = {};
    stat_.period_us = period_us;
    if (period_us == 0) stat_.queue_depth = 0;
}

void QueueDepthSampler::end() {
    set_period(0);
    bdev_ = nullptr;
}

bdk_bdev_qd_stat QueueDepthSampler::stat() const {
    std::scoped_lock lock(mutex_);
    return stat_;
}

int QueueDepthSampler::sample(void* ctx) {
    auto* self = static_cast<QueueDepthSampler*>(ctx);
    if (self->walking_) return BDK_POLLER_IDLE;
    std::shared_ptr<uint64_t> sum = or_null([] { return std::make_shared<uint64_t>(0); });
    if (sum == nullptr) return BDK_POLLER_IDLE;  // without memory this sample is skipped
    self->walking_ = true;
    for_each_bdev_channel(
        self->bdev_, [sum](BdevChannel* channel) { *sum += channel->io_outstanding - channel->children; },
        [sum, sampler = self->shared_from_this()] {
            sampler->walking_ = false;
            if (sampler->poller_ != nullptr) sampler->add(*sum);
        });
    return BDK_POLLER_BUSY;
}

void QueueDepthSampler::add(uint64_t queue_depth) {
    uint64_t now = bdk_get_time_ns();
    uint64_t elapsed_us = (now - last_ns_) / 1000;
    last_ns_ += elapsed_us * 1000;
    std::scoped_lock lock(mutex_);
    stat_.queue_depth = queue_depth;
    stat_.num_samples++;
    if (queue_depth == 0) return;
    stat_.io_time_us += elapsed_us;
    stat_.weighted_io_time_us += elapsed_us * queue_depth;
}

void end_observation(Bdev* bdev) {
    if (bdev->queue_depth != nullptr) bdev->queue_depth->end();
}

}  // namespace bdk

using bdk::Bdev;

void bdk_bdev_set_qd_sampling_period(bdk_bdev* pub, uint64_t period_us) {
    if (!bdk::on_bdk_thread(BDK_ABI_CALL)) return;
    Bdev* bdev = Bdev::of(pub);
    std::shared_ptr<bdk::QueueDepthSampler> sampler;
    {
        std::scoped_lock lock(bdev->mutex);
        if (bdev->queue_depth == nullptr)
            bdev->queue_depth = bdk::cannot_fail(
                "queue-depth sampling", [=] { return std::make_shared<bdk::QueueDepthSampler>(bdev); });
        sampler = bdev->queue_depth;
    }
    bdk::run_on(bdk_thread_get_app_thread(), [=] { sampler->set_period(period_us); });
}

int bdk_bdev_get_qd_stat(bdk_bdev* pub, bdk_bdev_qd_stat* stat) {
    if (stat->size == 0) return -EINVAL;
    Bdev* bdev = Bdev::of(pub);
    std::shared_ptr<bdk::QueueDepthSampler> sampler;
    {
        std::scoped_lock lock(bdev->mutex);
        sampler = bdev->queue_depth;
    }
    bdk_bdev_qd_stat full = sampler == nullptr ? bdk_bdev_qd_stat{} : sampler->stat();
    full.size = stat->size;
    std::memcpy(stat, &full, std::min<size_t>(stat->size, sizeof(full)));
    return 0;
}
