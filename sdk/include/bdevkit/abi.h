/* SPDX-License-Identifier: BSD-3-Clause */
/**
 * @file abi.h
 * The rules that every other header of the ABI follows.
 *
 * - Everything is C: fixed-width integers, pointers, function pointers and structs.
 * - A struct that may grow starts with `size`. Whoever allocates it sets `size = sizeof(struct)`; the
 *   reader reads no further. New fields go last. Zero means "default".
 * - What this host does not know is refused, never ignored, in all that a caller or a plugin fills: a flag
 *   and a reserved field that is not zero with -EINVAL; bytes that are not zero beyond the fields that this
 *   host knows (the struct is of a newer ABI) with -E2BIG; a struct that is shorter than in ABI 1.0 with
 *   -EINVAL. The log names the field and the bit. Two things are offers, which an older host may leave
 *   unused: functions at the end of a longer table, and I/O types in bdk_bdev::io_type_supported.
 * - A function that can fail returns 0 or a negative errno. Strings are UTF-8 and end in NUL.
 * - A callback gets its context last. A function of a table gets first the object that the table belongs to.
 * - A callback may finish later where its description says so: it returns BDK_PENDING, and the named done
 *   call ends it.
 * - A pointer must not be NULL unless its description says so. An object is not used after the call that ends
 *   it (free, put, close, unregister, done), nor ended twice: where the description names no result for that,
 *   the memory may be another object's by then.
 * - A struct that a function fills gets the fields that fit into its `size`, which the caller has set.
 * - Each function and each callback begins with the place where it runs. Of several, any will do:
 *     [any thread]              any pthread, bdk or not;
 *     [bdk thread]              code that runs on some bdk_thread;
 *     [app thread]              the host's first bdk_thread; modules make and remove bdevs there;
 *     [channel's thread]        the bdk_thread that got the io_channel, or opened the iobuf channel;
 *     [desc's thread]           the bdk_thread that opened the desc;
 *     [owner's thread]          the bdk_thread that registered the poller or the interrupt;
 *     [the submitter's thread]  the bdk_thread that submitted the I/O;
 *     [the thread that asked]   callbacks: the bdk_thread that called the function which got the callback;
 *     [signal handler]          also async-signal-safe.
 *   A call from elsewhere is logged with the rule that it breaks (docs/threading.md) and does nothing: the
 *   function returns -EINVAL, NULL, false or 0. A callback that gets an `rc` gets -EINVAL before the call
 *   returns, where the function itself returns nothing; any other callback does not run. The same holds for a
 *   call without the callback that it needs.
 * - No function here throws, and no exception may leave a callback.
 */
#ifndef BDEVKIT_ABI_H
#define BDEVKIT_ABI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/**
 * A plugin loads when its major and its draft equal the host's. A newer minor of either side is compatible.
 * While 1.0 is not final, each change that breaks plugins gets the next draft number; 0: the ABI is final.
 */
#define BDK_ABI_MAJOR 1
#define BDK_ABI_DRAFT 2
#define BDK_ABI_MINOR 0

/**
 * The minor that a plugin is built for. Define a smaller one before the first include, and the plugin runs in
 * hosts of that minor: declarations of later minors are hidden, and the C++ layer does without them.
 */
#ifndef BDK_ABI_TARGET
#define BDK_ABI_TARGET BDK_ABI_MINOR
#endif
#if BDK_ABI_TARGET > BDK_ABI_MINOR
#error "BDK_ABI_TARGET is a later minor than these headers have"
#endif

/** Result of a callback that will end with its done call. */
#define BDK_PENDING 1

/** Marks an exported symbol of the library or the plugin; marks a hidden symbol. */
#define BDK_API __attribute__((visibility("default")))
#define BDK_HIDDEN __attribute__((visibility("hidden")))

/** Around the declarations of a header: in C++ they have C linkage. */
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

/** A UUID; all zero means none. */
struct bdk_uuid {
    uint8_t bytes[16]; /**< in the order of RFC 4122, that of the text form */
};

#endif
