/* SPDX-License-Identifier: BSD-3-Clause */
/**
 * @file thread.h
 * Threads and messages. A bdk_thread is a lightweight thread: a message ring, pollers and io_channels that
 * run together on one reactor (an OS thread). Code on a bdk_thread must never block: no sleep, no blocking
 * system call, no lock that another thread may hold for long. The model is reference/002's.
 */
#ifndef BDEVKIT_THREAD_H
#define BDEVKIT_THREAD_H

#include <bdevkit/abi.h>

BDK_C_BEGIN

/** A lightweight thread; the host's. A pointer to one stays valid until the thread has exited. */
struct bdk_thread;

/** [bdk thread] A message; runs on the thread to which it was sent, and must not block. */
typedef void (*bdk_msg_fn)(void* ctx);

/** [any thread] The bdk_thread that runs the caller; NULL outside any. */
BDK_API struct bdk_thread* bdk_get_thread(void);

/** [any thread] The host's first thread, which lives as long as the host; NULL while no host runs. */
BDK_API struct bdk_thread* bdk_thread_get_app_thread(void);

/**
 * [any thread] Creates a thread and places it on a reactor.
 * @param name      shown in logs; copied; NULL for a generated one
 * @param cpumask   array of 64-bit words, bit n of word w allows core 64*w+n; NULL allows every reactor.
 *                  Cores that have no reactor are ignored.
 * @param words     number of words in `cpumask`
 * @return the thread, the host's, until it has exited; NULL when no reactor of the mask runs (logged), while
 * no host runs (reported as rule 4), or without memory.
 */
BDK_API struct bdk_thread* bdk_thread_create(const char* name, const uint64_t* cpumask, uint32_t words);

/**
 * [bdk thread] Asks the calling thread to exit. It runs on until its I/O has ended, its pollers are
 * unregistered and its io_channels put; what it waits for is logged. After 5 s without I/O in flight it is
 * let go with an error that names the leftovers.
 * @return 0; -EALREADY if it was asked before; -EINVAL on the app thread (logged), which lives as long as the
 * host.
 */
BDK_API int bdk_thread_exit(void);

/** [any thread] True once bdk_thread_exit() has been called. `thread` must not have exited yet. */
BDK_API bool bdk_thread_is_exiting(const struct bdk_thread* thread);

/** [any thread] The thread's name; valid until the thread has exited. */
BDK_API const char* bdk_thread_get_name(const struct bdk_thread* thread);

/** [any thread] The thread's number, unique in the process and never used again; starts at 1. */
BDK_API uint64_t bdk_thread_get_id(const struct bdk_thread* thread);

/** [any thread] The living thread with that number; NULL when there is none. */
BDK_API struct bdk_thread* bdk_thread_get_by_id(uint64_t id);

/** [any thread] The number of living threads. */
BDK_API uint32_t bdk_thread_get_count(void);

/**
 * [any thread] Queues fn(ctx) on `thread`; it runs in a later turn of that thread's reactor, never inside
 * this call. Messages of one sender to one thread run in order. Waiting here for the result deadlocks when
 * the target is the caller's own thread (rule 1): use bdk_thread_exec_msg(). `ctx` may be NULL.
 * @return 0; -ENOMEM when the ring of 65536 messages is full (logged with the reactor that is starved;
 * nothing was queued); -EIO when the thread takes no messages, because it is about to go; -EINVAL without fn.
 */
BDK_API int bdk_thread_send_msg(struct bdk_thread* thread, bdk_msg_fn fn, void* ctx);

/**
 * [any thread] Runs fn(ctx) inside this call when the caller is on `thread`, else as bdk_thread_send_msg().
 * @return as bdk_thread_send_msg(); 0 when fn has run
 */
BDK_API int bdk_thread_exec_msg(struct bdk_thread* thread, bdk_msg_fn fn, void* ctx);

/**
 * [any thread, signal handler] Runs fn(NULL) on `thread` before its ordinary messages. Never allocates, never
 * locks; one slot per thread, free again when fn begins.
 * @return 0; -EBUSY when the slot is taken; -EIO when the thread takes no messages, because it is about to
 * go; -EINVAL without fn.
 */
BDK_API int bdk_thread_send_critical_msg(struct bdk_thread* thread, bdk_msg_fn fn);

/**
 * [bdk thread] Runs fn(ctx) on every living thread, one after the other, then done(ctx) on the calling
 * thread. Threads that exit meanwhile are skipped, and threads that begin are visited. done does not run when
 * the calling thread has exited by then.
 * @param done  may be NULL
 */
BDK_API void bdk_for_each_thread(bdk_msg_fn fn, void* ctx, bdk_msg_fn done);

/** Time that a thread has spent since it began, in nanoseconds. Set `size` before asking. */
struct bdk_thread_stats {
    uint32_t size;
    uint32_t reserved;
    uint64_t busy_ns;  /**< in messages, and in pollers that returned BDK_POLLER_BUSY */
    uint64_t idle_ns;  /**< in pollers that returned BDK_POLLER_IDLE, and asleep; 0 beside a busy thread */
    uint64_t messages; /**< messages run */
};

/**
 * [bdk thread] Fills `stats` for the calling thread.
 * @return 0; -EINVAL for NULL, or a size below 8.
 */
BDK_API int bdk_thread_get_stats(struct bdk_thread_stats* stats);

/**
 * [bdk thread] Moves the calling thread to the reactor of core `core` after the current turn.
 * Channels and pollers move with it.
 * @return 0, also when it is there already; -ENODEV when no reactor runs on that core.
 */
BDK_API int bdk_thread_set_core(uint32_t core);

/** [any thread] The core of the reactor that runs the caller; UINT32_MAX outside a reactor. */
BDK_API uint32_t bdk_get_current_core(void);

/** [any thread] Nanoseconds of CLOCK_MONOTONIC, read now. */
BDK_API uint64_t bdk_get_time_ns(void);

/** [any thread] The processor's time-stamp counter, in ticks. Cheaper than bdk_get_time_ns(). */
BDK_API uint64_t bdk_get_ticks(void);
/** [any thread] Ticks per second: the same as long as a host runs; 0 before the first one has started. */
BDK_API uint64_t bdk_get_ticks_hz(void);

/**
 * A spinlock that knows its holder. It must be released before the message or poller that took it returns.
 * The memory is the caller's, from bdk_spin_init() to bdk_spin_destroy(), and is not copied.
 */
struct bdk_spinlock {
    uint64_t opaque[8]; /**< the host's */
};

/** [any thread] Makes the lock ready and free. It holds nothing beyond its 64 bytes. */
BDK_API void bdk_spin_init(struct bdk_spinlock* lock);
/** [any thread] Ends the lock. One that is held is reported as rule 5. */
BDK_API void bdk_spin_destroy(struct bdk_spinlock* lock);
/**
 * [bdk thread] Takes the lock, and spins until it is free. A lock that the caller holds is not taken again:
 * reported as rule 5. Outside a bdk thread the call is reported as rule 4, and takes the lock all the same,
 * so that what it guards stays whole.
 */
BDK_API void bdk_spin_lock(struct bdk_spinlock* lock);
/** [bdk thread] Releases the lock. If the caller does not hold it, the call is reported and does nothing. */
BDK_API void bdk_spin_unlock(struct bdk_spinlock* lock);
/** [any thread] True when the calling bdk_thread holds the lock; outside any, the calling pthread. */
BDK_API bool bdk_spin_held(const struct bdk_spinlock* lock);

BDK_C_END

#endif
