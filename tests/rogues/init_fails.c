/* SPDX-License-Identifier: BSD-3-Clause */
/* Its init says no. */
#include <bdevkit/module.h>
#include <errno.h>

static int init(const struct bdk_module* self) {
    (void)self;
    return -ENODEV;
}

BDK_MODULE = {
    .size = sizeof(struct bdk_module),
    .name = "init_fails",
    .init = init,
};
