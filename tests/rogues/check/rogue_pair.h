/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A bdev over two bases in plain C that keeps every rule. It puts one behind the other, or with PAIR_MIRRORS
 * each on the other, when it lives on with the one that is left. To be spoilt:
 *
 *     PAIR_SEAM(pair)     the first block of the second base
 */
#ifndef ROGUE_PAIR_H
#define ROGUE_PAIR_H

#include <bdevkit/bdevkit.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#ifndef PAIR_SEAM
#define PAIR_SEAM(pair) (pair)->blocks[0]
#endif
#ifdef PAIR_MIRRORS
enum { mirrors = 1 };
#else
enum { mirrors = 0 };
#endif

struct pair;

struct base {
    struct pair* pair;
    struct bdk_bdev_desc* desc; /* NULL once it has gone */
};

struct pair {
    struct bdk_bdev bdev;
    char name[256];
    struct base bases[2];
    uint64_t blocks[2];
};

struct channel {
    struct bdk_io_channel* base[2];
    bool lost[2]; /* the base has gone, as this thread knows */
};

struct pair_options {
    struct bdk_option_list bases;
};

static const struct bdk_option options[] = {{
    .name = "bases",
    .help = "The two bdevs below.",
    .type = BDK_OPTION_BDEV,
    .flags = BDK_OPTION_REQUIRED | BDK_OPTION_LIST,
}};

static int create_channel(void* io_device, void* ctx) {
    struct pair* pair = io_device;
    struct channel* ch = ctx;
    for (int i = 0; i < 2; i++) {
        ch->lost[i] = pair->bases[i].desc == NULL;
        if (ch->lost[i]) continue;
        ch->base[i] = bdk_bdev_get_io_channel(pair->bases[i].desc);
        if (ch->base[i] != NULL) continue;
        if (i == 1 && ch->base[0] != NULL) bdk_put_io_channel(ch->base[0]);
        return -ENOMEM;
    }
    return 0;
}

static void destroy_channel(void* io_device, void* ctx) {
    struct channel* ch = ctx;
    (void)io_device;
    for (int i = 0; i < 2; i++)
        if (ch->base[i] != NULL) bdk_put_io_channel(ch->base[i]);
}

static struct bdk_io_channel* get_channel(void* ctxt) {
    return bdk_get_io_channel(ctxt);
}

static void free_pair(void* io_device) {
    struct pair* pair = io_device;
    if (pair->bdev.internal != NULL) bdk_bdev_destruct_done(&pair->bdev, 0);
    free(pair);
}

static void close_base(struct base* base) {
    if (base->desc == NULL) return;
    bdk_bdev_module_release_bdev(bdk_bdev_desc_get_bdev(base->desc), &bdk_own_module);
    bdk_bdev_close(base->desc);
    base->desc = NULL;
}

static int destruct(void* ctxt) {
    struct pair* pair = ctxt;
    close_base(&pair->bases[0]);
    close_base(&pair->bases[1]);
    bdk_io_device_unregister(pair, free_pair);
    return BDK_PENDING;
}

/* ---- I/O ---- */

/* The parts of an I/O: at most one for each base. */
struct parts {
    struct bdk_bdev_io* io;
    int left;
    bool failed, lacks_memory;
    struct iovec* iovs[2];
};

static void note_failure(struct parts* parts, int rc) {
    parts->failed |= rc != 0;
    parts->lacks_memory |= rc == -ENOMEM; /* the core submits all of it again */
}

static void part_done(struct parts* parts) {
    if (--parts->left != 0) return;
    bdk_bdev_io_complete(parts->io, parts->lacks_memory ? BDK_BDEV_IO_STATUS_NOMEM
                                    : parts->failed     ? BDK_BDEV_IO_STATUS_FAILED
                                                        : BDK_BDEV_IO_STATUS_SUCCESS);
    free(parts->iovs[0]);
    free(parts->iovs[1]);
    free(parts);
}

static void ended(struct bdk_bdev_io* base_io, bool success, void* arg) {
    bdk_bdev_free_io(base_io);
    note_failure(arg, success ? 0 : -EIO);
    part_done(arg);
}

/* The pieces of the data from `skip` on, `bytes` long. */
static int slice(const struct bdk_bdev_io* io, uint64_t skip, uint64_t bytes, struct iovec* to) {
    int count = 0;
    for (int i = 0; i < io->u.bdev.iovcnt && bytes != 0; i++) {
        struct iovec piece = io->u.bdev.iovs[i];
        if (skip >= piece.iov_len) {
            skip -= piece.iov_len;
            continue;
        }
        piece.iov_base = (char*)piece.iov_base + skip;
        piece.iov_len -= skip;
        if (piece.iov_len > bytes) piece.iov_len = bytes;
        skip = 0;
        bytes -= piece.iov_len;
        to[count++] = piece;
    }
    return count;
}

