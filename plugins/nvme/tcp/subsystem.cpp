// SPDX-License-Identifier: BSD-3-Clause
#include "subsystem.hpp"

#include <bdevkit/error.hpp>

#include <algorithm>
#include <functional>
#include <map>

#include "multipath_queue.hpp"

namespace nvme::tcp {

using bdevkit::Error, bdevkit::format, bdevkit::Io, bdevkit::LogLevel;

namespace {

/// Completes the I/O of an admin command.
/// @param result  none: the connection broke
void complete_admin(Io io, const std::optional<Result>& result) {
    constexpr uint32_t aborted_by_host = 0x71;
    if (result)
        bdk_bdev_io_complete_nvme_status(io.get(), uint32_t(result->result), result->sct, result->sc);
    else
        bdk_bdev_io_complete_nvme_status(io.get(), 0, NVME_SCT_PATH, aborted_by_host);
}

}  // namespace

Subsystem::Subsystem(const std::vector<Target>& targets, bool spreads, const Patience& patience,
                     Session session)
    : queue_settings_{.name = targets.front().name() + ", " + targets.front().subsystem,
                      .paths = targets.size(),
                      .spreads = spreads,
                      .command_timeout = patience.command_timeout,
                      .loss_timeout = std::max(patience.loss_timeout, std::chrono::milliseconds(1))},
      first_(std::move(session)) {
    identity_ = first_.identity;
    namespaces_ = known_ = first_.namespaces;
    for (const Target& target : targets)
        paths_.push_back(
            std::make_unique<Path>(*this, links_, paths_.size(), target, patience.reconnect_delay));
}

Subsystem::~Subsystem() = default;

void Subsystem::start(Events events) {
    events_ = std::move(events);
    for (const auto& path : paths_)
        if (path->index() == first_.target)
            path->adopt(std::move(first_));
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
    json.value("multipath", queue_settings_.spreads ? "active_active" : "active_passive");
    json.array("paths", [&] {
        for (const auto& path : paths_)
            json.object(nullptr, [&] { path->dump_info(json, ns.id); });
    });
}

const char* Subsystem::state() const {
    return is_over_ ? "lost" : first_connected() != nullptr ? "live" : "connecting";
}

// ---- the queues ----

/// The fewest that any path grants, of those that have been connected.
uint32_t Subsystem::granted_queues() const {
    uint32_t granted = UINT32_MAX;
    for (const auto& path : paths_)
        if (path->queues() != 0) granted = std::min(granted, path->queues());
    return granted;
}

std::vector<JoinedPath> Subsystem::add_queue(const std::shared_ptr<QueueLink>& link) {
    const std::lock_guard lock(links_.mutex);
    const auto is_free = [this](uint16_t id) {
        return std::none_of(links_.all.begin(), links_.all.end(),
                            [id](const auto& other) { return other->id == id; });
    };
    const uint32_t queues = granted_queues();
    if (links_.all.size() >= queues)
        throw Error(ENOSPC,
                    format("%s grants %u I/O queues, and each thread that uses a namespace needs one: use "
                           "fewer threads, or let the target grant more",
                           name().c_str(), queues));
    // Identifiers are used in turn, since the target may not have noticed yet that the last queue with an
    // identifier has been closed.
    do
        last_queue_ = uint16_t(last_queue_ % queues + 1);
    while (!is_free(last_queue_));
    link->id = last_queue_;
    links_.all.insert(link);
    std::vector<JoinedPath> joined;
    for (const auto& path : paths_)
        joined.push_back(path->add_queue(link));
    return joined;
}

void Subsystem::remove_queue(const std::shared_ptr<QueueLink>& link) {
    const std::lock_guard lock(links_.mutex);
    if (links_.all.erase(link) == 0) return;
    for (const auto& path : paths_)
        path->remove_queue(*link);
}

void Subsystem::on_access_contradicted(size_t path) {
    post(path, std::mem_fn(&Path::read_access));
}

void Subsystem::on_connection_lost(size_t path, uint32_t generation, const std::string& reason) {
    post(path, [generation, reason](Path& self) { self.on_connection_lost(generation, reason); });
}

void Subsystem::run_admin(const std::shared_ptr<QueueLink>& link, Io io, const Request& request) {
    on_app_thread([link, io, request](Subsystem& self) {
        const auto on_ended = [link, io](const std::optional<Result>& result) {
            QueueLink::tell(link, [io, result](QueueEvents&) { complete_admin(io, result); });
        };
        if (Path* path = self.first_connected(); path != nullptr)
            path->run_admin(request.command, request.data, on_ended);
        else
            on_ended({});
    });
}

void Subsystem::abort(const std::shared_ptr<QueueLink>& link, size_t path, uint32_t generation, uint16_t cid,
                      Io abort) {
    post(path, [link, generation, cid, abort](Path& by) {
        by.abort(generation, link->id, cid, [=, index = by.index()](bool aborted) {
            QueueLink::tell(link, [=](QueueEvents& queue) {
                queue.on_abort_ended(index, generation, cid, abort, aborted);
            });
        });
    });
}

// ---- the paths ----

void Subsystem::post(size_t path, std::function<void(Path&)> fn) {
    on_app_thread([path, run = std::move(fn)](Subsystem& self) { run(*self.paths_[path]); });
}

Path* Subsystem::first_connected() const {
    const auto found =
        std::find_if(paths_.begin(), paths_.end(), [](const auto& path) { return path->is_connected(); });
    return found == paths_.end() ? nullptr : found->get();
}

bool Subsystem::is_other_connected(const Path& path) const {
    return std::any_of(paths_.begin(), paths_.end(),
                       [&](const auto& other) { return other.get() != &path && other->is_connected(); });
}

bool Subsystem::is_reached_by_other(const Path& path, uint32_t nsid) const {
    const auto has = [nsid](const std::vector<Namespace>& namespaces) {
        return std::any_of(namespaces.begin(), namespaces.end(),
                           [nsid](const Namespace& ns) { return ns.id == nsid; });
    };
    return std::any_of(paths_.begin(), paths_.end(), [&](const auto& other) {
        return other.get() != &path && other->is_connected() && has(other->namespaces());
    });
}

std::string Subsystem::refusal_of(const Identity& found, const std::vector<Namespace>& namespaces) const {
    const uint64_t allowed = limits({}).max_transfer;
    if (found.max_transfer != 0 && found.max_transfer < allowed)
        return format("it transfers %llu bytes at a time, other paths %llu",
                      static_cast<unsigned long long>(found.max_transfer),
                      static_cast<unsigned long long>(allowed));
    for (const Namespace& before : known_)
        for (const Namespace& ns : namespaces)
            if (ns.id == before.id && ns.nguid != before.nguid)
                return format("namespace %u of the target is a different one now: its identifier has changed",
                              ns.id);
    if (const Path* other = first_connected(); other != nullptr && other->identity().serial != found.serial)
        return format("it leads to another subsystem, with the serial number '%s' instead of '%s'",
                      found.serial.c_str(), other->identity().serial.c_str());
    return "";
}

void Subsystem::on_path_connected() {
    if (links_.now().empty()) on_path_usable();
    end_resets(0);
    on_namespaces_changed();
}

void Subsystem::on_path_disconnected(const std::string& reason) {
    last_failure_ = reason;
    const bool any =
        std::any_of(paths_.begin(), paths_.end(), [](const auto& path) { return path->is_usable(); });
    if (any || loss_timer_) return;
    loss_timer_ = bdevkit::Poller::start<&Subsystem::on_loss_timeout>(this, "nvme_tcp_loss",
                                                                      queue_settings_.loss_timeout);
}

bool Subsystem::on_loss_timeout() {
    if (first_connected() != nullptr && links_.now().empty()) {
        on_path_usable();  // the queues that waited for a connection are gone
        return true;
    }
    give_up(last_failure_);
    return true;
}

void Subsystem::on_namespaces_changed() {
    // What a disconnected path once found may have changed meanwhile.
    std::map<uint32_t, Namespace> all;
    for (const auto& path : paths_)
        if (path->is_connected())
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
                 format("%s: given up: %s", name().c_str(), reason.c_str()));
    for (const auto& path : paths_)
        path->stop();
    for (const auto& link : links_.now())
        QueueLink::tell(link, [](QueueEvents& queue) { queue.on_given_up(); });
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
    Path* path = first_connected();
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
