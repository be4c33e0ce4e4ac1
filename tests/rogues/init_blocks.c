/* SPDX-License-Identifier: BSD-3-Clause */
/* Its init never returns. */
#include <bdevkit/module.h>
#include <unistd.h>

static int init(void) {
    /* The watchdog's signal ends a pause(). */
    while (pause() != 0) {
    }
    return 0;
}

static int create(struct bdk_create* create_call, const char* name, const void* options) {
    (void)create_call, (void)name, (void)options;
    return 0;
}

BDK_MODULE = {
    .abi_major = BDK_ABI_MAJOR,
    .abi_minor = BDK_ABI_MINOR,
    .size = sizeof(struct bdk_module),
    .name = "init_blocks",
    .init = init,
    .create = create,
};