static int start_part(struct pair* pair, struct channel* ch, struct parts* parts, int base, uint64_t first,
                      uint64_t blocks, uint64_t skip) {
    struct bdk_bdev_desc* desc = pair->bases[base].desc;
    struct bdk_io_channel* base_ch = ch->base[base];
    const struct bdk_bdev_io* io = parts->io;
    const uint32_t block_size = pair->bdev.blocklen;
    int count = 0;
    if (io->type == BDK_BDEV_IO_TYPE_RESET) return bdk_bdev_reset(desc, base_ch, NULL, ended, parts);
    if (io->type == BDK_BDEV_IO_TYPE_FLUSH)
        return bdk_bdev_flush_blocks(desc, base_ch, 0, pair->blocks[base], NULL, ended, parts);
    parts->iovs[base] = calloc((size_t)io->u.bdev.iovcnt, sizeof(struct iovec));
    if (parts->iovs[base] == NULL) return -ENOMEM;
    count = slice(io, skip * block_size, blocks * block_size, parts->iovs[base]);
    if (io->type == BDK_BDEV_IO_TYPE_READ)
        return bdk_bdev_readv_blocks(desc, base_ch, parts->iovs[base], count, first, blocks, NULL, ended,
                                     parts);
    return bdk_bdev_writev_blocks(desc, base_ch, parts->iovs[base], count, first, blocks, NULL, ended, parts);
}

/* Whether the I/O has a part for this base. */
static bool wants(const struct pair* pair, const struct channel* ch, const struct bdk_bdev_io* io, int base,
                  uint64_t blocks) {
    (void)pair;
    if (ch->lost[base]) return false;
    if (mirrors && io->type == BDK_BDEV_IO_TYPE_READ) return base == 0 || ch->lost[0];
    return blocks != 0;
}

static void run(struct bdk_io_channel* module_ch, struct bdk_bdev_io* io, bool success) {
    struct pair* pair = io->bdev->ctxt;
    struct channel* ch = bdk_io_channel_get_ctx(module_ch);
    struct parts* parts = calloc(1, sizeof(*parts));
    const uint64_t first = io->u.bdev.offset_blocks, end = first + io->u.bdev.num_blocks;
    const uint64_t seam = mirrors ? 0 : PAIR_SEAM(pair);
    const bool has_range = io->type == BDK_BDEV_IO_TYPE_READ || io->type == BDK_BDEV_IO_TYPE_WRITE;
    /* The blocks below the seam, and behind it; all of them on both where they are mirrored. */
    const uint64_t low = mirrors || !has_range ? end - first
                         : end <= seam         ? end - first
                         : first < seam        ? seam - first
                                               : 0;
    const uint64_t high = mirrors || !has_range ? end - first : end - first - low;
    const uint64_t blocks[2] = {low, high};
    if (!success || parts == NULL) {
        free(parts);
        bdk_bdev_io_complete(io, BDK_BDEV_IO_STATUS_NOMEM);
        return;
    }
    parts->io = io;
    parts->left = 1;
    for (int i = 0; i < 2; i++) {
        const uint64_t skip = mirrors || i == 0 ? 0 : low;
        const uint64_t at = mirrors || i == 0 ? first : first + low - seam;
        const bool whole = io->type == BDK_BDEV_IO_TYPE_RESET || io->type == BDK_BDEV_IO_TYPE_FLUSH;
        if (!wants(pair, ch, io, i, whole ? 1 : blocks[i])) continue;
        const int rc = start_part(pair, ch, parts, i, at, blocks[i], skip);
        parts->left += rc == 0;
        note_failure(parts, rc);
    }
    note_failure(parts, ch->lost[0] && ch->lost[1] ? -ENODEV : 0);
    part_done(parts);
}

static void submit(struct bdk_io_channel* module_ch, struct bdk_bdev_io* io) {
    if (io->type == BDK_BDEV_IO_TYPE_READ)
        bdk_bdev_io_get_buf(io, run, io->u.bdev.num_blocks * io->bdev->blocklen);
    else
        run(module_ch, io, true);
}

/* ---- the removal of a base ---- */

