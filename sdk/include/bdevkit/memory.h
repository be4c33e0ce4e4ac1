/* SPDX-License-Identifier: BSD-3-Clause */
/**
 * @file memory.h
 * Memory that devices may reach, rings and memory pools (DPDK's behind the ABI), and iobuf, the buffers that
 * all modules share.
 */
#ifndef BDEVKIT_MEMORY_H
#define BDEVKIT_MEMORY_H

#include <bdevkit/abi.h>

BDK_C_BEGIN

/** In place of a NUMA node: any. */
#define BDK_NUMA_ANY (-1)

/**
 * [any thread] Memory for data. In hugepages when the host has them. Large pieces are mapped on their own, so
 * they are bounded by the machine's memory and not by the host's `memory:` option.
 * @param size   bytes; not 0
 * @param align  a power of two, in bytes; 0 for 64
 * @param numa   node that is preferred, or BDK_NUMA_ANY
 * @return the memory, not zeroed, the caller's until bdk_dma_free(); NULL when there is none; NULL (logged)
 * for size 0 or a wrong alignment.
 */
BDK_API void* bdk_dma_malloc(size_t size, size_t align, int32_t numa);
/** [any thread] As bdk_dma_malloc(), filled with zero. Large pieces cost nothing until touched. */
BDK_API void* bdk_dma_zmalloc(size_t size, size_t align, int32_t numa);
/** [any thread] Frees memory of the two above, once, on whatever thread. NULL is ignored. */
BDK_API void bdk_dma_free(void* buf);

/**
 * [any thread] The heap: where bdk_dma_malloc() takes pieces below 2 MiB from. It stays mapped where it is as
 * long as the process runs, so it can be registered, once, with what wants to know memory beforehand. Its
 * pages are the machine's when they are touched, unless they are pinned.
 * @param bytes  out: its size
 * @return its start; NULL before a host has started. The memory stays the host's.
 */
BDK_API void* bdk_dma_get_heap(uint64_t* bytes);

/**
 * [any thread] The address by which a device reaches `buf` (IOVA).
 * @param len  in: bytes asked for, out: how many of them are contiguous from there; may be NULL
 * @return the address; UINT64_MAX, with *len as it was, when devices cannot reach the memory: it is not the
 * host's, or not in hugepages.
 */
BDK_API uint64_t bdk_vtophys(const void* buf, uint64_t* len);

/** A lock-free ring of pointers, for any number of producers and consumers. */
struct bdk_ring;
/**
 * [any thread] Makes an empty ring.
 * @param name   shown in errors; may be NULL
 * @param count  a power of two; count-1 pointers fit
 * @return the ring, the caller's until bdk_ring_free(); NULL (logged) for another count; NULL without memory.
 */
BDK_API struct bdk_ring* bdk_ring_create(const char* name, uint32_t count);
/** [any thread] Frees the ring, which nobody may use any more. The pointers in it are dropped, and what they
 * point to is not freed. NULL is ignored. */
BDK_API void bdk_ring_free(struct bdk_ring* ring);
/** [any thread] Puts up to n pointers, in order. @return how many were put, the first ones; 0 when it is full
 */
BDK_API uint32_t bdk_ring_enqueue(struct bdk_ring* ring, void* const* objs, uint32_t n);
/** [any thread] Takes up to n pointers, the oldest first. @return how many were taken; 0 when it is empty */
BDK_API uint32_t bdk_ring_dequeue(struct bdk_ring* ring, void** objs, uint32_t n);
/** [any thread] Pointers in the ring, a moment ago. */
BDK_API uint32_t bdk_ring_count(const struct bdk_ring* ring);

/** A pool of equal elements, with a cache per reactor. */
struct bdk_mempool;
/**
 * [any thread] Makes a pool, with its elements.
 * @param name       shown in errors; may be NULL
 * @param count      elements
 * @param elem_size  bytes each
 * @param cache      elements that each reactor may keep for itself; 0 for none. Too many are cut: to two
 * thirds of `count`, at most 512
 * @return the pool, the caller's until bdk_mempool_free(); NULL without memory (logged).
 */
BDK_API struct bdk_mempool* bdk_mempool_create(const char* name, uint32_t count, uint32_t elem_size,
                                               uint32_t cache);
/** [any thread] Frees the pool and its elements. All elements must be back: the memory of an element
 * that is still out is freed as well. NULL is ignored. */
BDK_API void bdk_mempool_free(struct bdk_mempool* pool);
/** [any thread] Takes an element, with whatever was in it before. @return the element, the caller's until
 * bdk_mempool_put(); NULL when the pool is empty, or other reactors keep the rest */
BDK_API void* bdk_mempool_get(struct bdk_mempool* pool);
/** [any thread] Gives an element back to the pool that it is from, once, on whatever thread. Nothing of that
 * is checked: another pointer comes out of a later bdk_mempool_get(). NULL is ignored. */
BDK_API void bdk_mempool_put(struct bdk_mempool* pool, void* elem);

/**
 * iobuf: two pools of buffers, small and large, shared by all modules, with a cache per thread
 * (reference/000). A channel is bound to the thread that opened it, and is valid until it is closed.
 */
struct bdk_iobuf_channel;

/** A place in the queue for a buffer; the caller's memory, untouched until the callback. */
struct bdk_iobuf_entry {
    void (*cb)(struct bdk_iobuf_entry* entry, void* buf); /**< [channel's thread] `buf` is the caller's now */
    uint64_t opaque[4];                                   /**< the host's */
};

/** [bdk thread] A channel of the calling thread. `name` says whose in statistics: copied, may be NULL. NULL
 * when the thread is exiting (logged), or without memory. */
BDK_API struct bdk_iobuf_channel* bdk_iobuf_channel_open(const char* name);
/** [channel's thread] Closes the channel. Its buffers must be back and its queued entries cancelled, which
 * nobody checks: a queued entry is written to and called after the close. NULL is ignored. */
BDK_API void bdk_iobuf_channel_close(struct bdk_iobuf_channel* ch);
/**
 * [channel's thread] A buffer of at least `len` bytes, aligned to 4096, not zeroed. A module that holds an
 * I/O should not wait for its buffer: all buffers may be held by I/Os that wait for this one.
 * bdk_dma_malloc() has more.
 * @param entry  when no buffer is free: queued in order, entry->cb gets the buffer later. NULL: do not wait.
 * The entry is the caller's again when cb begins, or after bdk_iobuf_cancel().
 * @return the buffer, the caller's until bdk_iobuf_put(); NULL when the pool is empty (queued if `entry` was
 * given), or when `len` exceeds bdk_iobuf_max_len(): then nothing is queued.
 */
BDK_API void* bdk_iobuf_get(struct bdk_iobuf_channel* ch, uint64_t len, struct bdk_iobuf_entry* entry);
/**
 * [channel's thread] Gives a buffer back, once; NULL is ignored. A channel of another thread may have got it.
 * @param len  the bytes with which it was got: they say which pool it goes to, which nobody checks
 */
BDK_API void bdk_iobuf_put(struct bdk_iobuf_channel* ch, void* buf, uint64_t len);
/** [channel's thread] Takes a queued entry out of the queue; its callback will not run. `len`: as it was
 * queued with. An entry that is not queued is left alone. */
BDK_API void bdk_iobuf_cancel(struct bdk_iobuf_channel* ch, struct bdk_iobuf_entry* entry, uint64_t len);
/** [any thread] The longest `len` of bdk_iobuf_get(), in bytes; 0 while no host runs. */
BDK_API uint64_t bdk_iobuf_max_len(void);

BDK_C_END

#endif
