// SPDX-License-Identifier: BSD-3-Clause
// The watchdog for I/Os that a module never completes.
#pragma once

namespace bdk {

struct IoPool;

/// [pool's thread] Starts to report the I/Os of the pool that take longer than BdevOptions::late_io_ms.
void watch_late_io(IoPool* pool);

}  // namespace bdk
