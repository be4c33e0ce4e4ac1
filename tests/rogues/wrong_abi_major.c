/* SPDX-License-Identifier: BSD-3-Clause */
/* Built for an ABI that this host does not have. */
#include <bdevkit/module.h>

#include "trace.h"

static const struct bdk_module module = {.size = sizeof(struct bdk_module), .name = "wrong_abi_major"};
static const struct bdk_module* const modules[] = {&module};

BDK_PLUGIN = {
    .abi_major = BDK_ABI_MAJOR + 1,
    .abi_minor = 3,
    .size = sizeof(struct bdk_plugin),
    .modules = modules,
    .module_count = 1,
};
