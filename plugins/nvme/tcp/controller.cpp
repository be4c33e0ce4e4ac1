// SPDX-License-Identifier: BSD-3-Clause
#include "controller.hpp"

#include <bdevkit/error.hpp>

#include <nvme/types.h>

#include <algorithm>

#include "fabrics.hpp"
#include "queue.hpp"

using bdevkit::Error, bdevkit::format, bdevkit::Io, bdevkit::IoStatus, bdevkit::LogLevel;

TcpController::TcpController(std::vector<TcpTarget> ways, const Patience& patience, TcpSession session)
    : ways_(std::move(ways)),
      patience_(patience),
      name_(ways_.front().name() + ", " + ways_.front().subsystem),
      first_(std::move(session)) {
    identity_ = first_.identity;
    namespaces_ = known_ = first_.namespaces;
}

TcpController::~TcpController() {
    worker_.stop();
    drop_admin();
}

void TcpController::start(NvmeEvents events) {
    events_ = std::move(events);
    install(std::move(first_));
}

NvmeLimits TcpController::limits(const NvmeNamespace&) const {
    constexpr uint64_t largest = 1024 * 1024;
    const uint64_t allowed =
        identity_.max_transfer == 0 ? largest : std::min(largest, identity_.max_transfer);
    return {.max_transfer = allowed, .aborts = true};
}

std::unique_ptr<NvmeQueue> TcpController::open_queue(uint32_t) {
    return std::make_unique<TcpQueue>(*this);
}

void TcpController::dump_info(bdevkit::Json json, const NvmeNamespace&) const {
    const std::lock_guard lock(mutex_);
    json.value("transport", "tcp");
    const TcpTarget& target = ways_[way_];
    json.value("address", target.address);
    json.value("service", target.service);
    json.value("subsystem", target.subsystem);
    json.value("host_nqn", target.host_nqn);
    json.value("controller", uint64_t(id_));
    json.value("connected", is_up_);
    json.value("reconnects", uint64_t(generation_));
}

// ---- the queues ----

uint32_t TcpController::join(const std::shared_ptr<TcpLink>& link) {
    const std::lock_guard lock(mutex_);
    const auto is_free = [this](uint16_t id) {
        return std::none_of(links_.begin(), links_.end(),
                            [id](const auto& other) { return other->id == id; });
    };
    if (links_.size() >= queues_)
        throw Error(ENOSPC,
                    format("%s grants %u I/O queues, and each thread that uses a namespace has one: use "
                           "fewer threads, or let the target grant more",
                           name_.c_str(), queues_));
    // In turn: the target may not have seen yet that the last one of a number is gone.
    do
        last_queue_ = uint16_t(last_queue_ % queues_ + 1);
    while (!is_free(last_queue_));
    link->id = last_queue_;
    links_.insert(link);
    if (is_up_) worker_.post([this, link, generation = generation_] { connect_queue(link, generation); });
    return generation_;
}

void TcpController::leave(const std::shared_ptr<TcpLink>& link) {
    const std::lock_guard lock(mutex_);
    links_.erase(link);
}

std::set<std::shared_ptr<TcpLink>> TcpController::links() const {
    const std::lock_guard lock(mutex_);
    return links_;
}

void TcpController::connect_queue(const std::shared_ptr<TcpLink>& link, uint32_t generation) {
    constexpr int most_tries = 5;
    constexpr std::chrono::milliseconds pause(100);
    std::string reason;
    for (int tries = 0; tries < most_tries; tries++) {
        std::unique_lock lock(mutex_);
        if (generation != generation_ || !links_.contains(link)) return;
        const auto [way, id, size, in_capsule] = std::tuple(way_, id_, queue_size_, in_capsule_);
        lock.unlock();
        try {
            auto connection = tcp_open_queue(ways_[way], id, size, in_capsule, link->id, worker_.cancel());
            on_app_thread([generation](TcpController& self) {
                if (generation == self.generation_) self.away_since_.reset();
            });
            return TcpLink::tell(link, [generation, made = std::move(connection)](TcpQueue& queue) mutable {
                queue.connected(generation, std::move(made));
            });
        } catch (const Error& error) {
            if (error.rc() == -ECANCELED) throw;
            reason = error.what();
        }
        worker_.cancel().wait(-1, 0, TcpClock::now() + pause);
    }
    lost(generation, reason);
}

// ---- connections that go and come ----

