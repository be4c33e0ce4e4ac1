// SPDX-License-Identifier: BSD-3-Clause
// Whoever opens it is ended.
#include <bdevkit/bdevkit.h>
#include <stdlib.h>

__attribute__((constructor)) static void end(void) {
    exit(3);
}

BDK_MODULE = {
    .abi_major = BDK_ABI_MAJOR,
    .abi_minor = BDK_ABI_MINOR,
    .size = sizeof(struct bdk_module),
    .name = "constructor_exits",
};
