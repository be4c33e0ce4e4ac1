/* SPDX-License-Identifier: BSD-3-Clause */
/* Does not answer examine_config. */
#include <bdevkit/bdevkit.h>

static void examine(struct bdk_bdev* bdev) {
    (void)bdev;
}

BDK_MODULE = {
    .abi_major = BDK_ABI_MAJOR,
    .abi_minor = BDK_ABI_MINOR,
    .size = sizeof(struct bdk_module),
    .name = "rogue",
    .version = "1.0.0",
    .description = "Examines and breaks one rule",
    .examine_config = examine,
};
