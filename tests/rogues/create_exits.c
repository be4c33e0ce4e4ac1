// SPDX-License-Identifier: BSD-3-Clause
// Ends the host with the exit code of success.
#include <bdevkit/bdevkit.h>
#include <stdlib.h>

static int create(const struct bdk_module* self, struct bdk_create* create, const char* name,
                  const void* options) {
    (void)self, (void)create, (void)name, (void)options;
    exit(0);
}

BDK_MODULE = {
    .size = sizeof(struct bdk_module),
    .name = "create_exits",
    .create = create,
};
