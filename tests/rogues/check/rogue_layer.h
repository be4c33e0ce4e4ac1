/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A virtual bdev in plain C that passes everything to its base and keeps every rule, to be spoilt: a rogue
 * defines one of the hooks below and includes this file.
 *
 *     ROGUE_WRITABLE           whether the base is opened for writing before it is claimed
 *     ROGUE_CLAIM(layer)       claims the base; an expression, 0 or a negative errno
 *     ROGUE_RELEASE(layer)     gives the claim back
 *     ROGUE_CLOSE(layer)       closes the base
 *     ROGUE_PUT(ch)            puts the base's channel
 *     ROGUE_EVENT(layer)       what to do when the base goes
 *     ROGUE_SUBMIT(layer, ch, io)    first in submit_request
 *     ROGUE_NO_MEMORY(layer, ch, io) the base has no bdev_io
 *     ROGUE_ENDED(io, base_io, success)   completes io
 *     ROGUE_WRITE_CACHE(base)  whether the bdev has a volatile cache
 *     ROGUE_FLAGS              of the bdev, beside its write cache
 *     ROGUE_TYPES              of I/O, beside read, write, flush and reset
 *     ROGUE_OTHER(layer, ch, io)     an I/O of these types; an expression, 0 or a negative errno
 *     ROGUE_WRITE_OPTS(io)     options of the write of the base
 */
#ifndef ROGUE_LAYER_H
#define ROGUE_LAYER_H

#include <bdevkit/bdevkit.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#ifndef ROGUE_WRITABLE
#define ROGUE_WRITABLE false
#endif
#ifndef ROGUE_CLAIM
#define ROGUE_CLAIM(layer) \
    bdk_bdev_module_claim_bdev(bdk_bdev_desc_get_bdev((layer)->base), (layer)->base, &bdk_own_module)
#endif
#ifndef ROGUE_RELEASE
#define ROGUE_RELEASE(layer) \
    bdk_bdev_module_release_bdev(bdk_bdev_desc_get_bdev((layer)->base), &bdk_own_module)
#endif
#ifndef ROGUE_CLOSE
#define ROGUE_CLOSE(layer) bdk_bdev_close((layer)->base)
#endif
#ifndef ROGUE_PUT
#define ROGUE_PUT(ch) bdk_put_io_channel(ch)
#endif
#ifndef ROGUE_EVENT
#define ROGUE_EVENT(layer) bdk_bdev_unregister(&(layer)->bdev, NULL, NULL)
#endif
#ifndef ROGUE_SUBMIT
#define ROGUE_SUBMIT(layer, ch, io)
#endif
#ifndef ROGUE_NO_MEMORY
#define ROGUE_NO_MEMORY(layer, ch, io) bdk_bdev_io_complete(io, BDK_BDEV_IO_STATUS_NOMEM)
#endif
#ifndef ROGUE_ENDED
#define ROGUE_ENDED(io, base_io, success) bdk_bdev_io_complete_base_io_status(io, base_io)
#endif

#ifndef ROGUE_WRITE_CACHE
#define ROGUE_WRITE_CACHE(base) bdk_bdev_has_write_cache(base)
#endif
#ifndef ROGUE_FLAGS
#define ROGUE_FLAGS 0
#endif
#ifndef ROGUE_TYPES
#define ROGUE_TYPES 0
#endif
#ifndef ROGUE_OTHER
#define ROGUE_OTHER(layer, ch, io) -ENOTSUP
#endif
#ifndef ROGUE_WRITE_OPTS
#define ROGUE_WRITE_OPTS(io) NULL
#endif

struct layer {
    struct bdk_bdev bdev;
    char name[256];
    struct bdk_bdev_desc* base;
};

struct channel {
    struct bdk_io_channel* base;
};

struct layer_options {
    const char* base;
};

static const struct bdk_option options[] = {{
    .name = "base",
    .help = "The bdev below.",
    .type = BDK_OPTION_BDEV,
    .flags = BDK_OPTION_REQUIRED,
}};

static int create_channel(void* io_device, void* ctx) {
    struct layer* layer = io_device;
    struct channel* ch = ctx;
    ch->base = bdk_bdev_get_io_channel(layer->base);
    return ch->base == NULL ? -ENOMEM : 0;
}

static void destroy_channel(void* io_device, void* ctx) {
    struct channel* ch = ctx;
    (void)io_device, (void)ch;
    ROGUE_PUT(ch->base);
}

static struct bdk_io_channel* get_channel(void* ctxt) {
    return bdk_get_io_channel(ctxt);
}

static void free_layer(void* io_device) {
    struct layer* layer = io_device;
    if (layer->bdev.internal != NULL) bdk_bdev_destruct_done(&layer->bdev, 0);
    free(layer);
}

static int destruct(void* ctxt) {
    struct layer* layer = ctxt;
    ROGUE_RELEASE(layer);
    ROGUE_CLOSE(layer);
    bdk_io_device_unregister(layer, free_layer);
    return BDK_PENDING;
}

static void base_event(uint32_t type, struct bdk_bdev* bdev, void* ctx) {
    struct layer* layer = ctx;
    (void)bdev, (void)layer;
    if (type == BDK_BDEV_EVENT_REMOVE) ROGUE_EVENT(layer);
}

