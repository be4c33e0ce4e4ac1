// SPDX-License-Identifier: BSD-3-Clause
#include "path.hpp"

#include <bdevkit/error.hpp>

#include <nvme/types.h>

#include <algorithm>

#include "fabrics.hpp"

namespace nvme::tcp {

using bdevkit::Error, bdevkit::format, bdevkit::LogLevel;

namespace {

constexpr std::chrono::milliseconds first_delay(50);

}  // namespace

Path::Path(PathOwner& owner, QueueLinks& links, size_t index, Target target,
           std::chrono::milliseconds reconnect_delay)
    : owner_(owner),
      links_(links),
      index_(index),
      target_(std::move(target)),
      name_(target_.name() + ", " + target_.subsystem),
      reconnect_delay_(reconnect_delay) {}

Path::~Path() {
    stop();
}

// ---- queues ----

JoinedPath Path::add_queue(const std::shared_ptr<QueueLink>& link) {
    if (is_connected())
        worker_.post([this, link, generation = generation_] { connect_queue(link, generation); });
    return {generation_, access_to(link->nsid)};
}

void Path::connect_queue(const std::shared_ptr<QueueLink>& link, uint32_t generation) {
    constexpr int most_tries = 5;
    constexpr std::chrono::milliseconds pause(100);
    std::string reason;
    for (int tries = 0; tries < most_tries; tries++) {
        std::unique_lock lock(links_.mutex);
        if (generation != generation_ || !links_.all.contains(link)) return;
        const auto [id, size, in_capsule] = std::tuple(id_, queue_size_, in_capsule_);
        lock.unlock();
        try {
            auto connection = open_io_queue(target_, id, size, in_capsule, link->id, worker_.cancel());
            on_app_thread([generation](Path& self) {
                if (generation != self.generation_ || !self.is_connected()) return;
                self.set_state(State::usable);
                self.owner_.on_path_usable();
            });
            return QueueLink::tell(
                link, [index = index_, generation, made = std::move(connection)](QueueEvents& queue) mutable {
                    queue.on_connected(index, generation, std::move(made));
                });
        } catch (const Error& error) {
            if (error.rc() == -ECANCELED) throw;
            reason = error.what();
        }
        worker_.cancel().wait(-1, 0, Clock::now() + pause);
    }
    on_app_thread([generation, reason](Path& self) { self.on_connection_lost(generation, reason); });
}

// ---- connecting and disconnecting ----

void Path::adopt(Session session) {
    set_namespaces(std::move(session.namespaces));
    const std::lock_guard lock(links_.mutex);
    id_ = session.controller;
    queue_size_ = session.queue_size;
    queues_ = session.queues;
    in_capsule_ = session.in_capsule;
    state_ = links_.all.empty() ? State::usable : State::connected;
    identity_ = session.identity;
    ana_log_size_ = session.ana_log_size;
    ana_ = std::move(session.ana);
    ana_transition_ = session.ana_transition;
    admin_.emplace(
        std::move(session.admin),
        [this](void* call, const Result& result) { on_admin_ended(static_cast<AdminCall*>(call), result); },
        [this](const std::string& reason) { disconnect(reason, nullptr); });
    keep_alive_is_unanswered_ = false;
    keep_alive_timer_ = {};
    if (session.keeps_alive)
        keep_alive_timer_ = bdevkit::Poller::start<&Path::send_keep_alive>(this, "nvme_tcp_keep_alive",
                                                                           target_.keep_alive / 2);
    publish_access();
    for (const auto& link : links_.all)
        worker_.post([this, link, generation = generation_] { connect_queue(link, generation); });
    if (session.events != 0) wait_for_event();
}

void Path::set_state(State state) {
    const std::lock_guard lock(links_.mutex);
    state_ = state;
}

void Path::stop_timers() {
    keep_alive_timer_.stop();
    transition_timer_.stop();
}

void Path::connect() {
    set_state(State::connecting);
    worker_.post([this] { try_to_connect(first_delay); });
}

/// @param delay  before the second attempt, if the first one fails
void Path::try_to_connect(std::chrono::milliseconds delay) {
    for (;;) {
        try {
            auto session = std::make_shared<Session>(establish(target_, worker_.cancel()));
            return on_app_thread([session](Path& self) { self.on_session(std::move(*session)); });
        } catch (const Error& error) {
            if (error.rc() == -ECANCELED) throw;
            on_app_thread(
                [reason = std::string(error.what())](Path& self) { self.on_connect_failed(reason); });
        }
        worker_.cancel().wait(-1, 0, Clock::now() + delay);
        delay = std::min(delay * 2, reconnect_delay_);
    }
}

void Path::on_connect_failed(const std::string& reason) {
    owner_.on_connect_failed(reason);
    // For a path that was connected before, the log says already that it lost its connections.
    if (generation_ == 0 && !std::exchange(failure_is_logged_, true))
        bdevkit::log(LogLevel::warn, BDK_LOG_COMPONENT,
                     format("%s: cannot connect yet, trying again: %s", name_.c_str(), reason.c_str()));
}

void Path::on_session(Session session) {
    if (state_ != State::connecting) return;  // it has been stopped meanwhile
    const std::string refusal = owner_.refusal_of(session.identity, session.namespaces);
    if (!refusal.empty() && !owner_.is_other_connected(*this)) return owner_.give_up(refusal);
    if (!refusal.empty()) {
        if (refusal != logged_refusal_)
            bdevkit::log(LogLevel::error, BDK_LOG_COMPONENT,
                         format("%s: this path is not used: %s", name_.c_str(), refusal.c_str()));
        logged_refusal_ = refusal;
        return worker_.post([this] {
            worker_.cancel().wait(-1, 0, Clock::now() + reconnect_delay_);
            try_to_connect(reconnect_delay_);
        });
    }
    logged_refusal_.clear();
    bdevkit::log(LogLevel::notice, BDK_LOG_COMPONENT,
                 format("%s: connected%s, to %s", owner_.name().c_str(), generation_ != 0 ? " again" : " too",
                        target_.name().c_str()));
    adopt(std::move(session));
    owner_.on_path_connected();
}

void Path::disconnect(const std::string& reason, const bdk_bdev* reset) {
    if (!is_connected()) return;
    bdevkit::log(LogLevel::warn, BDK_LOG_COMPONENT,
                 format("%s: %s: connecting again", name_.c_str(), reason.c_str()));
    {
        const std::lock_guard lock(links_.mutex);
        state_ = State::connecting;
        generation_++;
    }
    stop_timers();
    drop_admin();
    for (const auto& link : links_.now())
        QueueLink::tell(link, [index = index_, generation = generation_, reset](QueueEvents& queue) {
            queue.on_disconnected(index, generation, reset);
        });
    connect();
    owner_.on_path_disconnected(reason);
}

void Path::on_connection_lost(uint32_t generation, const std::string& reason) {
    if (generation == generation_) disconnect(reason, nullptr);
}

void Path::reset(const bdk_bdev* bdev) {
    if (is_connected()) return disconnect("resetting", bdev);
    for (const auto& link : links_.now())
        QueueLink::tell(link, [index = index_, generation = generation_, bdev](QueueEvents& queue) {
            queue.on_disconnected(index, generation, bdev);
        });
}

void Path::stop() {
    set_state(State::stopped);
    worker_.stop();
    stop_timers();
    drop_admin();
}

void Path::shut_down() {
    constexpr uint32_t normal = NVME_CC_SHN_NORMAL << NVME_CC_SHN_SHIFT;
    constexpr uint32_t enabled =
        1u << NVME_CC_EN_SHIFT | 6u << NVME_CC_IOSQES_SHIFT | 4u << NVME_CC_IOCQES_SHIFT;
    set_state(State::stopped);
    worker_.stop();
    stop_timers();
    if (admin_) {
        run_admin(property_set(NVME_REG_CC, enabled | normal), {}, [](const auto&) {});
        admin_->connection().turn();  // sends the command; its answer is not needed
    }
    stop();
}

bool Path::send_keep_alive() {
    if (keep_alive_is_unanswered_) {
        disconnect("the target does not answer keep alive", nullptr);
        return true;
    }
    keep_alive_is_unanswered_ = true;
    run_admin({.opcode = nvme_admin_keep_alive}, {},
              [this](const auto&) { keep_alive_is_unanswered_ = false; });
    return true;
}

// ---- events ----

void Path::wait_for_event() {
    run_admin({.opcode = nvme_admin_async_event}, {}, [this](const std::optional<Result>& result) {
        if (!result || !result->ok() || state_ == State::stopped) return;
        on_event(uint32_t(result->result));
        wait_for_event();
    });
}

void Path::on_event(uint32_t what) {
    const uint32_t type = what & 7, detail = what >> 8 & 0xff;
    if (type == NVME_AER_NOTICE && detail == NVME_AER_NOTICE_ANA) return read_access();
    if (type != NVME_AER_NOTICE || detail != NVME_AER_NOTICE_NS_CHANGED)
        return bdevkit::log(
            LogLevel::notice, BDK_LOG_COMPONENT,
            format("%s: asynchronous event of type %u, information 0x%02x", name_.c_str(), type, detail));
    Rescan::start([this](const Command& command, const Data& data,
                         OnAdminEnded on_ended) { run_admin(command, data, std::move(on_ended)); },
                  [this](const std::vector<Namespace>& now) {
                      // In a turn of its own, since it may end the connection that calls this.
                      on_app_thread([generation = generation_, now](Path& self) {
                          if (generation == self.generation_ && self.is_connected()) self.on_rescanned(now);
                      });
                  });
}

void Path::on_rescanned(std::vector<Namespace> now) {
    if (const auto refusal = owner_.refusal_of(identity_, now); !refusal.empty())
        return disconnect(refusal, nullptr);
    set_namespaces(std::move(now));
    {
        const std::lock_guard lock(links_.mutex);
        publish_access();
    }
    read_access();
    owner_.on_namespaces_changed();
}

void Path::set_namespaces(std::vector<Namespace> now) {
    // A namespace that is not shared may have the number of a different one on another path.
    std::erase_if(now, [this](const Namespace& ns) {
        return !ns.is_shared && owner_.is_reached_by_other(*this, ns.id);
    });
    namespaces_ = std::move(now);
}

// ---- access states ----

Access Path::access_to(uint32_t nsid) const {
    const auto found = access_.find(nsid);
    return found == access_.end() ? Access::none : found->second;
}

/// Tells all queues how well this path reaches their namespaces. The caller has the lock of the links, so
/// that a queue in add_queue() gets the same state.
void Path::publish_access() {
    access_.clear();
    bool any_changes = false;
    for (const Namespace& ns : namespaces_) {
        const auto said = ana_.find(ns.id);
        const Access access = ana_log_size_ == 0   ? Access::optimized
                              : said == ana_.end() ? Access::inaccessible
                                                   : said->second;
        access_[ns.id] = access;
        any_changes |= access == Access::changing;
    }
    for (const auto& link : links_.all)
        QueueLink::tell(link, [index = index_, access = access_to(link->nsid)](QueueEvents& queue) {
            queue.on_access_changed(index, access);
        });
    if (!any_changes)
        transition_timer_.stop();
    else if (!transition_timer_)
        // Twice as long as the controller says, which leaves time for the event and the log.
        transition_timer_ = bdevkit::Poller::start<&Path::on_transition_timeout>(
            this, "nvme_tcp_ana", std::max(2 * ana_transition_, std::chrono::seconds(1)));
}

bool Path::on_transition_timeout() {
    disconnect(format("an access state has been changing for more than twice the %lld s of ANATT",
                      static_cast<long long>(ana_transition_.count())),
               nullptr);
    return true;
}

void Path::read_access() {
    if (!is_connected()) return;
    if (ana_log_size_ == 0) {
        const std::lock_guard lock(links_.mutex);
        return publish_access();
    }
    if (access_read_ != AccessRead::none) {
        access_read_ = AccessRead::to_be_repeated;
        return;
    }
    access_read_ = AccessRead::reading;
    const auto log = std::make_shared<std::vector<std::byte>>(ana_log_size_);
    run_admin(log_page(NVME_LOG_LID_ANA, ana_log_size_), {.buf = log->data(), .bytes = ana_log_size_},
              [this, log](const std::optional<Result>& result) { on_access_log(result, *log); });
}

void Path::on_access_log(const std::optional<Result>& result, Bytes log) {
    const AccessRead read = std::exchange(access_read_, AccessRead::none);
    if (!result || state_ == State::stopped) return;
    try {
        if (!result->ok()) throw Error(EPROTO, "the controller refuses to give its ANA log");
        ana_ = parse_ana_log(log.first(result->bytes));
    } catch (const Error& error) {
        return on_app_thread([generation = generation_, reason = std::string(error.what())](Path& self) {
            self.on_connection_lost(generation, reason);
        });
    }
    {
        const std::lock_guard lock(links_.mutex);
        publish_access();
    }
    if (read == AccessRead::to_be_repeated) read_access();
}

// ---- admin commands ----

void Path::run_admin(const Command& command, const Data& data, OnAdminEnded on_ended) {
    if (!admin_) return on_ended({});
    auto call = std::make_unique<AdminCall>(AdminCall{command, data, std::move(on_ended)});
    if (!submit_admin(call)) waiting_.push_back(std::move(call));
}

/// @return false when the queue is full; `call` keeps the command then
bool Path::submit_admin(std::unique_ptr<AdminCall>& call) {
    const int cid = admin_->protocol().submit(call->command, call->data, call.get());
    if (cid == -EAGAIN) return false;
    AdminCall* submitted = call.release();
    admin_->wake_up();
    if (cid < 0) on_admin_ended(submitted, {.sct = NVME_SCT_GENERIC, .sc = NVME_SC_INVALID_FIELD});
    return true;
}

void Path::on_admin_ended(AdminCall* ended, const Result& result) {
    const std::unique_ptr<AdminCall> call(ended);
    call->on_ended(result);
    while (admin_ && !waiting_.empty() && submit_admin(waiting_.front()))
        waiting_.pop_front();
}

void Path::drop_admin() {
    if (!admin_) return;
    std::deque<std::unique_ptr<AdminCall>> calls = std::exchange(waiting_, {});
    admin_->protocol().drop_all([&](void* call) { calls.emplace_back(static_cast<AdminCall*>(call)); });
    admin_.reset();
    for (const auto& call : calls)
        call->on_ended({});
}

void Path::abort(uint32_t generation, uint16_t queue, uint16_t cid, std::function<void(bool)> done) {
    if (generation != generation_) return done(false);
    run_admin({.opcode = nvme_admin_abort_cmd, .cdw10 = queue | uint32_t(cid) << 16}, {},
              [done = std::move(done)](const std::optional<Result>& result) {
                  done(result && result->ok() && (result->result & 1) == 0);
              });
}

void Path::dump_info(bdevkit::Json json, uint32_t nsid) const {
    const std::lock_guard lock(links_.mutex);
    uint64_t ios = ios_before_;
    for (const auto& link : links_.all)
        ios += link->ios[index_];
    json.value("address", target_.address);
    json.value("service", target_.service);
    json.value("connected", is_connected());
    json.value("access", access_name(is_connected() ? access_to(nsid) : Access::none));
    json.value("controller", uint64_t(id_));
    json.value("reconnects", uint64_t(generation_));
    json.value("ios", ios);
}

}  // namespace nvme::tcp
