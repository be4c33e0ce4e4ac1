// SPDX-License-Identifier: BSD-3-Clause
// Keeps the read-modify-writes of one export apart from every write that touches the same blocks.
#pragma once

#include <bdevkit/thread.h>

#include <boost/intrusive/list.hpp>
#include <cstdint>

namespace bdevkit::host::nbd {

/// A range of bytes that is being written. `shared` ranges may overlap one another, an `exclusive` one
/// overlaps none.
struct Range : boost::intrusive::list_base_hook<> {
    enum class Mode : uint8_t { shared, exclusive };

    uint64_t first = 0;
    uint64_t end = 0;  ///< one past the last byte
    Mode mode = Mode::shared;
    bdk_thread* thread = nullptr;            ///< set by lock(): where `granted` runs
    void (*granted)(Range& self) = nullptr;  ///< called once if lock() returned false
    Range* next_granted = nullptr;           ///< the lock's own
};

/// Shared by all threads. First come, first served among ranges that conflict; the others do not wait.
///
/// Cheap for aligned writes: two short critical sections, in which only exclusive and waiting ranges are
/// looked at, and there are none of them unless a client writes unaligned.
class RangeLock {
public:
    RangeLock() { bdk_spin_init(&spin_); }
    ~RangeLock() { bdk_spin_destroy(&spin_); }
    RangeLock(const RangeLock&) = delete;
    RangeLock& operator=(const RangeLock&) = delete;

    /// [bdk thread] @return true: the range is held; false: range.granted() runs later, on this thread
    bool lock(Range& range);

    /// [the thread that locked] Gives the range back.
    void unlock(Range& range);

private:
    using List = boost::intrusive::list<Range>;
    bool must_wait(const Range& range, List::const_iterator waiting_end) const;
    void hold(Range& range);

    bdk_spinlock spin_;
    List shared_;
    List exclusive_;
    List waiting_;  ///< in the order of lock()
};

}  // namespace bdevkit::host::nbd
