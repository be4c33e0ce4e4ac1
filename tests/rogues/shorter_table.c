/* SPDX-License-Identifier: BSD-3-Clause */
/* Its table ends where an older table might: no callbacks. The memory behind it is not part of the table. */
#include <bdevkit/module.h>

struct short_module {
    uint32_t size, flags;
    const char* name;
    const char* version;
};

static const struct {
    struct short_module table;
    uint64_t after_the_table[32];
} module = {
    .table = {.size = sizeof(struct short_module), .name = "shorter_table", .version = "0.9"},
    .after_the_table = {1,  2,  3,  4,  5,  6,  7,  8,  9,  10, 11, 12, 13, 14, 15, 16,
                        17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31, 32},
};

static const struct bdk_module* const modules[] = {(const struct bdk_module*)(const void*)&module};
BDK_PLUGIN = {BDK_PLUGIN_HEAD, .modules = modules, .module_count = 1};
