// SPDX-License-Identifier: BSD-3-Clause
// Decides when to look for more requests: a trade-off between latency and processor time.
#pragma once

#include <cstdint>

namespace bdevkit::host::nbd {

/// A client that waits for each answer is served fastest by polling: its next request comes at once, and to
/// be woken takes longer than to serve it. Clients that keep many requests in flight are served cheapest by
/// letting some gather: one system call then receives them, one answers them, and the processor is free
/// meanwhile.
///
/// How many a client keeps in flight does not show while it is served faster than it asks. So now and then,
/// when requests come fast, one rest is tried. If more requests have come by the time those of the rest are
/// answered, the client was not waiting for the answers, and rest follows rest until that is no longer so.
class Pace {
public:
    enum class Next {
        poll,   ///< look again at once
        rest,   ///< look again after rest_us
        sleep,  ///< look when a client has sent something
    };

    /// @param ticks_per_us ticks of the clock that `now` is read from
    explicit Pace(uint64_t ticks_per_us) : us_(ticks_per_us) {}

    /// A turn has found work. @param requests requests of clients that began in this turn
    Next worked(uint32_t requests) noexcept;

    /// A turn has found nothing to do. @param running requests in progress at the bdev
    Next idle(uint64_t now, uint64_t running) noexcept;

    /// A rest has taken `ticks`. If a rest takes far longer than requested, other processes use the core, and
    /// each further rest would give it away for long. So the rests end.
    void rested(uint64_t ticks) noexcept;

    static constexpr uint64_t rest_us = 20;
    /// How long to poll after the last work: longer than a client takes to send its next request.
    static constexpr uint64_t patience_us = 100;

private:
    static constexpr uint64_t first_gap_us = 1000;  ///< between two trial rests
    static constexpr uint64_t last_gap_us = 32000;
    static constexpr uint64_t fast_gap_us = 20;  ///< between two requests
    static constexpr uint32_t max_misses =
        4;  ///< in a row, since a client's processor may be busy with other work

    static constexpr uint64_t overslept_us = 500;

    Next rest() noexcept;
    void stop_resting() noexcept;
    bool may_rest(uint64_t now) noexcept;
    bool try_is_due(uint64_t now) noexcept;

    uint64_t us_;
    uint64_t quiet_since_ = 0;  ///< 0 while there is work
    uint64_t last_try_ = 0;
    uint64_t gap_us_ = first_gap_us;
    uint64_t requests_ = 0;  ///< since the last trial rest
    uint32_t batches_ = 0;   ///< turns since the last rest that began requests
    uint32_t misses_ = 0;    ///< rests in a row for which a client may have waited
    bool rested_ = false;    ///< true if no turn was idle since the last rest
};

}  // namespace bdevkit::host::nbd
