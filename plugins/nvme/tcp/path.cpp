// SPDX-License-Identifier: BSD-3-Clause
#include "path.hpp"

#include <bdevkit/error.hpp>

#include <nvme/types.h>

#include <algorithm>

#include "fabrics.hpp"
#include "multipath_queue.hpp"
#include "subsystem.hpp"

using bdevkit::Error, bdevkit::format, bdevkit::LogLevel;

namespace {

constexpr std::chrono::milliseconds first_delay(50);

}  // namespace

TcpPath::TcpPath(TcpController& controller, TcpLinks& links, size_t index, TcpTarget target,
                 std::chrono::milliseconds reconnect_delay)
    : controller_(controller),
      links_(links),
      index_(index),
      target_(std::move(target)),
      name_(target_.name() + ", " + target_.subsystem),
      reconnect_delay_(reconnect_delay) {}

TcpPath::~TcpPath() {
    stop();
}

// ---- queues ----

std::pair<uint32_t, TcpAccess> TcpPath::join(const std::shared_ptr<TcpLink>& link) {
    if (is_up_) worker_.post([this, link, generation = generation_] { connect_queue(link, generation); });
    return {generation_, access_to(link->nsid)};
}

void TcpPath::connect_queue(const std::shared_ptr<TcpLink>& link, uint32_t generation) {
    constexpr int most_tries = 5;
    constexpr std::chrono::milliseconds pause(100);
    std::string reason;
    for (int tries = 0; tries < most_tries; tries++) {
        std::unique_lock lock(links_.mutex);
        if (generation != generation_ || !links_.all.contains(link)) return;
        const auto [id, size, in_capsule] = std::tuple(id_, queue_size_, in_capsule_);
        lock.unlock();
        try {
            auto connection = tcp_open_queue(target_, id, size, in_capsule, link->id, worker_.cancel());
            on_app_thread([generation](TcpPath& self) {
                if (generation != self.generation_ || !self.is_up_) return;
                self.works_ = true;
                self.controller_.works();
            });
            return TcpLink::tell(
                link, [index = index_, generation, made = std::move(connection)](TcpQueue& queue) mutable {
                    queue.connected(index, generation, std::move(made));
                });
        } catch (const Error& error) {
            if (error.rc() == -ECANCELED) throw;
            reason = error.what();
        }
        worker_.cancel().wait(-1, 0, TcpClock::now() + pause);
    }
    controller_.lost(index_, generation, reason);
}

// ---- connections that go and come ----

void TcpPath::install(TcpSession session) {
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
        [this](void* call, const TcpResult& result) { admin_ended(static_cast<AdminCall*>(call), result); },
        [this](const std::string& reason) { down(reason, nullptr); });
    keep_alive_is_out_ = false;
    keep_alive_ = {};
    if (session.keeps_alive)
        keep_alive_ =
            bdevkit::Poller::start<&TcpPath::keep_alive>(this, "nvme_tcp_keep_alive", target_.keep_alive / 2);
    tell_access();
    for (const auto& link : links_.all)
        worker_.post([this, link, generation = generation_] { connect_queue(link, generation); });
    if (session.events != 0) wait_for_event();
}

void TcpPath::stop_timers() {
    keep_alive_.stop();
    transition_.stop();
}

void TcpPath::connect() {
    worker_.post([this] { reconnect(first_delay); });
}

/// @param delay  before the next try, when this one fails
void TcpPath::reconnect(std::chrono::milliseconds delay) {
    for (;;) {
        try {
            auto session = std::make_shared<TcpSession>(tcp_establish(target_, worker_.cancel()));
            return on_app_thread([session](TcpPath& self) { self.up(std::move(*session)); });
        } catch (const Error& error) {
            if (error.rc() == -ECANCELED) throw;
            on_app_thread([reason = std::string(error.what())](TcpPath& self) { self.failed(reason); });
        }
        worker_.cancel().wait(-1, 0, TcpClock::now() + delay);
        delay = std::min(delay * 2, reconnect_delay_);
    }
}

