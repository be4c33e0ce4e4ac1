/* SPDX-License-Identifier: BSD-3-Clause */
/* old-c: a virtual bdev in plain C. */
#define _POSIX_C_SOURCE 200809L /* strdup() */
#include <bdevkit/bdevkit.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "transform.h"

/** One bdev. It is its own io_device. */
struct vbdev {
    struct bdk_bdev bdev; /* what is registered; its ctxt points back here */
    char* name;
    struct bdk_bdev* base;
    struct bdk_bdev_desc* base_desc;
    const struct bdk_bdev* bases[2];
};

/** What each thread has of its own. */
struct channel {
    struct bdk_io_channel* base;
};

/** What is kept of each I/O, from submit_request() to its end. */
struct io_context {
    struct iovec copy; /* of a write, as the base gets it */
    uint64_t begun;    /* ticks */
};

static uint32_t get_ctx_size(const struct bdk_module* module, const struct bdk_bdev* bdev) {
    (void)module;
    (void)bdev;
    return sizeof(struct io_context);
}

/* ---- I/O, on the thread of the channel ---- */

static void log_end(const struct bdk_bdev_io* io, bool success) {
    const struct io_context* context = io->driver_ctx;
    const uint64_t ticks = bdk_get_ticks() - context->begun;
    BDK_DEBUGLOG("%s: %s %s after %.1f us", bdk_bdev_get_name(io->bdev), bdk_bdev_io_type_name(io->type),
                 success ? "done" : "failed", (double)ticks * 1e6 / (double)bdk_get_ticks_hz());
}

/** The base has ended an I/O: so does this bdev. */
static void done(struct bdk_bdev_io* io, bool success) {
    log_end(io, success);
    bdk_bdev_io_complete_base_io_status(io, io);
}

static void forward_then(struct bdk_io_channel* ch, struct bdk_bdev_io* io,
                         void (*then)(struct bdk_bdev_io* io, bool success)) {
    const struct vbdev* self = io->bdev->ctxt;
    const struct channel* channel = bdk_io_channel_get_ctx(ch);
    const struct bdk_bdev_io_forward_opts opts = {.size = sizeof(opts), .done = then};
    bdk_bdev_io_forward_ext(io, self->base_desc, channel->base, &opts);
}

static void decode_read(struct bdk_bdev_io* io, bool success) {
    const struct bdk_bdev_io_block_params* p = &io->u.bdev;
    uint64_t offset = p->offset_blocks * bdk_bdev_get_block_size(io->bdev);
    for (int32_t i = 0; success && i < p->iovcnt; i++) {
        transform_decode(p->iovs[i].iov_base, p->iovs[i].iov_len, offset);
        offset += p->iovs[i].iov_len;
    }
    done(io, success);
}

static void read_with_buffer(struct bdk_io_channel* ch, struct bdk_bdev_io* io, bool success) {
    if (success)
        forward_then(ch, io, decode_read);
    else
        bdk_bdev_io_complete(io, BDK_BDEV_IO_STATUS_NOMEM);
}

static void written(struct bdk_bdev_io* base_io, bool success, void* arg) {
    struct bdk_bdev_io* io = arg;
    const struct io_context* context = io->driver_ctx;
    bdk_dma_free(context->copy.iov_base);
    log_end(io, success);
    bdk_bdev_io_complete_base_io_status(io, base_io);
    bdk_bdev_free_io(base_io);
}

/** The client's buffers stay as they were: the base gets a copy. */
static bool copy_and_encode(const struct bdk_bdev_io* io, struct iovec* copy) {
    const struct bdk_bdev_io_block_params* p = &io->u.bdev;
    const uint32_t block_size = bdk_bdev_get_block_size(io->bdev);
    unsigned char* end;
    copy->iov_len = p->num_blocks * block_size;
    copy->iov_base = end = bdk_dma_malloc(copy->iov_len, 4096, BDK_NUMA_ANY);
    if (end == NULL) return false;
    for (int32_t i = 0; i < p->iovcnt; i++) {
        memcpy(end, p->iovs[i].iov_base, p->iovs[i].iov_len);
        end += p->iovs[i].iov_len;
    }
    transform_encode(copy->iov_base, copy->iov_len, p->offset_blocks * block_size);
    return true;
}

