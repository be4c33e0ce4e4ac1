/* SPDX-License-Identifier: BSD-3-Clause */
/** @file bdevkit.h The whole C ABI. */
#ifndef BDEVKIT_BDEVKIT_H
#define BDEVKIT_BDEVKIT_H

#include <bdevkit/abi.h>
#include <bdevkit/bdev.h>
#include <bdevkit/bdev_io.h>
#include <bdevkit/bdev_module.h>
#include <bdevkit/claim.h>
#include <bdevkit/desc.h>
#include <bdevkit/device_stat.h>
#include <bdevkit/dif.h>
#include <bdevkit/event.h>
#include <bdevkit/examine.h>
#include <bdevkit/extension.h>
#include <bdevkit/histogram.h>
#include <bdevkit/io_channel.h>
#include <bdevkit/json.h>
#include <bdevkit/log.h>
#include <bdevkit/memory.h>
#include <bdevkit/method.h>
#include <bdevkit/module.h>
#include <bdevkit/notify.h>
#include <bdevkit/option.h>
#include <bdevkit/plugin.h>
#include <bdevkit/poller.h>
#include <bdevkit/qos.h>
#include <bdevkit/queue_depth.h>
#include <bdevkit/quiesce.h>
#include <bdevkit/range_lock.h>
#include <bdevkit/status.h>
#include <bdevkit/thread.h>
#include <bdevkit/trace.h>
#include <bdevkit/zone.h>

#endif