void TcpController::install(TcpSession session) {
    const std::lock_guard lock(mutex_);
    way_ = session.way;
    id_ = session.controller;
    queue_size_ = session.queue_size;
    queues_ = session.queues;
    in_capsule_ = session.in_capsule;
    is_up_ = true;
    admin_.emplace(
        std::move(session.admin),
        [this](void* call, const TcpResult& result) { admin_ended(static_cast<AdminCall*>(call), result); },
        [this](const std::string& reason) { down(reason, nullptr); });
    keep_alive_is_out_ = false;
    keep_alive_ = {};
    if (session.keeps_alive)
        keep_alive_ = bdevkit::Poller::start<&TcpController::keep_alive>(this, "nvme_tcp_keep_alive",
                                                                         ways_.front().keep_alive / 2);
    for (const auto& link : links_)
        worker_.post([this, link, generation = generation_] { connect_queue(link, generation); });
    if (!session.tells_of_namespaces) return;
    run_admin(set_feature(NVME_FEAT_FID_ASYNC_EVENT, notice_namespaces), {}, [](const auto&) {});
    wait_for_event();
}

void TcpController::wait_for_event() {
    run_admin({.opcode = nvme_admin_async_event}, {}, [this](const std::optional<TcpResult>& result) {
        if (!result || !result->ok() || is_over_) return;
        event_came(uint32_t(result->result));
        wait_for_event();
    });
}

void TcpController::event_came(uint32_t what) {
    const uint32_t type = what & 7, detail = what >> 8 & 0xff;
    if (type != NVME_AER_NOTICE || detail != NVME_AER_NOTICE_NS_CHANGED)
        return bdevkit::log(LogLevel::notice, BDK_LOG_COMPONENT,
                            format("%s: event of type %u, %u", name_.c_str(), type, detail));
    TcpRescan::start([this](const NvmeCommand& command, const NvmeData& data,
                            AdminEnded ended) { run_admin(command, data, std::move(ended)); },
                     [this](const std::vector<NvmeNamespace>& now) {
                         if (is_over_) return;
                         if (const uint32_t id = replaced(now); id != 0)
                             return down(format("namespace %u has become another one", id), nullptr);
                         known_ = now;
                         if (events_.namespaces) events_.namespaces(now);
                     });
}

bool TcpController::keep_alive() {
    if (keep_alive_is_out_) {
        down("the target does not answer to keep alive", nullptr);
        return true;
    }
    keep_alive_is_out_ = true;
    run_admin({.opcode = nvme_admin_keep_alive}, {}, [this](const auto&) { keep_alive_is_out_ = false; });
    return true;
}

void TcpController::lost(uint32_t generation, const std::string& reason) {
    on_app_thread([generation, reason](TcpController& self) {
        if (generation == self.generation_) self.down(reason, nullptr);
    });
}

void TcpController::down(const std::string& reason, const bdk_bdev* reset) {
    if (is_over_ || !is_up_) return;
    if (!away_since_) away_since_ = TcpClock::now();
    const auto give_up_at = *away_since_ + patience_.loss_timeout;
    if (TcpClock::now() > give_up_at) return give_up(reason);
    bdevkit::log(LogLevel::warn, BDK_LOG_COMPONENT,
                 format("%s: %s: connecting again", name_.c_str(), reason.c_str()));
    {
        const std::lock_guard lock(mutex_);
        is_up_ = false;
        generation_++;
    }
    keep_alive_.stop();
    drop_admin();
    for (const auto& link : links())
        TcpLink::tell(link, [generation = generation_, reset](TcpQueue& queue) {
            queue.disconnect(generation, reset);
        });
    // What has just failed is not the first to be tried.
    worker_.post(
        [this, give_up_at, way = reset != nullptr ? way_ : way_ + 1] { reconnect(way, give_up_at); });
}

void TcpController::reconnect(size_t way, TcpClock::time_point give_up_at) {
    std::chrono::milliseconds delay(50);
    for (;;) {
        try {
            auto session = std::make_shared<TcpSession>(tcp_establish(ways_, way, worker_.cancel()));
            return on_app_thread([session](TcpController& self) { self.up(std::move(*session)); });
        } catch (const Error& error) {
            if (error.rc() == -ECANCELED) throw;
            if (TcpClock::now() + delay > give_up_at)
                return on_app_thread(
                    [reason = std::string(error.what())](TcpController& self) { self.give_up(reason); });
        }
        worker_.cancel().wait(-1, 0, TcpClock::now() + delay);
        delay = std::min(delay * 2, patience_.reconnect_delay);
    }
}

/// The first of the namespaces that has become another one; 0: none. I/O must not go to it.
uint32_t TcpController::replaced(const std::vector<NvmeNamespace>& now) const {
    for (const NvmeNamespace& before : known_)
        for (const NvmeNamespace& ns : now)
            if (ns.id == before.id && ns.nguid != before.nguid) return ns.id;
    return 0;
}

void TcpController::up(TcpSession session) {
    if (is_over_) return;
    const auto now = session.namespaces;
    if (const uint32_t id = replaced(now); id != 0)
        return give_up(format("namespace %u of the target is another one by now: its NGUID has changed", id));
    known_ = now;
    if (links().empty()) away_since_.reset();
    install(std::move(session));
    bdevkit::log(LogLevel::notice, BDK_LOG_COMPONENT,
                 format("%s: connected again, to %s", name_.c_str(), ways_[way_].name().c_str()));
    end_resets(0);
    if (events_.namespaces) events_.namespaces(now);
}

