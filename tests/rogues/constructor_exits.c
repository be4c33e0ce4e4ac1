// SPDX-License-Identifier: BSD-3-Clause
// Whoever opens it is ended.
#include <bdevkit/bdevkit.h>
#include <stdlib.h>

__attribute__((constructor)) static void end(void) {
    exit(3);
}

BDK_MODULE = {
    .size = sizeof(struct bdk_module),
    .name = "constructor_exits",
};
