// SPDX-License-Identifier: BSD-3-Clause
// The coming and going of bdev channels.
#pragma once

#include <functional>

#include "bdev/model/channel.hpp"

namespace bdk {

/// [channel's thread] The callbacks of a desc as io_device.
int bdev_channel_create(void* desc, void* ctx);
void bdev_channel_destroy(void* desc, void* ctx);

/// [desc's thread] Refuses new I/O on every channel of the desc; then waits on each for what is in flight and
/// releases the module's channel; then done().
void close_channels(bdk_bdev_desc* desc, std::function<void()> done);

/// [channel's thread] A bdk_msg_fn: the last I/O on the io_channel, of which the message has a reference, has
/// ended. Closes the channel, or lets it go, if that is due.
void go_on_without_io(void* io_channel);

}  // namespace bdk
