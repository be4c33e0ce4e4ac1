// SPDX-License-Identifier: BSD-3-Clause
#include "path.hpp"

#include <bdevkit/error.hpp>

#include <nvme/types.h>

#include <algorithm>

#include "fabrics.hpp"
#include "multipath_queue.hpp"
#include "subsystem.hpp"

namespace nvme::tcp {

using bdevkit::Error, bdevkit::format, bdevkit::LogLevel;

namespace {

constexpr std::chrono::milliseconds first_delay(50);

}  // namespace

Path::Path(Subsystem& controller, QueueLinks& links, size_t index, Target target,
           std::chrono::milliseconds reconnect_delay)
    : controller_(controller),
      links_(links),
      index_(index),
      target_(std::move(target)),
      name_(target_.name() + ", " + target_.subsystem),
      reconnect_delay_(reconnect_delay) {}

Path::~Path() {
    stop();
}

// ---- queues ----

std::pair<uint32_t, Access> Path::join(const std::shared_ptr<QueueLink>& link) {
    if (is_up_) worker_.post([this, link, generation = generation_] { connect_queue(link, generation); });
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
                if (generation != self.generation_ || !self.is_up_) return;
                self.works_ = true;
                self.controller_.works();
            });
            return QueueLink::tell(link, [index = index_, generation,
                                          made = std::move(connection)](MultipathQueue& queue) mutable {
                queue.connected(index, generation, std::move(made));
            });
        } catch (const Error& error) {
            if (error.rc() == -ECANCELED) throw;
            reason = error.what();
        }
        worker_.cancel().wait(-1, 0, Clock::now() + pause);
    }
    controller_.lost(index_, generation, reason);
}

// ---- connections that go and come ----

void Path::install(Session session) {
    set_namespaces(std::move(session.namespaces));
    const std::lock_guard lock(links_.mutex);
    id_ = session.controller;
    queue_size_ = session.queue_size;
    queues_ = session.queues;
    in_capsule_ = session.in_capsule;
    is_up_ = was_up_ = was_up_or_failed_ = true;
    works_ = links_.all.empty();
    identity_ = session.identity;
    ana_log_size_ = session.ana_log_size;
    ana_ = std::move(session.ana);
    ana_transition_ = session.ana_transition;
    admin_.emplace(
        std::move(session.admin),
        [this](void* call, const Result& result) { admin_ended(static_cast<AdminCall*>(call), result); },
        [this](const std::string& reason) { down(reason, nullptr); });
    keep_alive_is_out_ = false;
    keep_alive_ = {};
    if (session.keeps_alive)
        keep_alive_ =
            bdevkit::Poller::start<&Path::keep_alive>(this, "nvme_tcp_keep_alive", target_.keep_alive / 2);
    tell_access();
    for (const auto& link : links_.all)
        worker_.post([this, link, generation = generation_] { connect_queue(link, generation); });
    if (session.events != 0) wait_for_event();
}

void Path::stop_timers() {
    keep_alive_.stop();
    transition_.stop();
}

void Path::connect() {
    worker_.post([this] { reconnect(first_delay); });
}

/// @param delay  before the next try, when this one fails
void Path::reconnect(std::chrono::milliseconds delay) {
    for (;;) {
        try {
            auto session = std::make_shared<Session>(establish(target_, worker_.cancel()));
            return on_app_thread([session](Path& self) { self.up(std::move(*session)); });
        } catch (const Error& error) {
            if (error.rc() == -ECANCELED) throw;
            on_app_thread([reason = std::string(error.what())](Path& self) { self.failed(reason); });
        }
        worker_.cancel().wait(-1, 0, Clock::now() + delay);
        delay = std::min(delay * 2, reconnect_delay_);
    }
}

void Path::failed(const std::string& reason) {
    controller_.failed(reason);
    // Of one that was up it has been said that it went.
    if (!std::exchange(was_up_or_failed_, true))
        bdevkit::log(LogLevel::warn, BDK_LOG_COMPONENT,
                     format("%s: cannot be used yet: %s", name_.c_str(), reason.c_str()));
}

