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

struct bdk_module;

/** [app thread] Ends one examine_config or examine_disk call; once for each. A call too many is reported. */
BDK_API void bdk_bdev_module_examine_done(const struct bdk_module* module);

/** Runs on the thread that asked. */
typedef void (*bdk_bdev_wait_for_examine_cb)(void* ctx);

/** [bdk thread] Calls cb(ctx) once no examination is under way. @return 0; -ENOMEM; -EINVAL outside a bdk
 * thread. */
BDK_API int bdk_bdev_wait_for_examine(bdk_bdev_wait_for_examine_cb cb, void* ctx);

/**
 * [app thread] Examines a bdev by hand, where `auto_examine` is off: by its name, an alias or its UUID. One
 * that is not there yet is examined once it appears, and each by modules that come later. @return 0; -EINVAL
 * when `auto_examine` is on; -EEXIST when asked before; -ENOMEM.
 */
BDK_API int bdk_bdev_examine(const char* name);

BDK_C_END

#endif
