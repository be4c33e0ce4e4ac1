/* SPDX-License-Identifier: BSD-3-Clause */
/**
 * @file claim.h
 * Claims: a module that stacks on a bdev says what others may do with it meanwhile. A claim is released when
 * its desc is closed.
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
    BDK_BDEV_CLAIM_EXCL_WRITE = 1,          /**< one writer, the claimer; held by a module, others may read */
    BDK_BDEV_CLAIM_READ_MANY_WRITE_ONE = 2, /**< one writer, the claiming desc; others may read */
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
 * [app thread] An exclusive-write claim of `bdev` for `module`. A desc of the module that was opened for
 * reading may be promoted to writing.
 * @param desc  the module's desc, to be promoted; NULL when it is open for writing already, or none is held
 * @return 0; -EPERM when claimed already (the log names the holder), or opened for writing by another desc;
 * -ENOMEM.
 */
BDK_API int bdk_bdev_module_claim_bdev(struct bdk_bdev* bdev, struct bdk_bdev_desc* desc,
                                       const struct bdk_module* module);
/** [app thread] Releases that claim. */
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
