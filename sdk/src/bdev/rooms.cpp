// SPDX-License-Identifier: BSD-3-Clause
// Fills the hooks of model/core_hooks.hpp.
#include "bdev/control/abort.hpp"
#include "bdev/control/admission.hpp"
#include "bdev/control/quiesce.hpp"
#include "bdev/control/reset.hpp"
#include "bdev/control/write_guard.hpp"
#include "bdev/lifecycle/channel.hpp"
#include "bdev/model/core_hooks.hpp"
#include "bdev/observe/histogram.hpp"
#include "bdev/observe/queue_depth.hpp"
#include "bdev/steps/steps.hpp"

namespace bdk {

constinit const CoreHooks core_hooks = {
    .reset = reset_start,
    .abort = abort_start,
    .admit = admit,
    .take_out = take_out_of_wait,
    .leave = reset_leave,
    .give_blocks_back = guard_leave,
    .lock_range = lock_range,
    .cancel_lock_wait = cancel_lock_wait,
    .unlock_range = unlock_range,
    .begin_step = begin_step,
    .go_on_without_io = go_on_without_io,
    .follow_measurement = channel_follow_histogram,
    .leave_measurement = channel_leave_histogram,
    .measure = channel_measure,
    .bdev_goes = end_observation,
};

}  // namespace bdk
