/* SPDX-License-Identifier: BSD-3-Clause */
/* Its create never ends. */
#include <bdevkit/module.h>

static int create(const struct bdk_module* self, struct bdk_create* create_call, const char* name,
                  const void* options) {
    (void)self, (void)create_call, (void)name, (void)options;
    return BDK_PENDING;
}

BDK_MODULE = {
    .size = sizeof(struct bdk_module),
    .name = "create_pending",
    .create = create,
};