void Path::up(Session session) {
    if (controller_.is_over()) return;
    const std::string refusal = controller_.refusal_of(session.identity, session.namespaces);
    if (!refusal.empty() && !controller_.has_other_than(*this)) return controller_.give_up(refusal);
    if (!refusal.empty()) {
        if (refusal != refusal_)
            bdevkit::log(LogLevel::error, BDK_LOG_COMPONENT,
                         format("%s: is not used: %s", name_.c_str(), refusal.c_str()));
        refusal_ = refusal;
        return worker_.post([this] {
            worker_.cancel().wait(-1, 0, Clock::now() + reconnect_delay_);
            reconnect(reconnect_delay_);
        });
    }
    refusal_.clear();
    bdevkit::log(LogLevel::notice, BDK_LOG_COMPONENT,
                 format("%s: connected%s, to %s", controller_.name().c_str(), was_up_ ? " again" : " too",
                        target_.name().c_str()));
    install(std::move(session));
    controller_.came();
}

void Path::down(const std::string& reason, const bdk_bdev* reset) {
    if (controller_.is_over() || !is_up_) return;
    bdevkit::log(LogLevel::warn, BDK_LOG_COMPONENT,
                 format("%s: %s: connecting again", name_.c_str(), reason.c_str()));
    {
        const std::lock_guard lock(links_.mutex);
        is_up_ = works_ = false;
        generation_++;
    }
    stop_timers();
    drop_admin();
    for (const auto& link : links_.now())
        QueueLink::tell(link, [index = index_, generation = generation_, reset](MultipathQueue& queue) {
            queue.disconnect(index, generation, reset);
        });
    connect();
    controller_.went(reason);
}

void Path::lost(uint32_t generation, const std::string& reason) {
    if (generation == generation_) down(reason, nullptr);
}

void Path::reset(const bdk_bdev* bdev) {
    if (is_up_) return down("a reset was asked for", bdev);
    for (const auto& link : links_.now())
        QueueLink::tell(link, [index = index_, generation = generation_, bdev](MultipathQueue& queue) {
            queue.disconnect(index, generation, bdev);
        });
}

void Path::stop() {
    {
        const std::lock_guard lock(links_.mutex);
        is_up_ = works_ = false;
    }
    worker_.stop();
    stop_timers();
    drop_admin();
}

void Path::shut_down() {
    constexpr uint32_t normal = NVME_CC_SHN_NORMAL << NVME_CC_SHN_SHIFT;
    constexpr uint32_t enabled =
        1u << NVME_CC_EN_SHIFT | 6u << NVME_CC_IOSQES_SHIFT | 4u << NVME_CC_IOCQES_SHIFT;
    worker_.stop();
    stop_timers();
    if (admin_) {
        run_admin(property_set(NVME_REG_CC, enabled | normal), {}, [](const auto&) {});
        admin_->connection().turn();  // the target has it, and takes the end of the connection for the rest
    }
    stop();
}

bool Path::keep_alive() {
    if (keep_alive_is_out_) {
        down("the target does not answer to keep alive", nullptr);
        return true;
    }
    keep_alive_is_out_ = true;
    run_admin({.opcode = nvme_admin_keep_alive}, {}, [this](const auto&) { keep_alive_is_out_ = false; });
    return true;
}

// ---- events ----

void Path::wait_for_event() {
    run_admin({.opcode = nvme_admin_async_event}, {}, [this](const std::optional<Result>& result) {
        if (!result || !result->ok() || controller_.is_over()) return;
        event_came(uint32_t(result->result));
        wait_for_event();
    });
}

void Path::event_came(uint32_t what) {
    const uint32_t type = what & 7, detail = what >> 8 & 0xff;
    if (type == NVME_AER_NOTICE && detail == NVME_AER_NOTICE_ANA) return read_access();
    if (type != NVME_AER_NOTICE || detail != NVME_AER_NOTICE_NS_CHANGED)
        return bdevkit::log(LogLevel::notice, BDK_LOG_COMPONENT,
                            format("%s: event of type %u, %u", name_.c_str(), type, detail));
    Rescan::start([this](const Command& command, const Data& data,
                         AdminEnded ended) { run_admin(command, data, std::move(ended)); },
                  [this](const std::vector<Namespace>& now) {
                      // In a turn of its own: the connection may go by it.
                      on_app_thread([generation = generation_, now](Path& self) {
                          if (generation == self.generation_ && self.is_up_) self.rescanned(now);
                      });
                  });
}

