/* SPDX-License-Identifier: BSD-3-Clause */
/* Leaves a trace in the environment when the code of a file has run, for the tests to find. */
#ifndef BDEVKIT_TESTS_ROGUES_TRACE_H
#define BDEVKIT_TESTS_ROGUES_TRACE_H

#include <stdlib.h>

static void __attribute__((constructor)) leave_trace(void) {
    setenv("BDEVKIT_ROGUE_CODE_HAS_RUN", "1", 1);
}

#endif
