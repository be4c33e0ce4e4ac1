/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A layer that keeps some of the blocks that were read, to be spoilt.
 *
 *     ROGUE_CACHE_KEEPS(io)       whether a change does not make it forget what it keeps
 *     ROGUE_CACHE_FORGOTTEN(io)   how many of its blocks a change makes it forget
 */
#include <bdevkit/bdevkit.h>
#include <pthread.h>
#include <string.h>

#ifndef ROGUE_CACHE_KEEPS
#define ROGUE_CACHE_KEEPS(io) false
#endif
#ifndef ROGUE_CACHE_FORGOTTEN
#define ROGUE_CACHE_FORGOTTEN(io) (io)->u.bdev.num_blocks
#endif

enum { kept_blocks = 64, kept_bytes = 512 };

static pthread_mutex_t kept_mutex = PTHREAD_MUTEX_INITIALIZER;
static struct {
    const struct bdk_bdev* bdev;
    uint64_t block;
    unsigned char data[kept_bytes];
} kept[kept_blocks]; /* by block, modulo their number */

static void forget(const struct bdk_bdev_io* io) {
    const uint64_t count = ROGUE_CACHE_FORGOTTEN(io);
    if (ROGUE_CACHE_KEEPS(io)) return;
    pthread_mutex_lock(&kept_mutex);
    for (uint64_t i = 0; i < kept_blocks; i++)
        if (kept[i].bdev == io->bdev && kept[i].block - io->u.bdev.offset_blocks < count) kept[i].bdev = NULL;
    pthread_mutex_unlock(&kept_mutex);
}

/* The only block of a read that is done in one piece. */
static void* whole_block(const struct bdk_bdev_io* io) {
    const bool one = io->u.bdev.num_blocks == 1 && io->bdev->blocklen == kept_bytes;
    return one && io->u.bdev.iovcnt == 1 ? io->u.bdev.iovs[0].iov_base : NULL;
}

static bool read_kept(const struct bdk_bdev_io* io) {
    const uint64_t block = io->u.bdev.offset_blocks;
    void* to = whole_block(io);
    bool found = false;
    pthread_mutex_lock(&kept_mutex);
    found =
        to != NULL && kept[block % kept_blocks].bdev == io->bdev && kept[block % kept_blocks].block == block;
    if (found) memcpy(to, kept[block % kept_blocks].data, kept_bytes);
    pthread_mutex_unlock(&kept_mutex);
    return found;
}

static void keep(const struct bdk_bdev_io* io) {
    const uint64_t block = io->u.bdev.offset_blocks;
    const void* from = whole_block(io);
    if (from == NULL) return;
    pthread_mutex_lock(&kept_mutex);
    kept[block % kept_blocks].bdev = io->bdev;
    kept[block % kept_blocks].block = block;
    memcpy(kept[block % kept_blocks].data, from, kept_bytes);
    pthread_mutex_unlock(&kept_mutex);
}

#define ROGUE_CLAIM(layer)          \
    (memset(kept, 0, sizeof(kept)), \
     bdk_bdev_module_claim_bdev(bdk_bdev_desc_get_bdev((layer)->base), (layer)->base, &bdk_own_module))
#define ROGUE_TYPES \
    (BDK_BDEV_IO_TYPE_BIT(BDK_BDEV_IO_TYPE_UNMAP) | BDK_BDEV_IO_TYPE_BIT(BDK_BDEV_IO_TYPE_WRITE_ZEROES))
#define ROGUE_OTHER(layer, ch, io)                                                             \
    ((io)->type == BDK_BDEV_IO_TYPE_UNMAP                                                      \
         ? bdk_bdev_unmap_blocks((layer)->base, (ch)->base, (io)->u.bdev.offset_blocks,        \
                                 (io)->u.bdev.num_blocks, NULL, ended, io)                     \
         : bdk_bdev_write_zeroes_blocks((layer)->base, (ch)->base, (io)->u.bdev.offset_blocks, \
                                        (io)->u.bdev.num_blocks, NULL, ended, io))
#define ROGUE_SUBMIT(layer, ch, io)                           \
    if (io->type == BDK_BDEV_IO_TYPE_READ && read_kept(io)) { \
        bdk_bdev_io_complete(io, BDK_BDEV_IO_STATUS_SUCCESS); \
        return;                                               \
    }
#define ROGUE_ENDED(io, base_io, success)                                                  \
    if (io->type == BDK_BDEV_IO_TYPE_READ) {                                               \
        if (success) keep(io);                                                             \
    } else if (io->type != BDK_BDEV_IO_TYPE_RESET && io->type != BDK_BDEV_IO_TYPE_FLUSH) { \
        forget(io);                                                                        \
    }                                                                                      \
    bdk_bdev_io_complete_base_io_status(io, base_io)
#include "rogue_layer.h"
