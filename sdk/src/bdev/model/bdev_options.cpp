// SPDX-License-Identifier: BSD-3-Clause
#include "bdev/model/bdev_options.hpp"

namespace bdk {

namespace {
BdevOptions g_options;
}

void set_bdev_options(const BdevOptions& options) {
    g_options = options;
}

const BdevOptions& bdev_options() {
    return g_options;
}

}  // namespace bdk
