/* SPDX-License-Identifier: BSD-3-Clause */
/** @file notify.h Being told which bdevs come and go. */
#ifndef BDEVKIT_NOTIFY_H
#define BDEVKIT_NOTIFY_H

#include <bdevkit/abi.h>

BDK_C_BEGIN

struct bdk_bdev;
/** A watch; the caller's, from bdk_notify_add() to bdk_notify_remove(). */
struct bdk_notify;

/** What a watch tells. */
enum {
    BDK_NOTIFY_BDEV_REGISTER = 1,   /**< the bdev may be opened; no module has examined it yet */
    BDK_NOTIFY_BDEV_UNREGISTER = 2, /**< nobody has it open and its name is free; destruct comes next */
};

/**
 * [app thread] A bdev comes or goes. `type`: BDK_NOTIFY_*; the callee ignores types that it does not know.
 * `bdev` is valid during the call. The callee may open it when it comes, and may remove watches, its own
 * included; it may not register or unregister bdevs: it sends itself a message for that.
 */
typedef void (*bdk_notify_cb)(uint32_t type, struct bdk_bdev* bdev, void* ctx);

/**
 * [app thread] Calls cb from now on. Bdevs that are there already: bdk_for_each_bdev().
 * @param watch  result; the caller's until bdk_notify_remove(), and untouched on error
 * @return 0; -EINVAL without cb; -ENOMEM.
 */
BDK_API int bdk_notify_add(bdk_notify_cb cb, void* ctx, struct bdk_notify** watch);

/** [app thread] Ends a watch: cb is not called again. Allowed from any watch's callback. NULL is ignored. */
BDK_API void bdk_notify_remove(struct bdk_notify* watch);

BDK_C_END

#endif
