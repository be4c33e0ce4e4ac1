// SPDX-License-Identifier: BSD-3-Clause
#include "bdev/path/dispatch.hpp"

namespace bdk {

void io_dispatch_later(BdevIo* io) {
    io->state = IoState::core;
    io->deferred.run = [](Deferred* node) { io_dispatch(BdevIo::of(node)); };
    current_thread()->deferred.push(&io->deferred);
}

}  // namespace bdk
