/* SPDX-License-Identifier: BSD-3-Clause */
/* Its init never ends. */
#include <bdevkit/module.h>

static int init(const struct bdk_module* self) {
    (void)self;
    return BDK_PENDING;
}

static int create(const struct bdk_module* self, struct bdk_create* create_call, const char* name,
                  const void* options) {
    (void)self, (void)create_call, (void)name, (void)options;
    return 0;
}

BDK_MODULE = {
    .size = sizeof(struct bdk_module),
    .name = "init_pending",
    .init = init,
    .create = create,
};