static void ended(struct bdk_bdev_io* base_io, bool success, void* arg) {
    struct bdk_bdev_io* io = arg;
    (void)success;
    ROGUE_ENDED(io, base_io, success);
    bdk_bdev_free_io(base_io);
}

static void pass(struct bdk_io_channel* module_ch, struct bdk_bdev_io* io, bool have_buffer) {
    struct layer* layer = io->bdev->ctxt;
    struct channel* ch = bdk_io_channel_get_ctx(module_ch);
    const struct bdk_bdev_io_block_params* params = &io->u.bdev;
    int rc = 0;
    if (!have_buffer) {
        bdk_bdev_io_complete(io, BDK_BDEV_IO_STATUS_NOMEM);
        return;
    }
    if (io->type == BDK_BDEV_IO_TYPE_READ)
        rc = bdk_bdev_readv_blocks(layer->base, ch->base, params->iovs, params->iovcnt, params->offset_blocks,
                                   params->num_blocks, NULL, ended, io);
    else if (io->type == BDK_BDEV_IO_TYPE_WRITE)
        rc =
            bdk_bdev_writev_blocks(layer->base, ch->base, params->iovs, params->iovcnt, params->offset_blocks,
                                   params->num_blocks, ROGUE_WRITE_OPTS(io), ended, io);
    else if (io->type == BDK_BDEV_IO_TYPE_FLUSH)
        rc = bdk_bdev_flush_blocks(layer->base, ch->base, params->offset_blocks, params->num_blocks, NULL,
                                   ended, io);
    else if (io->type == BDK_BDEV_IO_TYPE_RESET)
        rc = bdk_bdev_reset(layer->base, ch->base, NULL, ended, io);
    else
        rc = ROGUE_OTHER(layer, ch, io);
    if (rc == -ENOMEM)
        ROGUE_NO_MEMORY(layer, ch, io);
    else if (rc != 0)
        bdk_bdev_io_complete_aio_status(io, rc);
}

static void submit(struct bdk_io_channel* module_ch, struct bdk_bdev_io* io) {
    struct layer* layer = io->bdev->ctxt;
    struct channel* ch = bdk_io_channel_get_ctx(module_ch);
    (void)layer, (void)ch;
    ROGUE_SUBMIT(layer, ch, io);
    if (io->type == BDK_BDEV_IO_TYPE_READ)
        bdk_bdev_io_get_buf(io, pass, io->u.bdev.num_blocks * io->bdev->blocklen);
    else
        pass(module_ch, io, true);
}

static const struct bdk_bdev_fn_table fn_table = {
    .size = sizeof(struct bdk_bdev_fn_table),
    .destruct = destruct,
    .submit_request = submit,
    .get_io_channel = get_channel,
};

static void describe(struct layer* layer, const struct bdk_bdev* base) {
    layer->bdev.size = sizeof(layer->bdev);
    layer->bdev.ctxt = layer;
    layer->bdev.name = layer->name;
    layer->bdev.product_name = "Rogue layer";
    layer->bdev.module = &bdk_own_module;
    layer->bdev.fn_table = &fn_table;
    layer->bdev.blocklen = bdk_bdev_get_block_size(base);
    layer->bdev.blockcnt = bdk_bdev_get_num_blocks(base);
    layer->bdev.io_type_supported = BDK_BDEV_IO_TYPE_BIT(BDK_BDEV_IO_TYPE_READ) |
                                    BDK_BDEV_IO_TYPE_BIT(BDK_BDEV_IO_TYPE_WRITE) |
                                    BDK_BDEV_IO_TYPE_BIT(BDK_BDEV_IO_TYPE_FLUSH) |
                                    BDK_BDEV_IO_TYPE_BIT(BDK_BDEV_IO_TYPE_RESET) | (ROGUE_TYPES);
    layer->bdev.flags = (ROGUE_WRITE_CACHE(base) ? BDK_BDEV_WRITE_CACHE : 0u) | (ROGUE_FLAGS);
}

static int create(const struct bdk_module* self, struct bdk_create* create_call, const char* name,
                  const void* given) {
    const struct layer_options* layer_options = given;
    struct layer* layer = calloc(1, sizeof(*layer));
    (void)self, (void)create_call;
    if (layer == NULL) return -ENOMEM;
    strncpy(layer->name, name, sizeof(layer->name) - 1);
    int rc = bdk_bdev_open(layer_options->base, ROGUE_WRITABLE ? BDK_BDEV_OPEN_WRITE : 0, base_event, layer,
                           &layer->base);
    if (rc != 0) {
        free(layer);
        return rc;
    }
    rc = ROGUE_CLAIM(layer);
    if (rc != 0) {
        bdk_bdev_close(layer->base);
        free(layer);
        return rc;
    }
    describe(layer, bdk_bdev_desc_get_bdev(layer->base));
    rc = bdk_io_device_register(layer, create_channel, destroy_channel, sizeof(struct channel), layer->name);
    if (rc == 0) rc = bdk_bdev_register(&layer->bdev);
    if (rc != 0) destruct(layer);
    return rc;
}

BDK_MODULE = {
    .size = sizeof(struct bdk_module),
    .name = "rogue",
    .version = "1.0.0",
    .description = "A layer that breaks one rule",
    .options = options,
    .option_count = 1,
    .option_size = sizeof(struct bdk_option),
    .options_struct_size = sizeof(struct layer_options),
    .create = create,
};

#endif