void TcpController::give_up(const std::string& reason) {
    if (is_over_) return;
    is_over_ = true;
    {
        const std::lock_guard lock(mutex_);
        is_up_ = false;
    }
    keep_alive_.stop();
    drop_admin();
    bdevkit::log(LogLevel::error, BDK_LOG_COMPONENT,
                 format("%s: given up: %s", name_.c_str(), reason.c_str()));
    for (const auto& link : links())
        TcpLink::tell(link, [](TcpQueue& queue) { queue.give_up(); });
    end_resets(-ENXIO);
    if (events_.lost) events_.lost();
}

void TcpController::reset(const bdk_bdev* bdev, std::function<void(int rc)> done) {
    on_app_thread(
        [bdev, reset = Reset{bdevkit::Thread::current(), std::move(done)}](TcpController& self) mutable {
            self.resets_.push_back(std::move(reset));
            if (self.is_over_) return self.end_resets(-ENXIO);
            if (self.is_up_) return self.down("a reset was asked for", bdev);
            for (const auto& link : self.links())
                TcpLink::tell(link, [generation = self.generation_, bdev](TcpQueue& queue) {
                    queue.disconnect(generation, bdev);
                });
        });
}

void TcpController::end_resets(int rc) {
    for (Reset& reset : std::exchange(resets_, {}))
        reset.thread.send([done = std::move(reset.done), rc] { done(rc); });
}

void TcpController::shut_down(std::function<void()> done) {
    constexpr uint32_t normal = NVME_CC_SHN_NORMAL << NVME_CC_SHN_SHIFT;
    constexpr uint32_t enabled =
        1u << NVME_CC_EN_SHIFT | 6u << NVME_CC_IOSQES_SHIFT | 4u << NVME_CC_IOCQES_SHIFT;
    is_over_ = true;
    worker_.stop();
    keep_alive_.stop();
    if (admin_) {
        run_admin(property_set(NVME_REG_CC, enabled | normal), {}, [](const auto&) {});
        admin_->connection().turn();  // the target has it, and takes the end of the connection for the rest
    }
    drop_admin();
    done();
}

// ---- admin commands ----

void TcpController::run_admin(const NvmeCommand& command, const NvmeData& data, AdminEnded ended) {
    if (!admin_) return ended({});
    auto call = std::make_unique<AdminCall>(AdminCall{command, data, std::move(ended)});
    if (!submit_admin(call)) waiting_.push_back(std::move(call));
}

/// @return false when the queue is full; `call` stays then
bool TcpController::submit_admin(std::unique_ptr<AdminCall>& call) {
    const int cid = admin_->protocol().submit(call->command, call->data, call.get());
    if (cid == -EAGAIN) return false;
    AdminCall* submitted = call.release();
    admin_->wake_up();
    if (cid < 0) admin_ended(submitted, {.sct = NVME_SCT_GENERIC, .sc = NVME_SC_INVALID_FIELD});
    return true;
}

void TcpController::admin_ended(AdminCall* ended, const TcpResult& result) {
    const std::unique_ptr<AdminCall> call(ended);
    call->ended(result);
    while (admin_ && !waiting_.empty() && submit_admin(waiting_.front()))
        waiting_.pop_front();
}

void TcpController::drop_admin() {
    if (!admin_) return;
    std::deque<std::unique_ptr<AdminCall>> calls = std::exchange(waiting_, {});
    admin_->protocol().drop_all([&](void* call) { calls.emplace_back(static_cast<AdminCall*>(call)); });
    admin_.reset();
    for (const auto& call : calls)
        call->ended({});
}

void TcpController::run_for(const std::shared_ptr<TcpLink>& link, Io io, const NvmeRequest& request) {
    on_app_thread([link, io, request](TcpController& self) {
        self.run_admin(request.command, request.data, [link, io](const std::optional<TcpResult>& result) {
            TcpLink::tell(link, [io, result](TcpQueue&) { TcpQueue::admin_ended(io, result); });
        });
    });
}

void TcpController::abort_for(const std::shared_ptr<TcpLink>& link, uint32_t generation, uint16_t cid,
                              Io abort) {
    on_app_thread([link, generation, cid, abort](TcpController& self) {
        const AdminEnded ended = [link, generation, cid, abort](const std::optional<TcpResult>& result) {
            const bool aborted = result && result->ok() && (result->result & 1) == 0;
            TcpLink::tell(link, [generation, cid, abort, aborted](TcpQueue& queue) {
                queue.abort_ended(generation, cid, abort, aborted);
            });
        };
        if (generation != self.generation_) return ended({});
        self.run_admin({.opcode = nvme_admin_abort_cmd, .cdw10 = link->id | uint32_t(cid) << 16}, {}, ended);
    });
}
