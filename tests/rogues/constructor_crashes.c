// SPDX-License-Identifier: BSD-3-Clause
// Opening it crashes.
#include <bdevkit/bdevkit.h>
#include <signal.h>

__attribute__((constructor)) static void crash(void) {
    raise(SIGSEGV);
}

BDK_MODULE = {
    .abi_major = BDK_ABI_MAJOR,
    .abi_minor = BDK_ABI_MINOR,
    .size = sizeof(struct bdk_module),
    .name = "constructor_crashes",
};
