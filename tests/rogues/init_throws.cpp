// SPDX-License-Identifier: BSD-3-Clause
// Its init lets an exception out, which no callback may.
#include <bdevkit/module.h>

#include <stdexcept>

static int init(const bdk_module*) {
    throw std::runtime_error("thrown by init");
}

BDK_MODULE = {
    .size = sizeof(bdk_module),
    .name = "init_throws",
    .init = init,
};
