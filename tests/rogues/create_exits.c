// SPDX-License-Identifier: BSD-3-Clause
// Ends the host with the exit code of success.
#include <bdevkit/bdevkit.h>
#include <stdlib.h>

static int create(struct bdk_create* create, const char* name, const void* options) {
    (void)create, (void)name, (void)options;
    exit(0);
}

BDK_MODULE = {
    .abi_major = BDK_ABI_MAJOR,
    .abi_minor = BDK_ABI_MINOR,
    .size = sizeof(struct bdk_module),
    .name = "create_exits",
    .create = create,
};
