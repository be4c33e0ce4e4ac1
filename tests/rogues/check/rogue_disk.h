/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A RAM disk in C, which C++ takes too, that keeps every rule, to be spoilt: a rogue defines one of the hooks
 * below, each a statement, and includes this file.
 *
 *     ROGUE_INIT, ROGUE_FINI          first in init and fini
 *     ROGUE_CREATE(disk)              before registration
 *     ROGUE_CREATED(disk, rc)         after it
 *     ROGUE_DESTRUCT(disk)            first in destruct
 *     ROGUE_SUBMIT(disk, io)          first in submit_request; `return;` keeps the I/O
 *     ROGUE_MOVED(disk, io)           once the data of a read or write have been moved
 *     ROGUE_CREATE_CALL               what the module has as create
 *     ROGUE_TABLE                     more members of the module table, with a comma behind each
 */
#ifndef ROGUE_DISK_H
#define ROGUE_DISK_H

#include <bdevkit/bdevkit.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#ifndef ROGUE_INIT
#define ROGUE_INIT
#endif
#ifndef ROGUE_FINI
#define ROGUE_FINI
#endif
#ifndef ROGUE_CREATE
#define ROGUE_CREATE(disk)
#endif
#ifndef ROGUE_CREATED
#define ROGUE_CREATED(disk, rc)
#endif
#ifndef ROGUE_DESTRUCT
#define ROGUE_DESTRUCT(disk)
#endif
#ifndef ROGUE_SUBMIT
#define ROGUE_SUBMIT(disk, io)
#endif
#ifndef ROGUE_MOVED
#define ROGUE_MOVED(disk, io)
#endif
#ifndef ROGUE_CREATE_CALL
#define ROGUE_CREATE_CALL create
#endif
#ifndef ROGUE_TABLE
#define ROGUE_TABLE
#endif

enum { block_bytes = 512, disk_blocks = 2048 };

struct disk {
    struct bdk_bdev bdev;
    char name[256];
    unsigned char* data;
    void* extra; /* the rogue's */
};

static int create_channel(void* io_device, void* ctx) {
    (void)io_device, (void)ctx;
    return 0;
}

static void destroy_channel(void* io_device, void* ctx) {
    (void)io_device, (void)ctx;
}

static struct bdk_io_channel* get_channel(void* ctxt) {
    return bdk_get_io_channel(ctxt);
}

static void free_disk(void* io_device) {
    struct disk* disk = (struct disk*)io_device;
    if (disk->bdev.internal != NULL) bdk_bdev_destruct_done(&disk->bdev, 0);
    free(disk->data);
    free(disk->extra);
    free(disk);
}

static int destruct(void* ctxt) {
    struct disk* disk = (struct disk*)ctxt;
    (void)disk;
    ROGUE_DESTRUCT(disk);
    bdk_io_device_unregister(ctxt, free_disk);
    return BDK_PENDING;
}

static void move_data(struct bdk_io_channel* ch, struct bdk_bdev_io* io, bool success) {
    struct disk* disk = (struct disk*)io->bdev->ctxt;
    unsigned char* at =
        disk->data + io->u.bdev.offset_blocks * block_bytes % ((size_t)disk_blocks * block_bytes);
    (void)ch;
    if (!success) {
        bdk_bdev_io_complete(io, BDK_BDEV_IO_STATUS_NOMEM);
        return;
    }
    for (int i = 0; i < io->u.bdev.iovcnt; i++) {
        const struct iovec piece = io->u.bdev.iovs[i];
        if (io->type == BDK_BDEV_IO_TYPE_READ)
            memcpy(piece.iov_base, at, piece.iov_len);
        else
            memcpy(at, piece.iov_base, piece.iov_len);
        at += piece.iov_len;
    }
    ROGUE_MOVED(disk, io);
    bdk_bdev_io_complete(io, BDK_BDEV_IO_STATUS_SUCCESS);
}

static void submit(struct bdk_io_channel* ch, struct bdk_bdev_io* io) {
    struct disk* disk = (struct disk*)io->bdev->ctxt;
    (void)disk;
    ROGUE_SUBMIT(disk, io);
    switch (io->type) {
        case BDK_BDEV_IO_TYPE_READ:
            bdk_bdev_io_get_buf(io, move_data, io->u.bdev.num_blocks * block_bytes);
            return;
        case BDK_BDEV_IO_TYPE_WRITE:
            move_data(ch, io, true);
            return;
        case BDK_BDEV_IO_TYPE_ABORT:
            bdk_bdev_io_complete(io, BDK_BDEV_IO_STATUS_FAILED);
            return;
        default: /* flush and reset: there is nothing to do */
            bdk_bdev_io_complete(io, BDK_BDEV_IO_STATUS_SUCCESS);
    }
}

static const struct bdk_bdev_fn_table fn_table = {.size = sizeof(struct bdk_bdev_fn_table),
                                                  .destruct = destruct,
                                                  .submit_request = submit,
                                                  .get_io_channel = get_channel,
#ifdef ROGUE_FN_TABLE
                                                  ROGUE_FN_TABLE
#endif
};

static int create(const struct bdk_module* self, struct bdk_create* create_call, const char* name,
                  const void* options) {
    struct disk* disk = (struct disk*)calloc(1, sizeof(*disk));
    (void)self, (void)create_call, (void)options;
    if (disk == NULL) return -ENOMEM;
    disk->data = (unsigned char*)calloc(disk_blocks, block_bytes);
    strncpy(disk->name, name, sizeof(disk->name) - 1);
    disk->bdev.size = sizeof(disk->bdev);
    disk->bdev.ctxt = disk;
    disk->bdev.name = disk->name;
    disk->bdev.product_name = "Rogue disk";
    disk->bdev.module = self;
    disk->bdev.fn_table = &fn_table;
    disk->bdev.blocklen = block_bytes;
    disk->bdev.blockcnt = disk_blocks;
    disk->bdev.io_type_supported =
        BDK_BDEV_IO_TYPE_BIT(BDK_BDEV_IO_TYPE_READ) | BDK_BDEV_IO_TYPE_BIT(BDK_BDEV_IO_TYPE_WRITE) |
        BDK_BDEV_IO_TYPE_BIT(BDK_BDEV_IO_TYPE_FLUSH) | BDK_BDEV_IO_TYPE_BIT(BDK_BDEV_IO_TYPE_RESET) |
        BDK_BDEV_IO_TYPE_BIT(BDK_BDEV_IO_TYPE_ABORT);
    ROGUE_CREATE(disk);
    int rc = bdk_io_device_register(disk, create_channel, destroy_channel, 1, disk->name);
    if (rc == 0) {
        rc = bdk_bdev_register(&disk->bdev);
        if (rc != 0) bdk_io_device_unregister(disk, free_disk);
    }
    ROGUE_CREATED(disk, rc);
    return rc;
}

static int init(const struct bdk_module* self) {
    (void)self;
    ROGUE_INIT;
    return 0;
}

static int fini(const struct bdk_module* self) {
    (void)self;
    ROGUE_FINI;
    return 0;
}

BDK_MODULE = {.size = sizeof(struct bdk_module),
              .name = "rogue",
              .version = "1.0.0",
              .description = "A disk that breaks one rule",
              .option_size = sizeof(struct bdk_option),
              .init = init,
              .fini = fini,
              .create = ROGUE_CREATE_CALL,
              ROGUE_TABLE};

#endif
