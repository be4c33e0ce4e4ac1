// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "bdev/model/bdev_io.hpp"

namespace bdk {

struct IoPool;

/// Memory aligned to 4096, which satisfies every bdev's required_alignment.
struct IoBuffer {
    void* memory;    ///< nullptr: no memory
    uint64_t bytes;  ///< at least as many as requested
};

/// Gets a buffer and calls ready(io, buffer), now or later. The buffer comes from iobuf, and the I/O queues
/// there if need be. It comes from the heap if it is larger than iobuf's buffers. It also comes from the heap
/// if a layer above may hold a buffer until this I/O has completed, because then this I/O must not wait. An
/// I/O waits for one buffer at a time.
void take_buffer(BdevIo* io, uint64_t bytes, void (*ready)(BdevIo* io, IoBuffer buffer));
void give_back_buffer(IoPool* pool, IoBuffer buffer);

/// Ends the I/O's wait for a buffer. False when it does not wait.
bool cancel_buffer_wait(BdevIo* io);

/// Gives a waiting I/O a buffer from the heap. False if there is no memory: then it goes on waiting.
bool end_buffer_wait(BdevIo* io);

/// True if a read or write came with memory for its data.
bool has_buffer(const BdevIo* io);

/// Uses the first `bytes` bytes of the buffer as the data of an I/O that came without memory. The buffer is
/// given back with the I/O.
void set_own_buf(BdevIo* io, IoBuffer buffer, uint64_t bytes);

/// Gives back the buffer that set_own_buf() has set.
void release_own_buf(BdevIo* io);

/// [I/O's thread] Returns an I/O that the core has made, and its buffer, to the pools.
void free_core_io(BdevIo* io);

}  // namespace bdk
