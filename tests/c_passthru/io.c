/* SPDX-License-Identifier: BSD-3-Clause */
/* The I/O path: each I/O becomes one of the base's, and ends with its status. */
#include <errno.h>

#include "c_passthru.h"

/** What an I/O remembers while it waits for memory. */
struct pt_io {
    struct bdk_io_channel* ch;
    struct bdk_bdev_io_wait_entry wait;
};

uint32_t pt_get_ctx_size(const struct bdk_module* self, const struct bdk_bdev* bdev) {
    (void)self;
    (void)bdev;
    return sizeof(struct pt_io);
}

bool pt_io_type_supported(void* ctxt, uint32_t type) {
    const struct pt_bdev* pt = ctxt;

    switch (type) {
        case BDK_BDEV_IO_TYPE_READ:
        case BDK_BDEV_IO_TYPE_WRITE:
        case BDK_BDEV_IO_TYPE_UNMAP:
        case BDK_BDEV_IO_TYPE_FLUSH:
        case BDK_BDEV_IO_TYPE_WRITE_ZEROES:
        case BDK_BDEV_IO_TYPE_RESET:
        case BDK_BDEV_IO_TYPE_ABORT:
        case BDK_BDEV_IO_TYPE_COMPARE:
        case BDK_BDEV_IO_TYPE_COPY:
            return bdk_bdev_io_type_supported(pt->base, type);
        default:
            return false;
    }
}

/** The base has completed its I/O: so has ours. */
static void complete_io(struct bdk_bdev_io* base_io, bool success, void* cb_arg) {
    struct bdk_bdev_io* io = cb_arg;

    (void)success;
    bdk_bdev_io_complete_base_io_status(io, base_io);
    bdk_bdev_free_io(base_io);
}

static void resubmit(void* cb_arg) {
    struct bdk_bdev_io* io = cb_arg;
    const struct pt_io* waiting = io->driver_ctx;

    pt_submit_request(waiting->ch, io);
}

static void wait_for_memory(struct bdk_io_channel* ch, struct bdk_bdev_io* io) {
    const struct pt_bdev* pt = io->bdev->ctxt;
    const struct pt_channel* channel = bdk_io_channel_get_ctx(ch);
    struct pt_io* waiting = io->driver_ctx;
    int rc;

    waiting->ch = ch;
    waiting->wait.bdev = pt->base;
    waiting->wait.cb = resubmit;
    waiting->wait.cb_arg = io;
    rc = bdk_bdev_queue_io_wait(pt->base, channel->base_ch, &waiting->wait);
    if (rc != 0) bdk_bdev_io_complete_aio_status(io, rc);
}

/** @param rc  what the base's function returned: 0 means that complete_io() will run */
static void submitted(struct bdk_io_channel* ch, struct bdk_bdev_io* io, int rc) {
    if (rc == 0) return;
    if (rc == -ENOMEM)
        wait_for_memory(ch, io);
    else
        bdk_bdev_io_complete_aio_status(io, rc);
}

static struct bdk_bdev_io_opts opts_of(const struct bdk_bdev_io* io) {
    struct bdk_bdev_io_opts opts = {
        .size = sizeof(opts),
        .flags = io->u.bdev.flags & (BDK_BDEV_IO_FUA | BDK_BDEV_IO_NO_UNMAP),
        .md_buf = io->u.bdev.md_buf,
    };

    return opts;
}

static void read_with_buf(struct bdk_io_channel* ch, struct bdk_bdev_io* io, bool success) {
    const struct pt_bdev* pt = io->bdev->ctxt;
    const struct pt_channel* channel = bdk_io_channel_get_ctx(ch);
    const struct bdk_bdev_io_opts opts = opts_of(io);

    if (!success) {
        bdk_bdev_io_complete(io, BDK_BDEV_IO_STATUS_FAILED);
        return;
    }
    submitted(ch, io,
              bdk_bdev_readv_blocks(pt->base_desc, channel->base_ch, io->u.bdev.iovs, io->u.bdev.iovcnt,
                                    io->u.bdev.offset_blocks, io->u.bdev.num_blocks, &opts, complete_io, io));
}

/** Everything but reads. @return 0, or why the base has not taken it. */
static int submit_to_base(const struct pt_bdev* pt, struct bdk_io_channel* base_ch, struct bdk_bdev_io* io) {
    const struct bdk_bdev_io_block_params* p = &io->u.bdev;
    const struct bdk_bdev_io_opts opts = opts_of(io);

    switch (io->type) {
        case BDK_BDEV_IO_TYPE_WRITE:
            return bdk_bdev_writev_blocks(pt->base_desc, base_ch, p->iovs, p->iovcnt, p->offset_blocks,
                                          p->num_blocks, &opts, complete_io, io);
        case BDK_BDEV_IO_TYPE_WRITE_ZEROES:
            return bdk_bdev_write_zeroes_blocks(pt->base_desc, base_ch, p->offset_blocks, p->num_blocks,
                                                &opts, complete_io, io);
        case BDK_BDEV_IO_TYPE_UNMAP:
            return bdk_bdev_unmap_blocks(pt->base_desc, base_ch, p->offset_blocks, p->num_blocks, NULL,
                                         complete_io, io);
        case BDK_BDEV_IO_TYPE_FLUSH:
            return bdk_bdev_flush_blocks(pt->base_desc, base_ch, p->offset_blocks, p->num_blocks, NULL,
                                         complete_io, io);
        case BDK_BDEV_IO_TYPE_COMPARE:
            return bdk_bdev_comparev_blocks(pt->base_desc, base_ch, p->iovs, p->iovcnt, p->offset_blocks,
                                            p->num_blocks, &opts, complete_io, io);
        case BDK_BDEV_IO_TYPE_COPY:
            return bdk_bdev_copy_blocks(pt->base_desc, base_ch, p->offset_blocks, p->src_offset_blocks,
                                        p->num_blocks, NULL, complete_io, io);
        case BDK_BDEV_IO_TYPE_RESET:
            return bdk_bdev_reset(pt->base_desc, base_ch, NULL, complete_io, io);
        case BDK_BDEV_IO_TYPE_ABORT:
            /* Our I/Os are the arguments of those that we have sent to the base. */
            return bdk_bdev_abort(pt->base_desc, base_ch, io->u.abort.bio_to_abort, NULL, complete_io, io);
        default:
            return -ENOTSUP;
    }
}

void pt_submit_request(struct bdk_io_channel* ch, struct bdk_bdev_io* io) {
    const struct pt_bdev* pt = io->bdev->ctxt;
    const struct pt_channel* channel = bdk_io_channel_get_ctx(ch);

    if (io->type == BDK_BDEV_IO_TYPE_READ)
        bdk_bdev_io_get_buf(io, read_with_buf, io->u.bdev.num_blocks * pt->bdev.blocklen);
    else
        submitted(ch, io, submit_to_base(pt, channel->base_ch, io));
}
