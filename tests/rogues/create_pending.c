/* SPDX-License-Identifier: BSD-3-Clause */
/* Its create never ends. */
#include <bdevkit/module.h>

static int create(struct bdk_create* create_call, const char* name, const void* options) {
    (void)create_call, (void)name, (void)options;
    return BDK_PENDING;
}

BDK_MODULE = {
    .abi_major = BDK_ABI_MAJOR,
    .abi_minor = BDK_ABI_MINOR,
    .size = sizeof(struct bdk_module),
    .name = "create_pending",
    .create = create,
};
