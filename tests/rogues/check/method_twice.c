/* SPDX-License-Identifier: BSD-3-Clause */
/* Two of its methods have the same name. */
#include <bdevkit/module.h>

static int do_nothing(const struct bdk_module* self, const struct bdk_method* method, struct bdk_call* call,
                      const void* params, struct bdk_json_writer* result) {
    (void)self, (void)method, (void)call;
    (void)params;
    (void)result;
    return 0;
}

static const struct bdk_method method_table[] = {
    {.name = "tidy", .help = "Does nothing.", .call = do_nothing},
    {.name = "tidy", .help = "Does nothing either.", .call = do_nothing},
};

#define ROGUE_TABLE .methods = method_table, .method_count = 2, .method_size = sizeof(struct bdk_method),
#include "rogue_disk.h"
