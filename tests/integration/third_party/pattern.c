/* SPDX-License-Identifier: BSD-3-Clause */
/* A plugin as a third party writes it: one file, the installed headers, plain C. A read-only disk in which
 * every byte of block n is n modulo 251. */
#include <bdevkit/bdevkit.h>
#include <stdlib.h>
#include <string.h>

enum { BLOCK_SIZE = 512 };

struct pattern_options {
    uint64_t size;
};

static void fill(struct bdk_io_channel* ch, struct bdk_bdev_io* io, bool success) {
    uint64_t byte = io->u.bdev.offset_blocks * BLOCK_SIZE;
    (void)ch;
    for (int32_t i = 0; success && i < io->u.bdev.iovcnt; i++) {
        unsigned char* buf = io->u.bdev.iovs[i].iov_base;
        for (size_t at = 0; at < io->u.bdev.iovs[i].iov_len; at++, byte++)
            buf[at] = byte / BLOCK_SIZE % 251;
    }
    bdk_bdev_io_complete(io, success ? BDK_BDEV_IO_STATUS_SUCCESS : BDK_BDEV_IO_STATUS_FAILED);
}

static void submit_request(struct bdk_io_channel* ch, struct bdk_bdev_io* io) {
    (void)ch;
    bdk_bdev_io_get_buf(io, fill, io->u.bdev.num_blocks * BLOCK_SIZE);
}

static int no_context(void* io_device, void* ctx) {
    (void)io_device, (void)ctx;
    return 0;
}
static void no_context_to_destroy(void* io_device, void* ctx) {
    (void)io_device, (void)ctx;
}

static struct bdk_io_channel* get_io_channel(void* ctxt) {
    return bdk_get_io_channel(ctxt);
}

static void freed(void* io_device) {
    bdk_bdev_destruct_done(io_device, 0);
    free((char*)((struct bdk_bdev*)io_device)->name);
    free(io_device);
}
static int destruct(void* ctxt) {
    return bdk_io_device_unregister(ctxt, freed) == 0 ? BDK_PENDING : 0;
}

static const struct bdk_bdev_fn_table functions = {
    .size = sizeof(functions),
    .destruct = destruct,
    .submit_request = submit_request,
    .get_io_channel = get_io_channel,
};

static int create(const struct bdk_module* self, struct bdk_create* request, const char* name,
                  const void* options) {
    struct bdk_bdev* bdev = calloc(1, sizeof(*bdev));
    (void)request;
    bdev->size = sizeof(*bdev);
    bdev->ctxt = bdev;
    bdev->name = strdup(name);
    bdev->product_name = "Pattern disk";
    bdev->module = self;
    bdev->fn_table = &functions;
    bdev->blocklen = BLOCK_SIZE;
    bdev->blockcnt = ((const struct pattern_options*)options)->size / BLOCK_SIZE;
    bdev->io_type_supported = BDK_BDEV_IO_TYPE_BIT(BDK_BDEV_IO_TYPE_READ);
    bdk_io_device_register(bdev, no_context, no_context_to_destroy, 1, name);
    return bdk_bdev_register(bdev);
}

static const struct bdk_option option_table[] = {
    {.name = "size",
     .help = "Bytes.",
     .type = BDK_OPTION_SIZE,
     .flags = BDK_OPTION_REQUIRED,
     .min = BLOCK_SIZE},
};

BDK_MODULE = {
    .size = sizeof(bdk_own_module),
    .name = "pattern",
    .version = "0.1.0",
    .description = "A disk that knows its content.",
    .options = option_table,
    .option_count = 1,
    .option_size = sizeof(struct bdk_option),
    .options_struct_size = sizeof(struct pattern_options),
    .create = create,
};
