// SPDX-License-Identifier: BSD-3-Clause
#include "soak/soak_worker.hpp"

#include <algorithm>
#include <utility>

namespace bdk::test {

namespace {

constexpr size_t max_sessions = 4;
// Between two actions, completions submit the next I/O. A reactor that never rests gets the last turn on a
// busy machine.
constexpr uint64_t act_every_us = 20;

}  // namespace

SoakWorker::SoakWorker(bdk_thread* thread, std::vector<std::unique_ptr<Tower>>& towers, uint64_t seed)
    : thread_(thread), towers_(towers), random_(seed) {
    auto act_on = [](void* ctx) { return static_cast<SoakWorker*>(ctx)->act(); };
    call_on(thread_, [&] { poller_ = bdk_poller_register(act_on, this, act_every_us, "soak_worker"); });
}

SoakWorker::~SoakWorker() {
    call_on(thread_, [&] { bdk_poller_unregister(&poller_); });
}

int SoakWorker::act() {
    for (auto& session : sessions_)
        session->look();
    std::erase_if(sessions_, [](const auto& session) { return session->gone(); });
    if (running_) {
        if (sessions_.size() < max_sessions) open_one();
        load_one();
    } else if (idle_ && is_idle()) {
        std::exchange(idle_, nullptr)(true);
    }
    return BDK_POLLER_BUSY;
}

bool SoakWorker::is_idle() {
    if (closing_) return sessions_.empty();
    return std::all_of(sessions_.begin(), sessions_.end(),
                       [](const auto& session) { return session->in_flight() == 0; });
}

void SoakWorker::open_one() {
    Tower& tower = *towers_[random_.below(towers_.size())];
    if (auto session = SoakSession::open(tower, tower.any_name(random_), random_, counts_))
        sessions_.push_back(std::move(session));
}

void SoakWorker::load_one() {
    if (sessions_.empty()) return;
    SoakSession& session = *sessions_[random_.below(sessions_.size())];
    for (uint64_t i = random_.below(4); i > 0; i--)
        session.submit();
    if (random_.one_in(64)) session.observe();
    if (random_.one_in(512)) session.close();
}

Awaited<bool> SoakWorker::drain() {
    Awaited<bool> idle;
    call_on(thread_, [&] {
        running_ = false;
        idle_ = idle.setter();
    });
    return idle;
}

Awaited<bool> SoakWorker::close_all() {
    Awaited<bool> idle;
    call_on(thread_, [&] {
        running_ = false;
        closing_ = true;
        idle_ = idle.setter();
        for (auto& session : sessions_)
            session->close();
    });
    return idle;
}

void SoakWorker::go_on() {
    call_on(thread_, [&] {
        running_ = true;
        closing_ = false;
    });
}

void SoakWorker::revoke_writers(const Tower& tower) {
    call_on(thread_, [&] {
        for (auto& session : sessions_)
            if (session->writes(tower)) session->close();
    });
}

SoakCounts SoakWorker::counts() {
    SoakCounts counts;
    call_on(thread_, [&] { counts = counts_; });
    return counts;
}

size_t SoakWorker::sessions() {
    size_t count = 0;
    call_on(thread_, [&] { count = sessions_.size(); });
    return count;
}

uint64_t SoakWorker::in_flight() {
    uint64_t sum = 0;
    call_on(thread_, [&] {
        for (const auto& session : sessions_)
            sum += session->in_flight();
    });
    return sum;
}

}  // namespace bdk::test
