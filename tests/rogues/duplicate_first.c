/* SPDX-License-Identifier: BSD-3-Clause */
/* One of two files with modules of the same name. */
#include <bdevkit/module.h>

BDK_MODULE = {
    .size = sizeof(struct bdk_module),
    .name = "duplicate",
    .version = "first",
};
