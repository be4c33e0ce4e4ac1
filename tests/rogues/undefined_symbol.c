/* SPDX-License-Identifier: BSD-3-Clause */
/* Calls a function of a later host. */
#include <bdevkit/module.h>

#include "trace.h"

BDK_API int bdk_function_of_the_future(void);

static int init(const struct bdk_module* self) {
    (void)self;
    return bdk_function_of_the_future();
}

BDK_MODULE = {
    .size = sizeof(struct bdk_module),
    .name = "undefined_symbol",
    .init = init,
};
