/* SPDX-License-Identifier: BSD-3-Clause */
/* What happens to the data. It knows nothing of bdevkit, so that its tests need no host. Both functions
 * change `data` in place, and get an I/O in pieces of any length; `offset` is where on the bdev a piece
 * starts, in bytes.
 * Here, each byte is XORed with its place. */
#ifndef TRANSFORM_H
#define TRANSFORM_H

#include <stddef.h>
#include <stdint.h>

/** What is written becomes what the base stores. */
static inline void transform_encode(unsigned char* data, size_t length, uint64_t offset) {
    for (size_t i = 0; i < length; i++)
        data[i] ^= (unsigned char)(offset + i);
}

/** What the base stores becomes what is read. */
static inline void transform_decode(unsigned char* data, size_t length, uint64_t offset) {
    for (size_t i = 0; i < length; i++)
        data[i] ^= (unsigned char)(offset + i);
}

#endif
