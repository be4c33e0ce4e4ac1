// SPDX-License-Identifier: BSD-3-Clause
// Lets an exception out of create, which no callback may.
#include <bdevkit/module.h>

#include <stdexcept>

static int create(const bdk_module*, bdk_create*, const char*, const void*) {
    throw std::runtime_error("thrown by create");
}

BDK_MODULE = {
    .size = sizeof(bdk_module),
    .name = "rogue",
    .version = "1.0.0",
    .description = "Throws",
    .option_size = sizeof(bdk_option),
    .create = create,
};
