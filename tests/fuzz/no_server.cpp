// SPDX-License-Identifier: BSD-3-Clause
// The fuzz targets read stacks and start none.
#include "frontends/nbd/nbd_config.hpp"

namespace bdevkit::host {

std::unique_ptr<Frontend> make_nbd_server(NbdConfig) {
    return nullptr;
}

}  // namespace bdevkit::host
