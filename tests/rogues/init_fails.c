/* SPDX-License-Identifier: BSD-3-Clause */
/* Its init says no. */
#include <bdevkit/module.h>
#include <errno.h>

static int init(void) {
    return -ENODEV;
}

BDK_MODULE = {
    .abi_major = BDK_ABI_MAJOR,
    .abi_minor = BDK_ABI_MINOR,
    .size = sizeof(struct bdk_module),
    .name = "init_fails",
    .init = init,
};
