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

/** One registration of a function; the thread's, until it is unregistered. */
struct bdk_poller;
/** One registration of a file descriptor; the thread's, until it is unregistered. */
struct bdk_interrupt;

/** What a poller function returns; any other value counts as BUSY. */
#define BDK_POLLER_IDLE 0 /**< found nothing to do */
#define BDK_POLLER_BUSY 1 /**< did something */

/** [owner's thread] Looks for work and does it; must not block. @return BDK_POLLER_IDLE or BDK_POLLER_BUSY */
typedef int (*bdk_poller_fn)(void* ctx);

/**
 * [bdk thread] Registers fn on the calling thread.
 * @param fn         called with `ctx`, never inside this call
 * @param period_us  0: every turn of the reactor; else every that many microseconds
 * @param name       shown in logs and statistics; copied; NULL for the symbol's name
 * @return the poller, for bdk_poller_unregister(); NULL without fn (reported) or without memory.
 */
BDK_API struct bdk_poller* bdk_poller_register(bdk_poller_fn fn, void* ctx, uint64_t period_us,
                                               const char* name);

/**
 * [owner's thread] Unregisters *poller and sets *poller to NULL. The function is not called again, its
 * memory is freed in a later turn. Allowed from the poller itself and from other pollers. A NULL pointer, and
 * a pointer to NULL, are ignored.
 */
BDK_API void bdk_poller_unregister(struct bdk_poller** poller);

/** [owner's thread] Stops calling the poller until bdk_poller_resume(). A paused poller costs nothing. One
 * that is paused stays so. */
BDK_API void bdk_poller_pause(struct bdk_poller* poller);

/** [owner's thread] Undoes bdk_poller_pause(); a timed poller waits one full period first. One that runs
 * goes on as it is. */
BDK_API void bdk_poller_resume(struct bdk_poller* poller);

/** The counters of a poller since its registration. Set `size` before the call. */
struct bdk_poller_stats {
    uint32_t size;
    uint32_t reserved;
    uint64_t runs;      /**< calls */
    uint64_t busy_runs; /**< calls that returned BDK_POLLER_BUSY */
};

/** [owner's thread] Fills `stats`. @return 0; -EINVAL for NULL, or a size below 8. */
BDK_API int bdk_poller_get_stats(const struct bdk_poller* poller, struct bdk_poller_stats* stats);

/** Events of a descriptor, with the values of <sys/epoll.h>. The last two come unasked. */
#define BDK_INTERRUPT_IN 0x001u  /**< there is something to read */
#define BDK_INTERRUPT_OUT 0x004u /**< there is room to write */
#define BDK_INTERRUPT_ERR 0x008u /**< an error is pending */
#define BDK_INTERRUPT_HUP 0x010u /**< the other end has closed */

/** [owner's thread] Does what the descriptor is ready for; must not block. `events`: BDK_INTERRUPT_* that
 * occurred; the callee ignores others. @return as a poller: BDK_POLLER_IDLE or BDK_POLLER_BUSY */
typedef int (*bdk_interrupt_fn)(uint32_t events, void* ctx);

/**
 * [bdk thread] Calls fn(events, ctx) on the calling thread when `fd` is ready. Level-triggered: fn runs again
 * until the condition is gone. While the reactor polls, the fd is looked at as well, less often than a poller
 * runs.
 * @param fd      a descriptor that epoll accepts; stays the caller's, who closes it after unregistering
 * @param events  BDK_INTERRUPT_IN, BDK_INTERRUPT_OUT or both; 0: none, until bdk_interrupt_set_events()
 * @param name    shown in logs; copied; NULL for the symbol's name
 * @return the registration, for bdk_interrupt_unregister(); NULL (logged) without fn, for other events, or
 * when epoll refuses the descriptor; NULL without memory.
 */
BDK_API struct bdk_interrupt* bdk_interrupt_register(int fd, uint32_t events, bdk_interrupt_fn fn, void* ctx,
                                                     const char* name);

/** [owner's thread] Changes the events to wait for. @return 0; -EINVAL for other events than BDK_INTERRUPT_IN
 * and BDK_INTERRUPT_OUT; a negative errno of epoll_ctl: the events are as before. 0 waits for none. */
BDK_API int bdk_interrupt_set_events(struct bdk_interrupt* interrupt, uint32_t events);

/** [owner's thread] Ends the registration and sets *interrupt to NULL. fn is not called again; the descriptor
 * stays open. A NULL pointer, and a pointer to NULL, are ignored. */
BDK_API void bdk_interrupt_unregister(struct bdk_interrupt** interrupt);

BDK_C_END

#endif
