/* SPDX-License-Identifier: BSD-3-Clause */
/**
 * @file claim.h
 * Claims: a module that stacks on a bdev says what others may do with it meanwhile. The exclusive-write claim
 * is held by the module, until bdk_bdev_module_release_bdev(); the others are held by descs, until their
 * close.
 */
#ifndef BDEVKIT_CLAIM_H
#define BDEVKIT_CLAIM_H

#include <bdevkit/abi.h>

BDK_C_BEGIN

struct bdk_bdev;
struct bdk_bdev_desc;
struct bdk_module;

enum {
    BDK_BDEV_CLAIM_NONE = 0,
    BDK_BDEV_CLAIM_EXCL_WRITE = 1,             /**< held by a module: its desc writes, others may read */
    BDK_BDEV_CLAIM_READ_MANY_WRITE_ONE = 2,    /**< one writer, the claiming desc; others may read */
    BDK_BDEV_CLAIM_READ_MANY_WRITE_NONE = 3,   /**< shared by any number of claimers, nobody writes */
    BDK_BDEV_CLAIM_READ_MANY_WRITE_SHARED = 4, /**< writers that claim with the same key */
};

/** Set `size`. */
struct bdk_bdev_claim_opts {
    uint32_t size;
    uint32_t reserved;
    uint64_t shared_claim_key; /**< READ_MANY_WRITE_SHARED: not 0 */
    char name[32];             /**< the claimer, in messages and bdev info; empty: the module's name */
};

/**
 * [app thread] An exclusive-write claim of `bdev` for `module`. Nobody can open the bdev for writing until it
 * is released.
 * @param desc  the module's desc: it may write from now on, however it was opened. NULL: the module has none,
 * or has one that is open for writing
 * @return 0; -EPERM when claimed already (the log names the holder), or, with a `desc`, when another desc is
 * open for writing; -ENOMEM.
 */
BDK_API int bdk_bdev_module_claim_bdev(struct bdk_bdev* bdev, struct bdk_bdev_desc* desc,
                                       const struct bdk_module* module);
/** [app thread] Releases that claim. A close does not: release first, and close then. */
BDK_API void bdk_bdev_module_release_bdev(struct bdk_bdev* bdev);

/**
 * [desc's thread] A claim held by a desc, released at its close.
 * @param type  BDK_BDEV_CLAIM_READ_MANY_*
 * @param opts  NULL for defaults
 * @return 0; -EPERM as above; -EBUSY when another desc has it open for writing; -EINVAL for a bad type or
 * key; -ENOMEM.
 */
BDK_API int bdk_bdev_module_claim_bdev_desc(struct bdk_bdev_desc* desc, uint32_t type,
                                            const struct bdk_bdev_claim_opts* opts,
                                            const struct bdk_module* module);

BDK_C_END

#endif
