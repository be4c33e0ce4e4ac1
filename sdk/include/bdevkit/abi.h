/* SPDX-License-Identifier: BSD-3-Clause */
/**
 * @file abi.h
 * The rules that every other header of the ABI follows.
 *
 * - Everything is C: fixed-width integers, pointers, function pointers and structs.
 * - A struct that may grow starts with `size`. Whoever allocates it sets `size = sizeof(struct)`; the
 *   reader reads no further. New fields go last. Zero means "default".
 * - A function that can fail returns 0 or a negative errno. Strings are UTF-8 and end in NUL.
 * - A callback may finish later where its description says so: it returns BDK_PENDING, and the named done
 *   call ends it.
 * - Every declaration begins with the place where it may be called:
 *     [any thread]        any pthread, bdk or not;
 *     [bdk thread]        code that runs on some bdk_thread;
 *     [app thread]        the first bdk_thread of the host; init, fini, create, remove and examine run there;
 *     [channel's thread]  the bdk_thread that got the io_channel;
 *     [desc's thread]     the bdk_thread that opened the desc;
 *     [the submitter's thread]  the bdk_thread that submitted the I/O;
 *     [signal handler]    also async-signal-safe.
 *   A call from elsewhere is logged with the rule that it breaks (docs/threading.md) and does nothing: the
 *   function returns -EINVAL, NULL, false or 0. A callback that gets an `rc` gets -EINVAL before the call
 *   returns, where the function itself returns nothing; any other callback does not run.
 * - No function here throws, and no exception may leave a callback.
 */
#ifndef BDEVKIT_ABI_H
#define BDEVKIT_ABI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** A plugin loads when its major equals the host's. A newer minor of either side is compatible. */
#define BDK_ABI_MAJOR 1
#define BDK_ABI_MINOR 1

/** Result of a callback that will end with its done call. */
#define BDK_PENDING 1

#define BDK_API __attribute__((visibility("default")))

#ifdef __cplusplus
#define BDK_C_BEGIN extern "C" {
#define BDK_C_END }
#else
#define BDK_C_BEGIN
#define BDK_C_END
#endif

/** True if the sized struct at `ptr` is long enough to hold `field`. */
#define BDK_HAS_FIELD(ptr, type, field) \
    ((ptr)->size >= offsetof(type, field) + sizeof(((const type*)0)->field))

/** A UUID in the byte order of RFC 4122; all zero means none. */
struct bdk_uuid {
    uint8_t bytes[16];
};

#endif
