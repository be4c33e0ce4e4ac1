// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "bdev/bdev_io.hpp"

namespace bdk {

struct IoPool;

/// Gets a buffer, aligned to 4096, which every bdev's required_alignment allows: from iobuf, where the I/O
/// waits in line, or beyond iobuf's largest size from the heap. Then ready(io, buf), in this call or later;
/// buf is nullptr when none can be had. The I/O waits for one buffer at a time.
void take_buffer(BdevIo* io, uint64_t bytes, void (*ready)(BdevIo* io, void* buf));
void give_back_buffer(IoPool* pool, void* buf, uint64_t bytes);

/// Ends the I/O's wait for a buffer. False when it does not wait.
bool cancel_buffer_wait(BdevIo* io);

/// True if a read or write came with its data's memory.
bool has_buffer(const BdevIo* io);

/// Makes `buf` the data of an I/O that came without; it goes back with the I/O.
void set_own_buf(BdevIo* io, void* buf, uint64_t bytes);

/// Gives back the buffer of set_own_buf().
void release_own_buf(BdevIo* io);

}  // namespace bdk
