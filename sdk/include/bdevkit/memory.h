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

#define BDK_NUMA_ANY (-1)

/**
 * [any thread] Memory for data. In hugepages when the host has them. Large pieces are mapped on their own, so
 * they are bounded by the machine's memory and not by the host's `memory:` option.
 * @param size   bytes
 * @param align  a power of two, in bytes; 0 for 64
 * @param numa   node, or BDK_NUMA_ANY
 * @return the memory, the caller's until bdk_dma_free(); NULL when there is none.
 */
BDK_API void* bdk_dma_malloc(size_t size, size_t align, int32_t numa);
/** [any thread] As bdk_dma_malloc(), filled with zero. Large pieces cost nothing until touched. */
BDK_API void* bdk_dma_zmalloc(size_t size, size_t align, int32_t numa);
/** [any thread] Frees memory of the two above. NULL is ignored. */
BDK_API void bdk_dma_free(void* buf);

/**
 * [any thread] The heap: where bdk_dma_malloc() takes pieces below 2 MiB from. It stays mapped where it is as
 * long as the process runs, so it can be registered, once, with what wants to know memory beforehand. Its
 * pages are the machine's when they are touched, unless they are pinned.
 * @param bytes  out: its size
 * @return its start; NULL before a host has started.
 */
BDK_API void* bdk_dma_get_heap(uint64_t* bytes);

/**
 * [any thread] The address by which a device reaches `buf` (IOVA).
 * @param len  in: bytes asked for, out: bytes contiguous from there; may be NULL
 * @return the address; UINT64_MAX when the memory is not reachable by devices.
 */
BDK_API uint64_t bdk_vtophys(const void* buf, uint64_t* len);

/** [any thread] A lock-free ring of pointers, any number of producers and consumers. */
struct bdk_ring;
/** [any thread] @param count a power of two; count-1 pointers fit. @return NULL without memory. */
BDK_API struct bdk_ring* bdk_ring_create(const char* name, uint32_t count);
BDK_API void bdk_ring_free(struct bdk_ring* ring);
/** [any thread] Puts up to n pointers. @return how many were put. */
BDK_API uint32_t bdk_ring_enqueue(struct bdk_ring* ring, void* const* objs, uint32_t n);
/** [any thread] Takes up to n pointers. @return how many were taken. */
BDK_API uint32_t bdk_ring_dequeue(struct bdk_ring* ring, void** objs, uint32_t n);
/** [any thread] Pointers in the ring, a moment ago. */
BDK_API uint32_t bdk_ring_count(const struct bdk_ring* ring);

/** A pool of equal elements, with a cache per reactor. */
struct bdk_mempool;
/**
 * [any thread]
 * @param count      elements
 * @param elem_size  bytes each
 * @param cache      elements that each reactor may keep for itself; 0 for none
 * @return NULL without memory (logged).
 */
BDK_API struct bdk_mempool* bdk_mempool_create(const char* name, uint32_t count, uint32_t elem_size,
                                               uint32_t cache);
/** [any thread] All elements must be back. NULL is ignored. */
BDK_API void bdk_mempool_free(struct bdk_mempool* pool);
/** [any thread] @return an element, or NULL when the pool is empty. */
BDK_API void* bdk_mempool_get(struct bdk_mempool* pool);
BDK_API void bdk_mempool_put(struct bdk_mempool* pool, void* elem);

/**
 * iobuf: two pools of buffers, small and large, shared by all modules, with a cache per thread
 * (reference/000). A channel is bound to the thread that opened it.
 */
struct bdk_iobuf_channel;

/** A place in the queue for a buffer; the caller's memory, untouched until the callback. */
struct bdk_iobuf_entry {
    void (*cb)(struct bdk_iobuf_entry* entry, void* buf); /**< runs on the channel's thread */
    uint64_t opaque[4];
};

/** [bdk thread] A channel of the calling thread; `name` says whose in statistics. NULL on failure (logged).
 */
BDK_API struct bdk_iobuf_channel* bdk_iobuf_channel_open(const char* name);
/** [channel's thread] All its buffers must be back. NULL is ignored. */
BDK_API void bdk_iobuf_channel_close(struct bdk_iobuf_channel* ch);
/**
 * [channel's thread] A buffer of at least `len` bytes, aligned to 4096. Who needs one for an I/O
 * and has none yet should not wait for it: I/Os that wait for its own may hold all of them. bdk_dma_malloc()
 * has more.
 * @param entry  when no buffer is free: queued in order, entry->cb gets the buffer later. NULL: do not wait.
 * @return the buffer; NULL when the pool is empty (queued if `entry` was given) or `len` exceeds the large
 * size.
 */
BDK_API void* bdk_iobuf_get(struct bdk_iobuf_channel* ch, uint64_t len, struct bdk_iobuf_entry* entry);
/** [channel's thread] Gives back a buffer got with the same `len`. */
BDK_API void bdk_iobuf_put(struct bdk_iobuf_channel* ch, void* buf, uint64_t len);
/** [channel's thread] Takes a queued entry out of the queue; its callback will not run. */
BDK_API void bdk_iobuf_cancel(struct bdk_iobuf_channel* ch, struct bdk_iobuf_entry* entry, uint64_t len);
/** [any thread] The longest `len` of bdk_iobuf_get(), in bytes. */
BDK_API uint64_t bdk_iobuf_max_len(void);

BDK_C_END

#endif
