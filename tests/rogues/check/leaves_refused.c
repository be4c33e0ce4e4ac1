/* SPDX-License-Identifier: BSD-3-Clause */
/* Refuses an option at its limit once the bdev is made. */
#include <bdevkit/option.h>

struct rogue_options {
    uint32_t level;
};

static const struct bdk_option option_table[] = {
    {.name = "level", .help = "The level.", .type = BDK_OPTION_U32, .default_value = "1", .max = 9},
};

#define ROGUE_CREATED(disk, rc) \
    if (((const struct rogue_options*)options)->level == 9) return -EINVAL
#define ROGUE_TABLE \
    .options = option_table, .option_count = 1, .options_struct_size = sizeof(struct rogue_options),
#include "rogue_disk.h"
