// SPDX-License-Identifier: BSD-3-Clause
// DPDK hands objects from thread to thread in ways that ThreadSanitizer cannot follow: its archives are not
// instrumented. These two say that what was done before the hand-over is seen after it.
#pragma once

#ifdef __SANITIZE_THREAD__
#include <sanitizer/tsan_interface.h>
#endif

namespace bdk {

inline void tsan_hand_over([[maybe_unused]] void* object) {
#ifdef __SANITIZE_THREAD__
    __tsan_release(object);
#endif
}

inline void tsan_take_over([[maybe_unused]] void* object) {
#ifdef __SANITIZE_THREAD__
    __tsan_acquire(object);
#endif
}

}  // namespace bdk
