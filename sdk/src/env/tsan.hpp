// SPDX-License-Identifier: BSD-3-Clause
// DPDK hands objects from thread to thread in ways that ThreadSanitizer cannot follow: its archives are not
// instrumented, and the producers of its rings wait for each other with relaxed loads. tsan_hand_over() and
// tsan_take_over() tell it that everything done before the hand-over is visible after it. In the scope of a
// TsanBlindSpot it ignores plain loads and stores.
#pragma once

#ifdef __SANITIZE_THREAD__
#include <sanitizer/tsan_interface.h>
extern "C" {
void AnnotateIgnoreReadsBegin(const char* file, int line);
void AnnotateIgnoreReadsEnd(const char* file, int line);
void AnnotateIgnoreWritesBegin(const char* file, int line);
void AnnotateIgnoreWritesEnd(const char* file, int line);
}
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

class TsanBlindSpot {
public:
#ifdef __SANITIZE_THREAD__
    TsanBlindSpot() {
        AnnotateIgnoreReadsBegin(__FILE__, __LINE__);
        AnnotateIgnoreWritesBegin(__FILE__, __LINE__);
    }
    ~TsanBlindSpot() {
        AnnotateIgnoreWritesEnd(__FILE__, __LINE__);
        AnnotateIgnoreReadsEnd(__FILE__, __LINE__);
    }
#else
    // NOLINTNEXTLINE(modernize-use-equals-default): a const object needs it so
    TsanBlindSpot() {}
#endif
    TsanBlindSpot(const TsanBlindSpot&) = delete;
    TsanBlindSpot& operator=(const TsanBlindSpot&) = delete;
};

}  // namespace bdk
