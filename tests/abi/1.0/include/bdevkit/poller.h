/* SPDX-License-Identifier: BSD-3-Clause */
/**
 * @file poller.h
 * Pollers: functions that a thread calls again and again, and file descriptors that wake a sleeping reactor.
 * A reactor in the default mode `adaptive` sleeps when nothing is left to do. A busy poller (period 0) that
 * is not paused keeps it awake while it finds work; after 10 ms without any it is called less and less often,
 * down to every 10 ms: a module that wants both an idle host and no delay pauses its poller while nothing is
 * outstanding, or registers an fd.
 */
#ifndef BDEVKIT_POLLER_H
#define BDEVKIT_POLLER_H

#include <bdevkit/abi.h>

BDK_C_BEGIN

struct bdk_poller;
struct bdk_interrupt;

/** What a poller function returns. */
#define BDK_POLLER_IDLE 0 /**< found nothing to do */
#define BDK_POLLER_BUSY 1 /**< did something */

/** Runs on the thread that registered the poller; must not block. */
typedef int (*bdk_poller_fn)(void* ctx);

/**
 * [bdk thread] Registers fn on the calling thread.
 * @param fn         called with `ctx`
 * @param period_us  0: every turn of the reactor; else every that many microseconds
 * @param name       shown in logs and statistics; copied; NULL for the symbol's name
 * @return the poller, owned by the thread; NULL outside a bdk thread (reported) or without memory.
 */
BDK_API struct bdk_poller* bdk_poller_register(bdk_poller_fn fn, void* ctx, uint64_t period_us,
                                               const char* name);

/**
 * [the poller's thread] Unregisters *poller and sets *poller to NULL. The function is not called again, its
 * memory is freed in a later turn. Allowed from the poller itself and from other pollers. NULL is ignored.
 */
BDK_API void bdk_poller_unregister(struct bdk_poller** poller);

/** [the poller's thread] Stops calling the poller until bdk_poller_resume(). A paused poller costs nothing.
 */
BDK_API void bdk_poller_pause(struct bdk_poller* poller);

/** [the poller's thread] Undoes bdk_poller_pause(); a timed poller waits one full period first. */
BDK_API void bdk_poller_resume(struct bdk_poller* poller);

/** What a poller has done so far. Set `size` before asking. */
struct bdk_poller_stats {
    uint32_t size;
    uint32_t reserved;
    uint64_t runs;      /**< calls */
    uint64_t busy_runs; /**< calls that returned BDK_POLLER_BUSY */
};

/** [the poller's thread] Fills `stats`. @return 0 or -EINVAL. */
BDK_API int bdk_poller_get_stats(const struct bdk_poller* poller, struct bdk_poller_stats* stats);

/** Events of bdk_interrupt_register(), with the values of <sys/epoll.h>. */
#define BDK_INTERRUPT_IN 0x001u
#define BDK_INTERRUPT_OUT 0x004u

/**
 * [bdk thread] Calls fn(ctx) on the calling thread when `fd` is ready. Level-triggered: fn runs again until
 * the condition is gone. While the reactor polls, the fd is looked at as well, less often than a poller runs.
 * @param fd      a descriptor that epoll accepts; stays the caller's, who closes it after unregistering
 * @param events  BDK_INTERRUPT_IN, BDK_INTERRUPT_OUT or both
 * @param fn      as a poller's
 * @param name    shown in logs; copied
 * @return the registration, owned by the thread; NULL on error (logged).
 */
BDK_API struct bdk_interrupt* bdk_interrupt_register(int fd, uint32_t events, bdk_poller_fn fn, void* ctx,
                                                     const char* name);

/** [the registration's thread] Changes the events. @return 0 or a negative errno of epoll_ctl. */
BDK_API int bdk_interrupt_set_events(struct bdk_interrupt* interrupt, uint32_t events);

/** [the registration's thread] Ends the registration and sets *interrupt to NULL. NULL is ignored. */
BDK_API void bdk_interrupt_unregister(struct bdk_interrupt** interrupt);

BDK_C_END

#endif
