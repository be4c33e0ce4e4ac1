/* SPDX-License-Identifier: BSD-3-Clause */
/* Claims every bdev that it is shown. */
#include <bdevkit/bdevkit.h>

static void look(const struct bdk_module* self, struct bdk_examine* examine, struct bdk_bdev* bdev) {
    bdk_bdev_module_claim_bdev(bdev, NULL, self);
    bdk_examine_done(examine, 0);
}

BDK_MODULE = {
    .size = sizeof(struct bdk_module),
    .name = "rogue",
    .version = "1.0.0",
    .description = "Examines and breaks one rule",
    .examine_config = look,
};
