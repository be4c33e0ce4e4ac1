// SPDX-License-Identifier: BSD-3-Clause
// Whoever opens it waits for ever.
#include <bdevkit/bdevkit.h>
#include <unistd.h>

__attribute__((constructor)) static void hang(void) {
    for (;;)
        pause();
}

BDK_MODULE = {
    .size = sizeof(struct bdk_module),
    .name = "constructor_hangs",
};
