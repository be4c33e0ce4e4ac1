// SPDX-License-Identifier: BSD-3-Clause
// The creation and the end of bdev channels.
#pragma once

#include <functional>

#include "bdev/model/channel.hpp"

namespace bdk {

/// [channel's thread] The create and destroy callbacks of a desc as io_device.
int bdev_channel_create(void* desc, void* ctx);
void bdev_channel_destroy(void* desc, void* ctx);

/// [desc's thread] Refuses new I/O on every channel of the desc. Then waits for the I/O in flight on each
/// channel, releases the module's channel, and calls done().
void close_channels(bdk_bdev_desc* desc, std::function<void()> done);

/// [channel's thread] A bdk_msg_fn, sent after the last I/O on the io_channel has ended. The message holds a
/// reference to the io_channel. Completes a close or a put that has waited for that I/O.
void go_on_without_io(void* io_channel);

}  // namespace bdk
