/* SPDX-License-Identifier: BSD-3-Clause */
/**
 * @file examine.h
 * Examination: when a bdev appears, every module may look at it, first by name (examine_config), then by what
 * is on it (examine_disk), and build a bdev on it.
 */
#ifndef BDEVKIT_EXAMINE_H
#define BDEVKIT_EXAMINE_H

#include <bdevkit/abi.h>

BDK_C_BEGIN

struct bdk_bdev;
struct bdk_module;

/**
 * [app thread] Ends one examine_config or examine_disk call; once for each. A call too many is reported.
 * Inside of such a call it ends that one, else the module's oldest: a module that reads bdevs in later turns
 * calls bdk_bdev_module_examined().
 */
BDK_API void bdk_bdev_module_examine_done(const struct bdk_module* module);

/**
 * [app thread] As bdk_bdev_module_examine_done(), and says which call: bdevs are examined side by side, so
 * that a module may have several under way. Since ABI 1.1.
 * @param bdev  as examine_disk got it; it may have gone meanwhile and is not looked at
 */
BDK_API void bdk_bdev_module_examined(const struct bdk_module* module, const struct bdk_bdev* bdev);

/** Runs on the thread that asked. */
typedef void (*bdk_bdev_wait_for_examine_cb)(void* ctx);

/** [bdk thread] Calls cb(ctx) once no examination is under way. @return 0; -ENOMEM; -EINVAL outside a bdk
 * thread. */
BDK_API int bdk_bdev_wait_for_examine(bdk_bdev_wait_for_examine_cb cb, void* ctx);

/**
 * [app thread] Examines a bdev by hand, by its name, an alias or its UUID: where `auto_examine` is off, and
 * where clients may have written to it, which holds automatic examination off. One that is not there yet is
 * examined once it appears, and each by modules that come later. @return 0; -EEXIST when asked before;
 * -ENOMEM.
 */
BDK_API int bdk_bdev_examine(const char* name);

BDK_C_END

#endif
