/* SPDX-License-Identifier: BSD-3-Clause */
/* Its init never returns. */
#include <bdevkit/module.h>
#include <unistd.h>

static int init(const struct bdk_module* self) {
    (void)self;
    /* The watchdog's signal ends a pause(). */
    while (pause() != 0) {
    }
    return 0;
}

static int create(const struct bdk_module* self, struct bdk_create* create_call, const char* name,
                  const void* options) {
    (void)self, (void)create_call, (void)name, (void)options;
    return 0;
}

BDK_MODULE = {
    .size = sizeof(struct bdk_module),
    .name = "init_blocks",
    .init = init,
    .create = create,
};
