/* SPDX-License-Identifier: BSD-3-Clause */
/* Compiled with the flags of a plugin, with and without a header that plugins must not reach. */
#include <bdevkit/bdevkit.h>
#ifdef PRIVATE_HEADER
#include PRIVATE_HEADER
#endif

BDK_MODULE = {.size = sizeof(struct bdk_module), .name = "includes"};
