// SPDX-License-Identifier: BSD-3-Clause
// Whoever opens it waits for ever.
#include <bdevkit/bdevkit.h>
#include <unistd.h>

__attribute__((constructor)) static void hang(void) {
    for (;;)
        pause();
}

BDK_MODULE = {
    .abi_major = BDK_ABI_MAJOR,
    .abi_minor = BDK_ABI_MINOR,
    .size = sizeof(struct bdk_module),
    .name = "constructor_hangs",
};
