/* SPDX-License-Identifier: BSD-3-Clause */
/* Its init never ends. */
#include <bdevkit/module.h>

static int init(void) {
    return BDK_PENDING;
}

static int create(struct bdk_create* create_call, const char* name, const void* options) {
    (void)create_call, (void)name, (void)options;
    return 0;
}

BDK_MODULE = {
    .abi_major = BDK_ABI_MAJOR,
    .abi_minor = BDK_ABI_MINOR,
    .size = sizeof(struct bdk_module),
    .name = "init_pending",
    .init = init,
    .create = create,
};
