// SPDX-License-Identifier: BSD-3-Clause
/// @file bdevkit.hpp
/// The whole C++ layer, and the C ABI below it. Header-only: all of it is compiled into the plugin.
#pragma once

#include <bdevkit/bdevkit.h>
#include <bdevkit/bdev.hpp>
#include <bdevkit/desc.hpp>
#include <bdevkit/error.hpp>
#include <bdevkit/io.hpp>
#include <bdevkit/io_batch.hpp>
#include <bdevkit/io_channel.hpp>
#include <bdevkit/json.hpp>
#include <bdevkit/log.hpp>
#include <bdevkit/method.hpp>
#include <bdevkit/module.hpp>
#include <bdevkit/option.hpp>
#include <bdevkit/part_bdev.hpp>
#include <bdevkit/poller.hpp>
#include <bdevkit/read_blocks.hpp>
#include <bdevkit/thread.hpp>
#include <bdevkit/transform_bdev.hpp>
#include <bdevkit/virtual_bdev.hpp>
#include <bdevkit/visibility.hpp>
