/* SPDX-License-Identifier: BSD-3-Clause */
/* Its table ends where an older table might: no callbacks. The memory behind it is not part of the table. */
#include <bdevkit/module.h>

struct short_module {
    uint32_t abi_major, abi_minor, size, flags;
    const char* name;
    const char* version;
};

BDK_API const struct short_module table __asm__(BDK_MODULE_SYMBOL) = {
    .abi_major = BDK_ABI_MAJOR,
    .abi_minor = BDK_ABI_MINOR,
    .size = sizeof(struct short_module),
    .name = "shorter_table",
    .version = "0.9",
};

/* Not zero, and probably placed behind the table. */
BDK_API const uint64_t after_the_table[32] = {
    1,  2,  3,  4,  5,  6,  7,  8,  9,  10, 11, 12, 13, 14, 15, 16,
    17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31, 32,
};
