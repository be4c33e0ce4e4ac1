// SPDX-License-Identifier: BSD-3-Clause
#include "soak/live_objects.hpp"

#include <atomic>
#include <cstdio>
#include <string_view>

#include "bdev/model/bdev.hpp"
#include "bdev/model/io_pool.hpp"
#include "log/log.hpp"
#include "support/await.hpp"
#include "thread/io_channel.hpp"

namespace bdk::test {

ThreadObjects objects_here() {
    bdk_io_channel* ch = bdk_get_io_channel(io_pool_io_device());
    const auto* pool = static_cast<const IoPool*>(io_channel_ctx(ch));
    const ThreadObjects objects{pool->in_use, pool->channels.size(), pool->waiting.size()};
    bdk_put_io_channel(ch);
    return objects;
}

ThreadObjects objects_of(bdk_thread* thread) {
    ThreadObjects objects;
    call_on(thread, [&] { objects = objects_here(); });
    return objects;
}

namespace {

std::atomic<uint64_t> g_left_behind{0};

std::string describe(const BdevIo* io) {
    const BdevChannel* ch = io->ch;
    std::string text = std::string(bdk_bdev_io_type_name(io->pub.type)) + " of " +
                       std::to_string(io->pub.u.bdev.num_blocks) + " blocks at " +
                       std::to_string(io->pub.u.bdev.offset_blocks) + ": state " +
                       std::to_string(int(io->state)) + ", status " + std::to_string(io->status.code) +
                       ", depth " + std::to_string(io->depth);
    if (ch->bdev != nullptr) text += ", at '" + ch->bdev->name + "'";
    text += ", channel " + std::to_string(reinterpret_cast<uintptr_t>(ch)) + " flags " +
            std::to_string(ch->flags) + " outstanding " + std::to_string(ch->io_outstanding) +
            " held by the core " + std::to_string(ch->core_held);
    if (io->work.step != nullptr) text += ", parent of " + std::to_string(io->work.children);
    if (io->work.step != nullptr && io->work.waiting) text += " and waiting";
    if (io->work.step != nullptr && io->work.waits_for_lock) text += " for a lock";
    if (io->part.parent != nullptr) text += ", child";
    if (io->stand_in != nullptr) text += ", has a stand-in";
    if (io->stands_for != nullptr) text += ", is a stand-in";
    if (io->buffer_wait.ready != nullptr) text += ", waits for a buffer";
    if (ch->shared != nullptr && ch->shared->nomem.contains(io)) text += ", in nomem";
    if (ch->held.contains(io)) text += ", in held";
    if (ch->quiesced_io.contains(io)) text += ", in quiesced";
    return text + "\n";
}

}  // namespace

LeftBehind::LeftBehind() {
    set_log_sink([](std::string_view line) {
        for (std::string_view left : {"were not freed", "was not unregistered", "does not go"})
            if (line.find(left) != std::string_view::npos) {
                std::fprintf(stderr, "%.*s\n", static_cast<int>(line.size()), line.data());
                g_left_behind++;
            }
    });
}

LeftBehind::~LeftBehind() {
    set_log_sink(nullptr);
}

uint64_t LeftBehind::count() {
    return g_left_behind;
}

std::string ios_of(bdk_thread* thread) {
    std::string text = std::string("thread '") + bdk_thread_get_name(thread) + "':\n";
    call_on(thread, [&] {
        bdk_io_channel* ch = bdk_get_io_channel(io_pool_io_device());
        auto* pool = static_cast<IoPool*>(io_channel_ctx(ch));
        pool->for_each_used([&](const BdevIo* io) { text += describe(io); });
        bdk_put_io_channel(ch);
    });
    return text;
}

}  // namespace bdk::test
