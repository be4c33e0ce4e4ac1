// SPDX-License-Identifier: BSD-3-Clause
// Opening it crashes.
#include <bdevkit/bdevkit.h>
#include <signal.h>

__attribute__((constructor)) static void crash(void) {
    raise(SIGSEGV);
}

BDK_MODULE = {
    .size = sizeof(struct bdk_module),
    .name = "constructor_crashes",
};