static void write_encoded(struct bdk_io_channel* ch, struct bdk_bdev_io* io) {
    const struct vbdev* self = io->bdev->ctxt;
    const struct channel* channel = bdk_io_channel_get_ctx(ch);
    struct io_context* context = io->driver_ctx;
    const struct bdk_bdev_io_opts opts = {.size = sizeof(opts), .flags = io->u.bdev.flags & BDK_BDEV_IO_FUA};
    int rc = -ENOMEM; /* the core submits the I/O again later */
    if (copy_and_encode(io, &context->copy)) {
        rc = bdk_bdev_writev_blocks(self->base_desc, channel->base, &context->copy, 1,
                                    io->u.bdev.offset_blocks, io->u.bdev.num_blocks, &opts, written, io);
        if (rc != 0) bdk_dma_free(context->copy.iov_base);
    }
    if (rc != 0) bdk_bdev_io_complete_aio_status(io, rc);
}

static void unmap(struct bdk_io_channel* ch, struct bdk_bdev_io* io) {
    forward_then(ch, io, done);
}

static void flush(struct bdk_io_channel* ch, struct bdk_bdev_io* io) {
    forward_then(ch, io, done);
}

static void submit_request(struct bdk_io_channel* ch, struct bdk_bdev_io* io) {
    struct io_context* context = io->driver_ctx;
    context->begun = bdk_get_ticks();
    switch (io->type) {
        case BDK_BDEV_IO_TYPE_READ:
            bdk_bdev_io_get_buf(io, read_with_buffer,
                                io->u.bdev.num_blocks * bdk_bdev_get_block_size(io->bdev));
            break;
        case BDK_BDEV_IO_TYPE_WRITE:
            write_encoded(ch, io);
            break;
        case BDK_BDEV_IO_TYPE_UNMAP:
            unmap(ch, io);
            break;
        case BDK_BDEV_IO_TYPE_FLUSH:
            flush(ch, io);
            break;
        default:
            forward_then(ch, io, done);
    }
}

static bool io_type_supported(void* ctxt, uint32_t type) {
    const struct vbdev* self = ctxt;
    /* What else moves data the core makes of reads and writes. */
    switch (type) {
        case BDK_BDEV_IO_TYPE_READ:
        case BDK_BDEV_IO_TYPE_WRITE:
        case BDK_BDEV_IO_TYPE_FLUSH:
        case BDK_BDEV_IO_TYPE_UNMAP:
        case BDK_BDEV_IO_TYPE_RESET:
        case BDK_BDEV_IO_TYPE_ABORT:
            return bdk_bdev_io_type_supported(self->base, type);
        default:
            return false;
    }
}

/* ---- channels ---- */

static int create_channel(void* io_device, void* ctx) {
    const struct vbdev* self = io_device;
    struct channel* channel = ctx;
    channel->base = bdk_bdev_get_io_channel(self->base_desc);
    return channel->base != NULL ? 0 : -ENOMEM;
}

static void destroy_channel(void* io_device, void* ctx) {
    struct channel* channel = ctx;
    (void)io_device;
    bdk_put_io_channel(channel->base);
}

static struct bdk_io_channel* get_io_channel(void* ctxt) {
    return bdk_get_io_channel(ctxt);
}

/* ---- the bdev's life, on the app thread ---- */

static void io_device_unregistered(void* io_device) {
    struct vbdev* self = io_device;
    bdk_bdev_destruct_done(&self->bdev, 0);
    free(self->name);
    free(self);
}

/** The last desc is closed. */
static int destruct(void* ctxt) {
    struct vbdev* self = ctxt;
    bdk_bdev_module_release_bdev(self->base, &bdk_own_module);
    bdk_bdev_close(self->base_desc);
    const int rc = bdk_io_device_unregister(self, io_device_unregistered);
    return rc == 0 ? BDK_PENDING : rc;
}