void TcpPath::failed(const std::string& reason) {
    controller_.failed(reason);
    // Of one that was up it has been said that it went.
    if (!std::exchange(was_up_or_failed_, true))
        bdevkit::log(LogLevel::warn, BDK_LOG_COMPONENT,
                     format("%s: cannot be used yet: %s", name_.c_str(), reason.c_str()));
}

void TcpPath::up(TcpSession session) {
    if (controller_.is_over()) return;
    const std::string refusal = controller_.refusal_of(session.identity, session.namespaces);
    if (!refusal.empty() && !controller_.has_other_than(*this)) return controller_.give_up(refusal);
    if (!refusal.empty()) {
        if (refusal != refusal_)
            bdevkit::log(LogLevel::error, BDK_LOG_COMPONENT,
                         format("%s: is not used: %s", name_.c_str(), refusal.c_str()));
        refusal_ = refusal;
        return worker_.post([this] {
            worker_.cancel().wait(-1, 0, TcpClock::now() + reconnect_delay_);
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

void TcpPath::down(const std::string& reason, const bdk_bdev* reset) {
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
        TcpLink::tell(link, [index = index_, generation = generation_, reset](TcpQueue& queue) {
            queue.disconnect(index, generation, reset);
        });
    connect();
    controller_.went(reason);
}

void TcpPath::lost(uint32_t generation, const std::string& reason) {
    if (generation == generation_) down(reason, nullptr);
}

void TcpPath::reset(const bdk_bdev* bdev) {
    if (is_up_) return down("a reset was asked for", bdev);
    for (const auto& link : links_.now())
        TcpLink::tell(link, [index = index_, generation = generation_, bdev](TcpQueue& queue) {
            queue.disconnect(index, generation, bdev);
        });
}

void TcpPath::stop() {
    {
        const std::lock_guard lock(links_.mutex);
        is_up_ = works_ = false;
    }
    worker_.stop();
    stop_timers();
    drop_admin();
}

void TcpPath::shut_down() {
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

bool TcpPath::keep_alive() {
    if (keep_alive_is_out_) {
        down("the target does not answer to keep alive", nullptr);
        return true;
    }
    keep_alive_is_out_ = true;
    run_admin({.opcode = nvme_admin_keep_alive}, {}, [this](const auto&) { keep_alive_is_out_ = false; });
    return true;
}

// ---- events ----

void TcpPath::wait_for_event() {
    run_admin({.opcode = nvme_admin_async_event}, {}, [this](const std::optional<TcpResult>& result) {
        if (!result || !result->ok() || controller_.is_over()) return;
        event_came(uint32_t(result->result));
        wait_for_event();
    });
}

void TcpPath::event_came(uint32_t what) {
    const uint32_t type = what & 7, detail = what >> 8 & 0xff;
    if (type == NVME_AER_NOTICE && detail == NVME_AER_NOTICE_ANA) return read_access();
    if (type != NVME_AER_NOTICE || detail != NVME_AER_NOTICE_NS_CHANGED)
        return bdevkit::log(LogLevel::notice, BDK_LOG_COMPONENT,
                            format("%s: event of type %u, %u", name_.c_str(), type, detail));
    TcpRescan::start([this](const NvmeCommand& command, const NvmeData& data,
                            AdminEnded ended) { run_admin(command, data, std::move(ended)); },
                     [this](const std::vector<NvmeNamespace>& now) {
                         // In a turn of its own: the connection may go by it.
                         on_app_thread([generation = generation_, now](TcpPath& self) {
                             if (generation == self.generation_ && self.is_up_) self.rescanned(now);
                         });
                     });
}

void TcpPath::rescanned(std::vector<NvmeNamespace> now) {
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

void TcpPath::set_namespaces(std::vector<NvmeNamespace> now) {
    // What is not shared is another namespace elsewhere, though it has the same number.
    std::erase_if(now, [this](const NvmeNamespace& ns) {
        return !ns.is_shared && controller_.has_elsewhere(*this, ns.id);
    });
    namespaces_ = std::move(now);
}

// ---- access states ----

TcpAccess TcpPath::access_to(uint32_t nsid) const {
    const auto found = access_.find(nsid);
    return found == access_.end() ? TcpAccess::none : found->second;
}

/// With the lock of the links, so that a queue that comes meanwhile has the same from join().
void TcpPath::tell_access() {
    access_.clear();
    bool any_changes = false;
    for (const NvmeNamespace& ns : namespaces_) {
        const auto said = ana_.find(ns.id);
        const TcpAccess access = ana_log_size_ == 0   ? TcpAccess::optimized
                                 : said == ana_.end() ? TcpAccess::inaccessible
                                                      : said->second;
        access_[ns.id] = access;
        any_changes |= access == TcpAccess::changing;
    }
    for (const auto& link : links_.all)
        TcpLink::tell(link, [index = index_, access = access_to(link->nsid)](TcpQueue& queue) {
            queue.set_access(index, access);
        });
    if (!any_changes)
        transition_.stop();
    else if (!transition_)
        // Twice what it says that it takes, in which the news come as well.
        transition_ = bdevkit::Poller::start<&TcpPath::transition_is_late>(
            this, "nvme_tcp_ana", std::max(2 * ana_transition_, std::chrono::seconds(1)));
}

bool TcpPath::transition_is_late() {
    down(format("an access state changes for longer than the %lld s that the controller says (ANATT)",
                static_cast<long long>(ana_transition_.count())),
         nullptr);
    return true;
}

void TcpPath::read_access() {
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
              [this, log](const std::optional<TcpResult>& result) { access_read(result, *log); });
}

void TcpPath::access_read(const std::optional<TcpResult>& result, Bytes log) {
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

void TcpPath::run_admin(const NvmeCommand& command, const NvmeData& data, AdminEnded ended) {
    if (!admin_) return ended({});
    auto call = std::make_unique<AdminCall>(AdminCall{command, data, std::move(ended)});
    if (!submit_admin(call)) waiting_.push_back(std::move(call));
}

/// @return false when the queue is full; `call` stays then
bool TcpPath::submit_admin(std::unique_ptr<AdminCall>& call) {
    const int cid = admin_->protocol().submit(call->command, call->data, call.get());
    if (cid == -EAGAIN) return false;
    AdminCall* submitted = call.release();
    admin_->wake_up();
    if (cid < 0) admin_ended(submitted, {.sct = NVME_SCT_GENERIC, .sc = NVME_SC_INVALID_FIELD});
    return true;
}

void TcpPath::admin_ended(AdminCall* ended, const TcpResult& result) {
    const std::unique_ptr<AdminCall> call(ended);
    call->ended(result);
    while (admin_ && !waiting_.empty() && submit_admin(waiting_.front()))
        waiting_.pop_front();
}

void TcpPath::drop_admin() {
    if (!admin_) return;
    std::deque<std::unique_ptr<AdminCall>> calls = std::exchange(waiting_, {});
    admin_->protocol().drop_all([&](void* call) { calls.emplace_back(static_cast<AdminCall*>(call)); });
    admin_.reset();
    for (const auto& call : calls)
        call->ended({});
}

void TcpPath::abort(uint32_t generation, uint16_t queue, uint16_t cid, std::function<void(bool)> done) {
    if (generation != generation_) return done(false);
    run_admin({.opcode = nvme_admin_abort_cmd, .cdw10 = queue | uint32_t(cid) << 16}, {},
              [done = std::move(done)](const std::optional<TcpResult>& result) {
                  done(result && result->ok() && (result->result & 1) == 0);
              });
}

void TcpPath::dump_info(bdevkit::Json json, uint32_t nsid) const {
    const std::lock_guard lock(links_.mutex);
    uint64_t ios = ios_before_;
    for (const auto& link : links_.all)
        ios += link->ios[index_];
    json.value("address", target_.address);
    json.value("service", target_.service);
    json.value("connected", is_up_);
    json.value("access", access_name(is_up_ ? access_to(nsid) : TcpAccess::none));
    json.value("controller", uint64_t(id_));
    json.value("reconnects", uint64_t(generation_));
    json.value("ios", ios);
}
