/* SPDX-License-Identifier: BSD-3-Clause */
/* Says that its table is longer than the symbol is. */
#include <bdevkit/module.h>

#include "trace.h"

struct short_module {
    uint32_t abi_major, abi_minor, size, flags;
    const char* name;
};

BDK_API const struct short_module table __asm__(BDK_MODULE_SYMBOL) = {
    .abi_major = BDK_ABI_MAJOR,
    .size = sizeof(struct bdk_module),
    .name = "size_too_large",
};