static void note_loss(struct bdk_io_channel_iter* walk) {
    struct channel* ch = bdk_io_channel_get_ctx(bdk_io_channel_iter_get_channel(walk));
    const struct base* base = bdk_io_channel_iter_get_ctx(walk);
    const int index = (int)(base - base->pair->bases);
    ch->lost[index] = true;
    bdk_for_each_channel_continue(walk, 0);
}

static void all_know(struct bdk_io_channel_iter* walk, int status) {
    (void)status;
    close_base(bdk_io_channel_iter_get_ctx(walk));
}

static void base_event(uint32_t type, struct bdk_bdev* bdev, void* ctx) {
    struct base* base = ctx;
    struct pair* pair = base->pair;
    const struct base* other = &pair->bases[base == &pair->bases[0]];
    (void)bdev;
    if (type != BDK_BDEV_EVENT_REMOVE) return;
    if (!mirrors || other->desc == NULL)
        bdk_bdev_unregister(&pair->bdev, NULL, NULL);
    else
        bdk_for_each_channel(pair, note_loss, base, all_know);
}

/* ---- creation ---- */

static int open_base(struct pair* pair, int index, const char* name) {
    struct base* base = &pair->bases[index];
    base->pair = pair;
    int rc = bdk_bdev_open(name, 0, base_event, base, &base->desc);
    if (rc != 0) return rc;
    rc = bdk_bdev_module_claim_bdev(bdk_bdev_desc_get_bdev(base->desc), base->desc, &bdk_own_module);
    pair->blocks[index] = bdk_bdev_get_num_blocks(bdk_bdev_desc_get_bdev(base->desc));
    if (rc == 0) return 0;
    bdk_bdev_close(base->desc);
    base->desc = NULL;
    return rc;
}

static const struct bdk_bdev_fn_table fn_table = {
    .size = sizeof(struct bdk_bdev_fn_table),
    .destruct = destruct,
    .submit_request = submit,
    .get_io_channel = get_channel,
};

static void describe(struct pair* pair) {
    const struct bdk_bdev* base = bdk_bdev_desc_get_bdev(pair->bases[0].desc);
    const uint64_t smaller = pair->blocks[pair->blocks[1] < pair->blocks[0]];
    pair->bdev.size = sizeof(pair->bdev);
    pair->bdev.ctxt = pair;
    pair->bdev.name = pair->name;
    pair->bdev.product_name = "Pair";
    pair->bdev.module = &bdk_own_module;
    pair->bdev.fn_table = &fn_table;
    pair->bdev.blocklen = bdk_bdev_get_block_size(base);
    pair->bdev.blockcnt = mirrors ? smaller : pair->blocks[0] + pair->blocks[1];
    pair->bdev.flags = bdk_bdev_has_write_cache(base) ? BDK_BDEV_WRITE_CACHE : 0u;
    pair->bdev.io_type_supported =
        BDK_BDEV_IO_TYPE_BIT(BDK_BDEV_IO_TYPE_READ) | BDK_BDEV_IO_TYPE_BIT(BDK_BDEV_IO_TYPE_WRITE) |
        BDK_BDEV_IO_TYPE_BIT(BDK_BDEV_IO_TYPE_FLUSH) | BDK_BDEV_IO_TYPE_BIT(BDK_BDEV_IO_TYPE_RESET);
}

static int create(const struct bdk_module* self, struct bdk_create* create_call, const char* name,
                  const void* given) {
    const struct pair_options* pair_options = given;
    const char* const* bases = pair_options->bases.items;
    struct pair* pair = calloc(1, sizeof(*pair));
    (void)self, (void)create_call;
    if (pair == NULL) return -ENOMEM;
    strncpy(pair->name, name, sizeof(pair->name) - 1);
    int rc = pair_options->bases.count == 2 ? 0 : -EINVAL;
    for (int i = 0; i < 2 && rc == 0; i++)
        rc = open_base(pair, i, bases[i]);
    if (rc != 0) {
        close_base(&pair->bases[0]);
        close_base(&pair->bases[1]);
        free(pair);
        return rc;
    }
    describe(pair);
    rc = bdk_io_device_register(pair, create_channel, destroy_channel, sizeof(struct channel), pair->name);
    if (rc == 0) rc = bdk_bdev_register(&pair->bdev);
    if (rc != 0) destruct(pair);
    return rc;
}

BDK_MODULE = {
    .size = sizeof(struct bdk_module),
    .name = "pair",
    .version = "1.0.0",
    .description = "A bdev over two bases",
    .options = options,
    .option_count = 1,
    .option_size = sizeof(struct bdk_option),
    .options_struct_size = sizeof(struct pair_options),
    .create = create,
};

#endif
