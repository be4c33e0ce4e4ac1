/* SPDX-License-Identifier: BSD-3-Clause */
/* The default of an option is beyond its maximum. */
#include <bdevkit/option.h>

struct rogue_options {
    uint64_t size;
    uint64_t count;
};

static const struct bdk_option option_table[] = {
    {.name = "size",
     .help = "The size.",
     .type = BDK_OPTION_SIZE,
     .offset = 0,
     .default_value = "2MiB",
     .max = 1048576},
    {.name = "count", .help = "How many.", .type = BDK_OPTION_U64, .offset = 8},
};

#define ROGUE_TABLE \
    .options = option_table, .option_count = 2, .options_struct_size = sizeof(struct rogue_options),
#include "rogue_disk.h"
