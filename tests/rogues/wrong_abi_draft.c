/* SPDX-License-Identifier: BSD-3-Clause */
/* Built for an earlier draft of the ABI. */
#include <bdevkit/module.h>

#include "trace.h"

static const struct bdk_module module = {.size = sizeof(struct bdk_module), .name = "wrong_abi_draft"};
static const struct bdk_module* const modules[] = {&module};

BDK_PLUGIN = {
    .abi_major = BDK_ABI_MAJOR,
    .abi_draft = BDK_ABI_DRAFT - 1,
    .size = sizeof(struct bdk_plugin),
    .modules = modules,
    .module_count = 1,
};