void Path::rescanned(std::vector<Namespace> now) {
    if (const auto refusal = controller_.refusal_of(identity_, now); !refusal.empty())
        return down(refusal, nullptr);
    set_namespaces(std::move(now));
    {
        const std::lock_guard lock(links_.mutex);
        tell_access();
    }
    read_access();
    controller_.namespaces_changed();
}

void Path::set_namespaces(std::vector<Namespace> now) {
    // What is not shared is another namespace elsewhere, though it has the same number.
    std::erase_if(now, [this](const Namespace& ns) {
        return !ns.is_shared && controller_.has_elsewhere(*this, ns.id);
    });
    namespaces_ = std::move(now);
}

// ---- access states ----

Access Path::access_to(uint32_t nsid) const {
    const auto found = access_.find(nsid);
    return found == access_.end() ? Access::none : found->second;
}

/// With the lock of the links, so that a queue that comes meanwhile has the same from join().
void Path::tell_access() {
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
        QueueLink::tell(link, [index = index_, access = access_to(link->nsid)](MultipathQueue& queue) {
            queue.set_access(index, access);
        });
    if (!any_changes)
        transition_.stop();
    else if (!transition_)
        // Twice what it says that it takes, in which the news come as well.
        transition_ = bdevkit::Poller::start<&Path::transition_is_late>(
            this, "nvme_tcp_ana", std::max(2 * ana_transition_, std::chrono::seconds(1)));
}

bool Path::transition_is_late() {
    down(format("an access state changes for longer than the %lld s that the controller says (ANATT)",
                static_cast<long long>(ana_transition_.count())),
         nullptr);
    return true;
}

void Path::read_access() {
    if (!is_up_) return;
    if (ana_log_size_ == 0) {
        const std::lock_guard lock(links_.mutex);
        return tell_access();
    }
    if (std::exchange(reads_access_, true)) {
        must_read_again_ = true;
        return;
    }
    must_read_again_ = false;
    const auto log = std::make_shared<std::vector<std::byte>>(ana_log_size_);
    run_admin(log_page(NVME_LOG_LID_ANA, ana_log_size_), {.buf = log->data(), .bytes = ana_log_size_},
              [this, log](const std::optional<Result>& result) { access_read(result, *log); });
}

void Path::access_read(const std::optional<Result>& result, Bytes log) {
    reads_access_ = false;
    if (!result || controller_.is_over()) return;
    try {
        if (!result->ok()) throw Error(EPROTO, "the controller does not give its ANA log");
        ana_ = parse_ana_log(log.first(result->bytes));
    } catch (const Error& error) {
        return controller_.lost(index_, generation_, error.what());
    }
    {
        const std::lock_guard lock(links_.mutex);
        tell_access();
    }
    if (must_read_again_) read_access();
}

// ---- admin commands ----

void Path::run_admin(const Command& command, const Data& data, AdminEnded ended) {
    if (!admin_) return ended({});
    auto call = std::make_unique<AdminCall>(AdminCall{command, data, std::move(ended)});
    if (!submit_admin(call)) waiting_.push_back(std::move(call));
}

/// @return false when the queue is full; `call` stays then
bool Path::submit_admin(std::unique_ptr<AdminCall>& call) {
    const int cid = admin_->protocol().submit(call->command, call->data, call.get());
    if (cid == -EAGAIN) return false;
    AdminCall* submitted = call.release();
    admin_->wake_up();
    if (cid < 0) admin_ended(submitted, {.sct = NVME_SCT_GENERIC, .sc = NVME_SC_INVALID_FIELD});
    return true;
}

void Path::admin_ended(AdminCall* ended, const Result& result) {
    const std::unique_ptr<AdminCall> call(ended);
    call->ended(result);
    while (admin_ && !waiting_.empty() && submit_admin(waiting_.front()))
        waiting_.pop_front();
}

void Path::drop_admin() {
    if (!admin_) return;
    std::deque<std::unique_ptr<AdminCall>> calls = std::exchange(waiting_, {});
    admin_->protocol().drop_all([&](void* call) { calls.emplace_back(static_cast<AdminCall*>(call)); });
    admin_.reset();
    for (const auto& call : calls)
        call->ended({});
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
    json.value("connected", is_up_);
    json.value("access", access_name(is_up_ ? access_to(nsid) : Access::none));
    json.value("controller", uint64_t(id_));
    json.value("reconnects", uint64_t(generation_));
    json.value("ios", ios);
}

}  // namespace nvme::tcp
