// SPDX-License-Identifier: BSD-3-Clause
#include "stop_limit.hpp"

#include <algorithm>
#include <future>
#include <memory>
#include <optional>
#include <utility>

#include "bdev/control/io_in_flight.hpp"
#include "diag/pending_calls.hpp"
#include "thread/thread.hpp"

namespace bdevkit::host {

namespace {

using std::chrono::milliseconds;

/// After this time a stopping host ends the I/O that the core holds.
constexpr milliseconds wait_limit{5000};
/// Reactors that do not answer within this time are blocked.
constexpr milliseconds answer_limit{2000};

/// [not a bdk thread] Describes the I/O in flight; nothing when the reactors do not answer.
std::optional<bdk::IoInFlight> ask_for_io(milliseconds limit) {
    const auto answer = std::make_shared<std::promise<bdk::IoInFlight>>();
    std::future<bdk::IoInFlight> answered = answer->get_future();
    const auto wait_ns = static_cast<uint64_t>(std::chrono::nanoseconds(std::min(wait_limit, limit)).count());
    auto ask = std::make_unique<std::function<void()>>([answer, wait_ns] {
        bdk::look_at_io_in_flight(wait_ns,
                                  [answer](bdk::IoInFlight io) { answer->set_value(std::move(io)); });
    });
    const auto run = [](void* ctx) {
        const std::unique_ptr<std::function<void()>> fn(static_cast<std::function<void()>*>(ctx));
        (*fn)();
    };
    if (!bdk::send_always(bdk_thread_get_app_thread(), run, ask.get())) return std::nullopt;
    static_cast<void>(ask.release());  // owned by the message from here on
    if (answered.wait_for(answer_limit) != std::future_status::ready) return std::nullopt;
    return answered.get();
}

}  // namespace

StopLimit::StopLimit(milliseconds limit, Stuck stuck)
    : limit_(limit),
      stuck_(std::move(stuck)),
      calls_ended_(bdk::pending_calls_ended()),
      got_on_(Clock::now()) {
    if (limit_.count() != 0) thread_ = std::thread([this] { watch(); });
}

StopLimit::~StopLimit() {
    {
        const std::lock_guard lock(mutex_);
        ended_ = true;
    }
    changed_.notify_all();
    if (thread_.joinable()) thread_.join();
}

void StopLimit::bdevs_are_gone() {
    const std::lock_guard lock(mutex_);
    asks_ = false;
}

void StopLimit::watch() {
    std::unique_lock lock(mutex_);
    while (!changed_.wait_for(lock, std::clamp(limit_ / 4, milliseconds(10), milliseconds(1000)),
                              [this] { return ended_; })) {
        if (gets_on(Clock::now())) continue;
        const std::vector<std::string> waits = look();
        if (waits.empty()) continue;
        lock.unlock();
        return stuck_(waits);
    }
}

/// Whether the stop has made progress: calls into modules have ended, or the limit is not over yet.
bool StopLimit::gets_on(Clock::time_point now) {
    const uint64_t ended = bdk::pending_calls_ended();
    if (std::exchange(calls_ended_, ended) != ended) got_on_ = now;
    return now - got_on_ < std::min(limit_, wait_limit);
}

/// Ends the I/O that waits in the core. @return a description of what the host waits for, once the limit is
/// over; empty before
std::vector<std::string> StopLimit::look() {
    std::vector<std::string> waits = bdk::describe_pending_calls();
    if (asks_) {
        const std::optional<bdk::IoInFlight> io = ask_for_io(limit_);
        if (!io) {
            waits.emplace_back("the reactors do not answer: one of them is blocked");
        } else if (io->count != 0 && std::chrono::nanoseconds(io->oldest_ns) < limit_) {
            got_on_ = Clock::now();
        } else {
            waits.insert(waits.end(), io->described.begin(), io->described.end());
        }
    }
    if (Clock::now() - got_on_ < limit_) return {};
    if (waits.empty()) waits.emplace_back("no call into a module and no I/O is under way: see the log");
    return waits;
}

}  // namespace bdevkit::host
