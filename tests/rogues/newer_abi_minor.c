/* SPDX-License-Identifier: BSD-3-Clause */
/* Built for a later 1.x: its list and its table are longer than the host's. */
#include <bdevkit/module.h>

struct bdk_module_1_7 {
    struct bdk_module v1_0;
    void (*news)(void);
    uint64_t more_news[4];
};

struct bdk_plugin_1_7 {
    struct bdk_plugin v1_0;
    const void* const* news;
};

static const struct bdk_module_1_7 module = {
    .v1_0 = {.size = sizeof(struct bdk_module_1_7), .name = "newer_abi_minor"},
    .more_news = {1, 2, 3, 4},
};
static const struct bdk_module* const modules[] = {&module.v1_0};

BDK_API const struct bdk_plugin_1_7 list __asm__(BDK_PLUGIN_SYMBOL) = {
    .v1_0 =
        {
            .abi_major = BDK_ABI_MAJOR,
            .abi_minor = BDK_ABI_MINOR + 7,
            .abi_draft = BDK_ABI_DRAFT,
            .size = sizeof(struct bdk_plugin_1_7),
            .modules = modules,
            .module_count = 1,
        },
};