static void base_event(uint32_t type, struct bdk_bdev* base, void* ctx) {
    struct vbdev* self = ctx;
    if (type == BDK_BDEV_EVENT_REMOVE) bdk_bdev_unregister(&self->bdev, NULL, NULL);
    if (type == BDK_BDEV_EVENT_RESIZE)
        bdk_bdev_notify_blockcnt_change(&self->bdev, bdk_bdev_get_num_blocks(base));
}

static const struct bdk_bdev_fn_table functions = {
    .size = sizeof(functions),
    .destruct = destruct,
    .submit_request = submit_request,
    .io_type_supported = io_type_supported,
    .get_io_channel = get_io_channel,
};

/** The shape of the base, but for what makes it another bdev. */
static void fill_bdev(struct vbdev* self) {
    struct bdk_bdev* own = &self->bdev;
    const struct bdk_bdev* base = self->base;
    own->size = sizeof(*own);
    own->ctxt = self;
    own->name = self->name;
    own->product_name = bdk_own_module.name;
    own->module = &bdk_own_module;
    own->fn_table = &functions;
    bdk_bdev_inherit(base, own);
    if (own->max_rw_size == 0 || own->max_rw_size > (1u << 20) / own->blocklen)
        own->max_rw_size = (1u << 20) / own->blocklen; /* of a write's copy; the core splits what is longer */
    self->bases[0] = base;
    own->bases = self->bases;
}

/** With the base open: claims it and registers, or leaves nothing. */
static int claim_and_register(struct vbdev* self) {
    int rc = bdk_bdev_module_claim_bdev(self->base, self->base_desc, &bdk_own_module);
    if (rc != 0) return rc;
    rc = bdk_io_device_register(self, create_channel, destroy_channel, sizeof(struct channel), self->name);
    if (rc == 0) {
        rc = bdk_bdev_register(&self->bdev);
        if (rc == 0) return 0;
        bdk_io_device_unregister(self, NULL);
    }
    bdk_bdev_module_release_bdev(self->base, &bdk_own_module);
    return rc;
}

static int open_base(struct vbdev* self, const char* base) {
    int rc = bdk_bdev_open(base, 0, base_event, self, &self->base_desc);
    if (rc != 0) return rc;
    self->base = bdk_bdev_desc_get_bdev(self->base_desc);
    if (bdk_bdev_get_md_size(self->base) != 0) {
        BDK_ERRLOG("bdev '%s' has metadata: give '%s' a base without", base, self->name);
        rc = -ENOTSUP;
    }
    if (rc == 0) {
        fill_bdev(self);
        rc = claim_and_register(self);
    }
    if (rc != 0) bdk_bdev_close(self->base_desc);
    return rc;
}

struct options {
    const char* base;
};

static int create(const struct bdk_module* module, struct bdk_create* request, const char* name,
                  const void* given) {
    const struct options* options = given;
    struct vbdev* self = calloc(1, sizeof(*self));
    int rc = -ENOMEM;
    (void)module;
    (void)request;
    if (self != NULL) {
        self->name = strdup(name);
        if (self->name != NULL) rc = open_base(self, options->base);
    }
    if (rc == 0) return 0;
    BDK_ERRLOG("cannot build bdev '%s' on '%s': %s", name, options->base, strerror(-rc));
    if (self != NULL) free(self->name);
    free(self);
    return rc;
}

/* ---- the module ---- */

static const struct bdk_option options_table[] = {
    {.name = "base",
     .help = "The bdev that it stands on; claimed for writing.",
     .type = BDK_OPTION_BDEV,
     .flags = BDK_OPTION_REQUIRED,
     .offset = offsetof(struct options, base)},
};

BDK_MODULE = {
    .size = sizeof(struct bdk_module),
    .name = "old-c",
    .version = "0.1.0",
    .description = "A plugin of ABI 1.0",
    .author = "bdevkit",
    .license = "BSD-3-Clause",
    .options = options_table,
    .option_count = sizeof(options_table) / sizeof(options_table[0]),
    .option_size = sizeof(struct bdk_option),
    .options_struct_size = sizeof(struct options),
    .get_ctx_size = get_ctx_size,
    .create = create,
};
