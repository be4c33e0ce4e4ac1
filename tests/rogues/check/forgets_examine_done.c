/* SPDX-License-Identifier: BSD-3-Clause */
/* Never says that its examination is over. */
#include <bdevkit/bdevkit.h>

static void look(const struct bdk_module* self, struct bdk_examine* examine, struct bdk_bdev* bdev) {
    (void)self, (void)examine, (void)bdev;
}

BDK_MODULE = {
    .size = sizeof(struct bdk_module),
    .name = "rogue",
    .version = "1.0.0",
    .description = "Examines and breaks one rule",
    .examine_disk = look,
};
