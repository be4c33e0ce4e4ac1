/* SPDX-License-Identifier: BSD-3-Clause */
/* Says that its list is longer than the symbol is. */
#include <bdevkit/module.h>

#include "trace.h"

static const struct bdk_module module = {.size = sizeof(struct bdk_module), .name = "size_too_large"};
static const struct bdk_module* const modules[] = {&module};

struct short_list {
    uint32_t abi_major, abi_minor, abi_draft, size;
    const struct bdk_module* const* modules;
};

BDK_API const struct short_list list __asm__(BDK_PLUGIN_SYMBOL) = {
    .abi_major = BDK_ABI_MAJOR,
    .abi_draft = BDK_ABI_DRAFT,
    .size = sizeof(struct bdk_plugin),
    .modules = modules,
};
