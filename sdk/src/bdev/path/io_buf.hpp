// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "bdev/model/bdev_io.hpp"

namespace bdk {

struct IoPool;

/// Memory aligned to 4096, which every bdev's required_alignment allows.
struct IoBuffer {
    void* memory;    ///< nullptr: none can be had
    uint64_t bytes;  ///< at least as many as asked for
};

/// Gets a buffer from iobuf, where the I/O waits in line, or from the heap: beyond iobuf's largest size, and
/// when a layer above may hold a buffer until this I/O has completed, which then must not wait for one. Then
/// ready(io, buffer), in this call or later. The I/O waits for one buffer at a time.
void take_buffer(BdevIo* io, uint64_t bytes, void (*ready)(BdevIo* io, IoBuffer buffer));
void give_back_buffer(IoPool* pool, IoBuffer buffer);

/// Ends the I/O's wait for a buffer. False when it does not wait.
bool cancel_buffer_wait(BdevIo* io);

/// Gives a waiting I/O a buffer from the heap. False if there is no memory: then it goes on waiting.
bool end_buffer_wait(BdevIo* io);

/// True if a read or write came with its data's memory.
bool has_buffer(const BdevIo* io);

/// Makes the first `bytes` bytes of the buffer the data of an I/O that came without; it goes back with the
/// I/O.
void set_own_buf(BdevIo* io, IoBuffer buffer, uint64_t bytes);

/// Gives back the buffer of set_own_buf().
void release_own_buf(BdevIo* io);

/// [I/O's thread] Gives an I/O that the core has made back to its pool, and its buffer.
void free_core_io(BdevIo* io);

}  // namespace bdk
