/* SPDX-License-Identifier: BSD-3-Clause */
/* Claims every bdev that it is shown. */
#include <bdevkit/bdevkit.h>

static void examine(struct bdk_bdev* bdev) {
    bdk_bdev_module_claim_bdev(bdev, NULL, &bdk_module_v1);
    bdk_bdev_module_examine_done(&bdk_module_v1);
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
