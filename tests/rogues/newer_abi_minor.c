/* SPDX-License-Identifier: BSD-3-Clause */
/* Built for a later 1.x: its table is longer than the host's. */
#include <bdevkit/module.h>

struct bdk_module_1_7 {
    struct bdk_module v1_0;
    void (*news)(void);
    uint64_t more_news[4];
};

BDK_API const struct bdk_module_1_7 table __asm__(BDK_MODULE_SYMBOL) = {
    .v1_0 =
        {
            .abi_major = BDK_ABI_MAJOR,
            .abi_minor = BDK_ABI_MINOR + 7,
            .size = sizeof(struct bdk_module_1_7),
            .name = "newer_abi_minor",
        },
    .more_news = {1, 2, 3, 4},
};
