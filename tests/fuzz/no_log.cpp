// SPDX-License-Identifier: BSD-3-Clause
// Log lines of the targets without a host go nowhere: they would cost more than what is tested.
#include <bdevkit/log.h>

void bdk_log(uint32_t, const char*, const char*, int, const char*, ...) {}
