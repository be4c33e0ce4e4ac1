/* SPDX-License-Identifier: BSD-3-Clause */
/* A correct plugin. Each rogue differs from it in one point. */
#include <bdevkit/module.h>
#include <stddef.h>

struct options {
    uint64_t size;
    const char* label;
};

static const struct bdk_option option_table[] = {
    {.name = "size",
     .help = "Bytes.",
     .type = BDK_OPTION_SIZE,
     .flags = BDK_OPTION_REQUIRED,
     .offset = offsetof(struct options, size)},
    {.name = "label",
     .help = "A word to remember it by.",
     .type = BDK_OPTION_STRING,
     .offset = offsetof(struct options, label)},
};

BDK_MODULE = {
    .size = sizeof(struct bdk_module),
    .name = "well_behaved",
    .version = "1.2.3",
    .description = "Does nothing, correctly.",
    .author = "bdevkit",
    .license = "BSD-3-Clause",
    .options = option_table,
    .option_count = 2,
    .option_size = sizeof(struct bdk_option),
    .options_struct_size = sizeof(struct options),
};
