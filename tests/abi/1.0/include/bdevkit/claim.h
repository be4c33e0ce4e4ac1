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

/** Types of claims. */
enum {
    BDK_BDEV_CLAIM_NONE = 0,                   /**< not claimed */
    BDK_BDEV_CLAIM_EXCL_WRITE = 1,             /**< held by a module: its desc writes, others may read */
    BDK_BDEV_CLAIM_READ_MANY_WRITE_ONE = 2,    /**< one writer, the claiming desc; others may read */
    BDK_BDEV_CLAIM_READ_MANY_WRITE_NONE = 3,   /**< shared by any number of claimers, nobody writes */
    BDK_BDEV_CLAIM_READ_MANY_WRITE_SHARED = 4, /**< writers that claim with the same key */
};

/** Options of a claim that a desc holds. Set `size`. */
struct bdk_bdev_claim_opts {
    uint32_t size;
    uint32_t reserved;
    uint64_t shared_claim_key; /**< of READ_MANY_WRITE_SHARED, where it is not 0; else not looked at */
    char name[32];             /**< the claimer, in messages and bdev info; empty: the module's name */
};

/**
 * [app thread] An exclusive-write claim of `bdev` for `module`. Nobody can open the bdev for writing until it
 * is released.
 * @param desc    the module's desc of `bdev`: it may write from now on, however it was opened. NULL: the
 * module has no desc, or has opened its desc for writing
 * @param module  who claims; valid as long as the claim
 * @return 0; -EPERM when claimed already, by whomever (the log names the holder), or, with a `desc`, when
 * another desc is open for writing; -EINVAL when the desc is of another bdev; -ENOMEM. On error nothing has
 * changed.
 */
BDK_API int bdk_bdev_module_claim_bdev(struct bdk_bdev* bdev, struct bdk_bdev_desc* desc,
                                       const struct bdk_module* module);
/**
 * [app thread] Releases the exclusive-write claim of that module. A close does not: release first, and close
 * then. A desc that the claim made a writer stays one until its close.
 * @return 0; -EPERM when the module has no such claim of the bdev: nobody has one, or another module, or a
 * desc (reported)
 */
BDK_API int bdk_bdev_module_release_bdev(struct bdk_bdev* bdev, const struct bdk_module* module);

/**
 * [desc's thread] A claim held by a desc, released at its close. With WRITE_ONE and WRITE_SHARED the desc may
 * write from now on, however it was opened.
 * @param type    BDK_BDEV_CLAIM_READ_MANY_*
 * @param opts    NULL for defaults; read before the call returns
 * @param module  who claims, for messages
 * @return 0; -EPERM when claimed already, unless the claims can be shared (the log names the holder); -EBUSY
 * when another desc is open for writing, or, for WRITE_NONE, this one; -EINVAL for a bad type, without a key
 * for WRITE_SHARED, or for options that the host does not know; -E2BIG for more of these; -ENOMEM.
 */
BDK_API int bdk_bdev_module_claim_bdev_desc(struct bdk_bdev_desc* desc, uint32_t type,
                                            const struct bdk_bdev_claim_opts* opts,
                                            const struct bdk_module* module);

BDK_C_END

#endif
