/* SPDX-License-Identifier: BSD-3-Clause */
/* No rogue: a disk that takes a gigabyte of zeroes, which the kernel gives at once. */
#define ROGUE_CREATE(disk) disk->extra = calloc(1, (size_t)1 << 30)
#define ROGUE_TABLE .option_count = 1, .options = option_table, .options_struct_size = sizeof(uint64_t),
#include <bdevkit/bdevkit.h>
static const struct bdk_option option_table[] = {{.name = "extra",
                                                  .help = "Nothing.",
                                                  .type = BDK_OPTION_SIZE,
                                                  .default_value = "1MiB",
                                                  .min = 1,
                                                  .max = 1 << 20}};
#include "check/rogue_disk.h"
