/* SPDX-License-Identifier: BSD-3-Clause */
/**
 * @file option.h
 * A module declares its options, and the parameters of its methods, once, in a table of bdk_option. From it
 * come YAML parsing, RPC checks, help, JSON Schema and Python keyword arguments. The host fills the module's
 * own options struct: zeroed, then defaults, then what the user gave, each value at its offset.
 */
#ifndef BDEVKIT_OPTION_H
#define BDEVKIT_OPTION_H

#include <bdevkit/abi.h>

/** Types, and in brackets what stands at the offset. Strings are the host's, valid until create (or the call
 * of a method) has ended. */
enum {
    BDK_OPTION_STRING = 1,   /**< [const char *] NULL when not given */
    BDK_OPTION_BOOL = 2,     /**< [uint8_t] 0 or 1 */
    BDK_OPTION_U32 = 3,      /**< [uint32_t] */
    BDK_OPTION_U64 = 4,      /**< [uint64_t] */
    BDK_OPTION_SIZE = 5,     /**< [uint64_t] bytes, written `64MiB`, `4k`, `512` */
    BDK_OPTION_DURATION = 6, /**< [uint64_t] nanoseconds, written `10us`, `1.5s` */
    BDK_OPTION_ENUM = 7,     /**< [uint32_t] index into enum_values */
    BDK_OPTION_UUID = 8,     /**< [struct bdk_uuid] an option called `uuid` is the bdev's own */
    BDK_OPTION_PATH = 9,     /**< [const char *] absolute: relative ones start at the stack file's folder */
    BDK_OPTION_BDEV = 10,    /**< [const char *] name of a base bdev: an edge of the stack */
};

/** Flags of an option. */
enum {
    BDK_OPTION_REQUIRED = 1u << 0, /**< the user has to give it */
    BDK_OPTION_LIST = 1u << 1,     /**< [struct bdk_option_list] of the type's values */
    BDK_OPTION_SECRET = 1u << 2,   /**< never shown in a listing, a dump or a log */
    /* What the host checks before it creates anything. */
    BDK_OPTION_CLAIMED = 1u << 3, /**< of type bdev: the module claims the base for writing */
    BDK_OPTION_PARTS = 1u << 4,   /**< so many bdevs, or one for each element: see bdk_module.part_suffix */
};

/** A list of values, the host's, valid until create has ended. Elements lie side by side, as their type says.
 */
struct bdk_option_list {
    const void* items; /**< the first element; NULL when there is none */
    uint64_t count;    /**< elements */
};

/** One option. In C and C++20: `{ .name = "size", .help = "...", .type = BDK_OPTION_SIZE, ... }`. */
struct bdk_option {
    const char* name; /**< lower case, words joined by `_`; a hyphen is for keys that the host adds later */
    const char* help; /**< one sentence */
    uint32_t type;    /**< BDK_OPTION_* */
    uint32_t flags;   /**< BDK_OPTION_REQUIRED and so on */
    uint64_t offset;  /**< offsetof() in the module's options struct */
    const char* default_value;      /**< as a user would write it; NULL: zero, false, NULL, empty */
    uint64_t min;                   /**< of numbers, sizes (bytes), durations (ns), list elements each */
    uint64_t max;                   /**< 0: no maximum */
    const char* const* enum_values; /**< ends in NULL */
    uint64_t reserved[2];
};

#endif
