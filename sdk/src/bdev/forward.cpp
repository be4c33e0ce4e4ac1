// SPDX-License-Identifier: BSD-3-Clause
// Forwarding: the same bdev_io goes on to the base; the layer it leaves is kept in a frame.
#define BDK_LOG_COMPONENT "bdev"
#include <bdevkit/bdev.h>
#include <bdevkit/log.h>

#include <cerrno>
#include <cstring>
#include <memory>

#include "bdev/bdev.hpp"
#include "bdev/desc.hpp"
#include "bdev/io_path.hpp"
#include "bdev/io_pool.hpp"
#include "bdev/validate.hpp"
#include "diag/violation.hpp"
#include "thread/io_channel.hpp"

namespace bdk {

namespace {

using Opts = bdk_bdev_io_forward_opts;

int64_t delta_of(const Opts* opts) {
    return opts != nullptr && BDK_HAS_FIELD(opts, Opts, offset_delta) ? opts->offset_delta : 0;
}

auto done_of(const Opts* opts) -> void (*)(bdk_bdev_io*, bool) {
    return opts != nullptr && BDK_HAS_FIELD(opts, Opts, done) ? opts->done : nullptr;
}

void push_frame(BdevIo* io, BdevChannel* base, int64_t delta, void (*done)(bdk_bdev_io*, bool)) {
    IoFrame& frame = io->frames[io->depth++];
    frame = {io->ch, io->pub.driver_ctx, done, delta, io->submit_ticks};
    io->submit_ticks = current_thread()->turn_ticks;
    io->ch = base;
}

/// An I/O whose frames are used up, waiting for a bdev_io to go on with.
struct ChildWait {
    bdk_bdev_io_wait_entry entry{};
    BdevIo* io;
    BdevChannel* base;
    int64_t delta;
    void (*done)(bdk_bdev_io*, bool);
};

void child_done(bdk_bdev_io* child_pub, bool success, void* arg) {
    BdevIo* child = BdevIo::of(child_pub);
    auto* parent = static_cast<BdevIo*>(arg);
    auto done = parent->core_done;
    parent->child = nullptr;
    parent->status = child->status;
    parent->pub.u.bdev.seek_offset = child->pub.u.bdev.seek_offset;
    bdk_bdev_free_io(child_pub);
    parent->state = IoState::in_module;
    if (done != nullptr)
        done(&parent->pub, success);
    else
        io_complete_from_core(parent, parent->status);
}

void forward_in_child(BdevIo* io, BdevChannel* base, int64_t delta, void (*done)(bdk_bdev_io*, bool)) {
    BdevIo* child = base->pool->take();
    if (child == nullptr) {
        auto* wait = new ChildWait{{}, io, base, delta, done};
        wait->entry = {base->bdev->pub,
                       [](void* arg) {
                           std::unique_ptr<ChildWait> self(static_cast<ChildWait*>(arg));
                           forward_in_child(self->io, self->base, self->delta, self->done);
                       },
                       wait,
                       {}};
        base->pool->waiting.push_back(&wait->entry);
        return;
    }
    child->pub.type = io->pub.type;
    child->pub.u = io->pub.u;
    child->abort_generation = io->abort_generation;
    child->ch = base;
    child->cb = child_done;
    child->cb_arg = io;
    child->submit_ticks = current_thread()->turn_ticks;
    io->child = child;
    io->core_done = done;
    if (delta != 0) io_shift_range(child, delta);
    io_enter(child);
}

void forward(BdevIo* io, bdk_bdev_desc* desc, bdk_io_channel* ch, const Opts* opts, const void* caller) {
    if (io->state != IoState::in_submit && io->state != IoState::in_module) [[unlikely]] {
        report_violation({.rule = 0,
                          .what = "a bdev_io that the module does not own was forwarded",
                          .object = bdk_bdev_io_type_name(io->pub.type),
                          .advice = "forward or complete each bdev_io once",
                          .return_address = caller});
        return;
    }
    bool in_submit = io->state == IoState::in_submit;
    int64_t delta = delta_of(opts);
    BdevChannel* base = nullptr;
    int rc = validate_channel(desc, ch, &base, caller);
    if (rc == 0) {
        if (delta != 0) io_shift_range(io, delta);
        rc = validate_io(base, io);
        if (rc != 0 && delta != 0) io_shift_range(io, -delta);
    }
    if (rc != 0) [[unlikely]] {
        BDK_DEBUGLOG("forwarding a %s to '%s' is refused: %s", bdk_bdev_io_type_name(io->pub.type),
                     desc->bdev->name.c_str(), strerrordesc_np(-rc));
        io_complete_from_core(io, rc == -ENOTSUP ? status_from_nvme(0, 0, 1) : status_from_errno(rc));
        return;
    }
    if (io->depth == max_io_frames) [[unlikely]] {
        if (delta != 0) io_shift_range(io, -delta);
        io->state = IoState::core;
        forward_in_child(io, base, delta, done_of(opts));
        return;
    }
    push_frame(io, base, delta, done_of(opts));
    io_enter_forwarded(io, in_submit);
}

}  // namespace

}  // namespace bdk

void bdk_bdev_io_forward(bdk_bdev_io* io, bdk_bdev_desc* base_desc, bdk_io_channel* base_ch) {
    bdk::forward(bdk::BdevIo::of(io), base_desc, base_ch, nullptr, __builtin_return_address(0));
}

void bdk_bdev_io_forward_ext(bdk_bdev_io* io, bdk_bdev_desc* base_desc, bdk_io_channel* base_ch,
                             const bdk_bdev_io_forward_opts* opts) {
    bdk::forward(bdk::BdevIo::of(io), base_desc, base_ch, opts, __builtin_return_address(0));
}
