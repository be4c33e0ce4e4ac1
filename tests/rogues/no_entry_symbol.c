/* SPDX-License-Identifier: BSD-3-Clause */
/* A shared object like any other, with nothing that makes it a plugin. */
#include "trace.h"

__attribute__((visibility("default"))) int answer(void);
int answer(void) {
    return 42;
}
