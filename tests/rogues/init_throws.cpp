// SPDX-License-Identifier: BSD-3-Clause
// Its init lets an exception out, which no callback may.
#include <bdevkit/module.h>

#include <stdexcept>

static int init() {
    throw std::runtime_error("thrown by init");
}

BDK_MODULE = {
    .abi_major = BDK_ABI_MAJOR,
    .abi_minor = BDK_ABI_MINOR,
    .size = sizeof(bdk_module),
    .name = "init_throws",
    .init = init,
};
