// SPDX-License-Identifier: BSD-3-Clause
// The pollers of one thread.
#pragma once

#include <bdevkit/poller.h>

#include <boost/intrusive/set.hpp>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

struct bdk_thread;

/// A turn needs only this cache line of a busy poller.
struct alignas(64) bdk_poller {
    enum class State : uint8_t { active, paused, unregistered };

    bdk_poller_fn fn = nullptr;
    void* ctx = nullptr;
    uint64_t runs = 0;
    uint64_t busy_runs = 0;
    State state = State::active;
    bool listed = false;   ///< busy pollers: in the list of active pollers
    bool dirty = false;    ///< busy pollers: to be taken out of that list at the end of the turn
    bool running = false;  ///< timed pollers: inside fn
    uint32_t index = 0;    ///< in that list

    bdk_thread* thread = nullptr;
    uint64_t period_ticks = 0;  ///< 0: busy
    uint64_t next_run = 0;      ///< timed pollers: ticks
    boost::intrusive::set_member_hook<> timer_hook;
    size_t place = 0;  ///< in the list of all
    std::string name;
};

namespace bdk {

class Activity;

/// [bdk thread] Like bdk_poller_register(), for steps that cannot fail.
bdk_poller* register_poller_always(bdk_poller_fn fn, void* ctx, uint64_t period_us, const char* name);

class PollerList {
public:
    PollerList() = default;
    ~PollerList();
    PollerList(const PollerList&) = delete;
    PollerList& operator=(const PollerList&) = delete;

    bdk_poller* add(bdk_thread* thread, bdk_poller_fn fn, void* ctx, uint64_t period_us, const char* name);
    void unregister(bdk_poller* poller);
    void pause(bdk_poller* poller);
    void resume(bdk_poller* poller);

    /// Calls every busy poller once and every timed one that is due at `now` (ticks). @return true if one was
    /// busy.
    bool run(bdk_thread& thread, Activity& activity, uint64_t now) {
        bool busy = false;
        if (!unregistered_.empty()) unregistered_.clear();
        if (!busy_.empty()) busy |= run_busy(thread, activity);
        if (next_timer_ <= now) busy |= run_timers(thread, activity, now);
        return busy;
    }

    /// The number of busy pollers that are not paused.
    bool has_busy() const noexcept { return !busy_.empty(); }
    /// Ticks at which the next timed poller is due; UINT64_MAX without any.
    uint64_t next_timer() const noexcept { return next_timer_; }
    /// The number of registered pollers, including paused ones.
    size_t count() const noexcept { return all_.size(); }
    /// "'a', 'b'", for log lines.
    std::string names() const;
    void unregister_all();

private:
    struct Sooner {
        bool operator()(const bdk_poller& a, const bdk_poller& b) const noexcept {
            return a.next_run < b.next_run;
        }
    };
    using Timers = boost::intrusive::multiset<
        bdk_poller,
        boost::intrusive::member_hook<bdk_poller, boost::intrusive::set_member_hook<>,
                                      &bdk_poller::timer_hook>,
        boost::intrusive::compare<Sooner>, boost::intrusive::constant_time_size<false>>;

    bool run_busy(bdk_thread& thread, Activity& activity);
    bool run_timers(bdk_thread& thread, Activity& activity, uint64_t now);
    void tidy_busy();
    /// Reserves room for one more poller in every list, so that only add() needs memory.
    void make_room();
    void start(bdk_poller* poller);
    void stop(bdk_poller* poller);
    void arm(bdk_poller* poller, uint64_t next_run);
    void note_next_timer() noexcept {
        next_timer_ = timers_.empty() ? UINT64_MAX : timers_.begin()->next_run;
    }

    std::vector<bdk_poller*>
        busy_;  ///< in the order of registration, as long as nothing is paused or removed
    uint64_t next_timer_ = UINT64_MAX;
    std::vector<bdk_poller*> dirty_;  ///< in busy_, but paused or unregistered since
    Timers timers_;
    std::vector<std::unique_ptr<bdk_poller>> all_;
    std::vector<std::unique_ptr<bdk_poller>> unregistered_;  ///< to be freed in the next turn
    bool iterating_ = false;
};

}  // namespace bdk
