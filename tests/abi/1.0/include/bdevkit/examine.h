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

/** One call of examine_config or examine_disk; the host's, valid until it has ended. */
struct bdk_examine;

/**
 * [app thread] Ends the call of examine_config or examine_disk that got `examine`, once. Bdevs are examined
 * side by side, so that a module may have several calls under way. A second end is reported, and does
 * nothing.
 * @param rc  0: the module has looked, whether or not the bdev is one of its own; a negative errno: it could
 * not look, which the host logs
 */
BDK_API void bdk_examine_done(struct bdk_examine* examine, int rc);

/** [the thread that asked] No examination is under way. */
typedef void (*bdk_bdev_wait_for_examine_cb)(void* ctx);

/** [bdk thread] Calls cb(ctx) once no examination is under way, in a later turn. @return 0 when cb will run;
 * -EINVAL without cb */
BDK_API int bdk_bdev_wait_for_examine(bdk_bdev_wait_for_examine_cb cb, void* ctx);

/**
 * [app thread] Examines a bdev by hand, by its name, an alias or its UUID: where `auto_examine` is off, and
 * where clients may have written to it, which holds automatic examination off. One that is not there yet is
 * examined once it appears, and each by modules that come later. A name is asked for once in the life of a
 * host: a bdev of that name that comes anew is examined as well.
 * @param name  copied
 * @return 0; -EEXIST when that name was asked for before, which changes nothing; -ENOMEM.
 */
BDK_API int bdk_bdev_examine(const char* name);

BDK_C_END

#endif
