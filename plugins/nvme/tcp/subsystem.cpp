// SPDX-License-Identifier: BSD-3-Clause
#include "subsystem.hpp"

#include <bdevkit/error.hpp>

#include <algorithm>
#include <map>

#include "multipath_queue.hpp"

namespace nvme::tcp {

using bdevkit::Error, bdevkit::format, bdevkit::Io, bdevkit::LogLevel;

Subsystem::Subsystem(const std::vector<Target>& ways, bool spreads, const Patience& patience, Session session)
    : spreads_(spreads),
      patience_(patience),
      name_(ways.front().name() + ", " + ways.front().subsystem),
      first_(std::move(session)) {
    identity_ = first_.identity;
    namespaces_ = known_ = first_.namespaces;
    for (const Target& target : ways)
        paths_.push_back(
            std::make_unique<Path>(*this, links_, paths_.size(), target, patience.reconnect_delay));
}

Subsystem::~Subsystem() = default;

void Subsystem::start(Events events) {
    events_ = std::move(events);
    for (const auto& path : paths_)
        if (path->index() == first_.way)
            path->install(std::move(first_));
        else
            path->connect();
}

Limits Subsystem::limits(const Namespace&) const {
    constexpr uint64_t largest = 1024 * 1024;
    const uint64_t allowed =
        identity_.max_transfer == 0 ? largest : std::min(largest, identity_.max_transfer);
    return {.max_transfer = allowed, .aborts = true};
}

std::unique_ptr<Queue> Subsystem::open_queue(uint32_t nsid) {
    return std::make_unique<MultipathQueue>(*this, nsid);
}

void Subsystem::dump_info(bdevkit::Json json, const Namespace& ns) const {
    const Target& target = paths_.front()->target();
    json.value("transport", "tcp");
    json.value("subsystem", target.subsystem);
    json.value("host_nqn", target.host_nqn);
    json.value("multipath", spreads_ ? "active_active" : "active_passive");
    json.array("paths", [&] {
        for (const auto& path : paths_)
            json.object(nullptr, [&] { path->dump_info(json, ns.id); });
    });
}

const char* Subsystem::state() const {
    return is_over_ ? "lost" : first_up() != nullptr ? "live" : "connecting";
}

// ---- the queues ----

/// The least that a path grants, of those that have been up.
uint32_t Subsystem::granted_queues() const {
    uint32_t granted = UINT32_MAX;
    for (const auto& path : paths_)
        if (path->queues() != 0) granted = std::min(granted, path->queues());
    return granted;
}

std::vector<std::pair<uint32_t, Access>> Subsystem::join(const std::shared_ptr<QueueLink>& link) {
    const std::lock_guard lock(links_.mutex);
    const auto is_free = [this](uint16_t id) {
        return std::none_of(links_.all.begin(), links_.all.end(),
                            [id](const auto& other) { return other->id == id; });
    };
    const uint32_t queues = granted_queues();
    if (links_.all.size() >= queues)
        throw Error(ENOSPC,
                    format("%s grants %u I/O queues, and each thread that uses a namespace has one: use "
                           "fewer threads, or let the target grant more",
                           name_.c_str(), queues));
    // In turn: the target may not have seen yet that the last one of a number is gone.
    do
        last_queue_ = uint16_t(last_queue_ % queues + 1);
    while (!is_free(last_queue_));
    link->id = last_queue_;
    links_.all.insert(link);
    std::vector<std::pair<uint32_t, Access>> joined;
    for (const auto& path : paths_)
        joined.push_back(path->join(link));
    return joined;
}

void Subsystem::leave(const std::shared_ptr<QueueLink>& link) {
    const std::lock_guard lock(links_.mutex);
    if (links_.all.erase(link) == 0) return;
    for (const auto& path : paths_)
        path->leave(*link);
}

void Subsystem::doubt(size_t index) {
    on_app_thread([index](Subsystem& self) { self.path(index).read_access(); });
}

void Subsystem::lost(size_t index, uint32_t generation, const std::string& reason) {
    on_app_thread(
        [index, generation, reason](Subsystem& self) { self.path(index).lost(generation, reason); });
}

void Subsystem::run_for(const std::shared_ptr<QueueLink>& link, Io io, const Request& request) {
    on_app_thread([link, io, request](Subsystem& self) {
        const auto ended = [link, io](const std::optional<Result>& result) {
            QueueLink::tell(link, [io, result](MultipathQueue&) { MultipathQueue::admin_ended(io, result); });
        };
        if (Path* path = self.first_up(); path != nullptr)
            path->run_admin(request.command, request.data, ended);
        else
            ended({});
    });
}

void Subsystem::abort_for(const std::shared_ptr<QueueLink>& link, size_t index, uint32_t generation,
                          uint16_t cid, Io abort) {
    on_app_thread([link, index, generation, cid, abort](Subsystem& self) {
        self.path(index).abort(generation, link->id, cid, [=](bool aborted) {
            QueueLink::tell(link, [=](MultipathQueue& queue) {
                queue.abort_ended(index, generation, cid, abort, aborted);
            });
        });
    });
}

// ---- the paths ----

Path* Subsystem::first_up() const {
    const auto found =
        std::find_if(paths_.begin(), paths_.end(), [](const auto& path) { return path->is_up(); });
    return found == paths_.end() ? nullptr : found->get();
}

bool Subsystem::has_other_than(const Path& path) const {
    return std::any_of(paths_.begin(), paths_.end(),
                       [&](const auto& other) { return other.get() != &path && other->is_up(); });
}

bool Subsystem::has_elsewhere(const Path& path, uint32_t nsid) const {
    const auto has = [nsid](const std::vector<Namespace>& namespaces) {
        return std::any_of(namespaces.begin(), namespaces.end(),
                           [nsid](const Namespace& ns) { return ns.id == nsid; });
    };
    return std::any_of(paths_.begin(), paths_.end(), [&](const auto& other) {
        return other.get() != &path && other->is_up() && has(other->namespaces());
    });
}

std::string Subsystem::refusal_of(const Identity& found, const std::vector<Namespace>& namespaces) const {
    const uint64_t allowed = limits({}).max_transfer;
    if (found.max_transfer != 0 && found.max_transfer < allowed)
        return format("it transfers %llu bytes at a time, others %llu",
                      static_cast<unsigned long long>(found.max_transfer),
                      static_cast<unsigned long long>(allowed));
    for (const Namespace& before : known_)
        for (const Namespace& ns : namespaces)
            if (ns.id == before.id && ns.nguid != before.nguid)
                return format("namespace %u of the target is another one by now: its identifier has changed",
                              ns.id);
    if (const Path* other = first_up(); other != nullptr && other->identity().serial != found.serial)
        return format("it leads to another subsystem, with the serial number '%s' instead of '%s'",
                      found.serial.c_str(), other->identity().serial.c_str());
    return "";
}

void Subsystem::came() {
    if (links_.now().empty()) works();
    end_resets(0);
    namespaces_changed();
}

void Subsystem::went(const std::string& reason) {
    last_failure_ = reason;
    const bool any =
        std::any_of(paths_.begin(), paths_.end(), [](const auto& path) { return path->works(); });
    if (any || loss_timer_) return;
    loss_timer_ = bdevkit::Poller::start<&Subsystem::loss_is_final>(this, "nvme_tcp_loss", loss_timeout());
}

bool Subsystem::loss_is_final() {
    if (first_up() != nullptr && links_.now().empty()) {
        works();  // nobody is left who wanted a queue
        return true;
    }
    give_up(last_failure_);
    return true;
}

void Subsystem::namespaces_changed() {
    // What a path says that is down now is not known to be so still.
    std::map<uint32_t, Namespace> all;
    for (const auto& path : paths_)
        if (path->is_up())
            for (const Namespace& ns : path->namespaces())
                all.try_emplace(ns.id, ns);
    known_.clear();
    for (const auto& [id, ns] : all)
        known_.push_back(ns);
    if (events_.namespaces) events_.namespaces(known_);
}

void Subsystem::give_up(const std::string& reason) {
    if (is_over_) return;
    is_over_ = true;
    loss_timer_.stop();
    bdevkit::log(LogLevel::error, BDK_LOG_COMPONENT,
                 format("%s: given up: %s", name_.c_str(), reason.c_str()));
    for (const auto& path : paths_)
        path->stop();
    for (const auto& link : links_.now())
        QueueLink::tell(link, [](MultipathQueue& queue) { queue.give_up(); });
    end_resets(-ENXIO);
    if (events_.lost) events_.lost();
}

void Subsystem::reset(const bdk_bdev* bdev, std::function<void(int rc)> done) {
    on_app_thread(
        [bdev, reset = Reset{bdevkit::Thread::current(), std::move(done)}](Subsystem& self) mutable {
            self.resets_.push_back(std::move(reset));
            if (self.is_over_) return self.end_resets(-ENXIO);
            for (const auto& path : self.paths_)
                path->reset(bdev);
        });
}

void Subsystem::end_resets(int rc) {
    for (Reset& reset : std::exchange(resets_, {}))
        reset.thread.send([done = std::move(reset.done), rc] { done(rc); });
}

void Subsystem::shut_down(std::function<void()> done) {
    is_over_ = true;
    loss_timer_.stop();
    for (const auto& path : paths_)
        path->shut_down();
    end_resets(-ENXIO);
    done();
}

void Subsystem::admin(const Request& request, std::function<void(const AdminEnd&)> done) {
    Path* path = first_up();
    if (path == nullptr) return done({.rc = -ENOTCONN});
    path->run_admin(request.command, request.data,
                    [done = std::move(done)](const std::optional<Result>& result) {
                        if (result)
                            done({.sct = result->sct, .sc = result->sc});
                        else
                            done({.rc = -ENOTCONN});
                    });
}

}  // namespace nvme::tcp
