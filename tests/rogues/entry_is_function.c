/* SPDX-License-Identifier: BSD-3-Clause */
/* The entry symbol has the right name and is code. */
#include "trace.h"

__attribute__((visibility("default"))) void bdk_plugin_v1(void);
void bdk_plugin_v1(void) {}
