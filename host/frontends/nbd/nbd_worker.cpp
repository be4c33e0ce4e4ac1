// SPDX-License-Identifier: BSD-3-Clause
#include "frontends/nbd/nbd_worker.hpp"

#define BDK_LOG_COMPONENT "nbd"
#include <bdevkit/log.h>

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "thread/reactor.hpp"

namespace bdevkit::host::nbd {

namespace {

constexpr uint64_t timer_period_us = 250'000;

}  // namespace

Worker::Worker(bdk_thread* thread, StructuredReplies structured_replies, size_t memory,
               std::atomic<uint32_t>& clients)
    : thread_(thread),
      structured_replies_(structured_replies),
      clients_(clients),
      buffers_(memory),
      pace_(bdk_get_ticks_hz() / 1'000'000) {}

Worker::~Worker() = default;

tl::expected<void, std::string> Worker::start(const std::vector<Export*>& exports) {
    auto ring = Ring::create();
    if (!ring) return tl::make_unexpected("nbd: " + ring.error());
    for (Export* backend : exports)
        exports_.push_back(View{.backend = backend});

    poller_ = bdk_poller_register(on_poll, this, 0, "nbd");
    timer_ = bdk_poller_register(on_timer, this, timer_period_us, "nbd_deadlines");
    rest_ = bdk_poller_register(on_rested, this, Pace::rest_us, "nbd_rest");
    interrupt_ = bdk_interrupt_register((*ring)->event_fd(), BDK_INTERRUPT_IN, on_interrupt, this, "nbd");
    if (poller_ == nullptr || timer_ == nullptr || rest_ == nullptr || interrupt_ == nullptr) {
        unregister();
        return tl::make_unexpected("nbd: the pollers of a thread could not be registered");
    }
    bdk_poller_pause(poller_);
    bdk_poller_pause(timer_);
    bdk_poller_pause(rest_);
    ring_ = std::move(*ring);
    return {};
}

// ---- turns ----

int Worker::on_poll(void* self) {
    auto& worker = *static_cast<Worker*>(self);
    const bool busy = worker.turn();
    if (worker.poller_ == nullptr) return BDK_POLLER_BUSY;  // stopped
    const Pace::Next next = busy ? worker.pace_.worked(std::exchange(worker.new_requests_, 0))
                                 : worker.pace_.idle(bdk_get_ticks(), worker.running_);
    if (next != Pace::Next::poll) worker.pause(next);
    return busy ? BDK_POLLER_BUSY : BDK_POLLER_IDLE;
}

void Worker::pause(Pace::Next how) {
    if (how == Pace::Next::sleep && !ring_->arm()) return;
    if (how == Pace::Next::rest) {
        bdk_poller_resume(rest_);
        rest_began_ = bdk_get_ticks();
    }
    bdk_poller_pause(poller_);
    doing_ = how;
    bdk::Reactor::current()->doze();
}

int Worker::on_rested(void* self) {
    auto& worker = *static_cast<Worker*>(self);
    worker.pace_.rested(bdk_get_ticks() - worker.rest_began_);
    worker.poll_again();
    return BDK_POLLER_BUSY;
}

int Worker::on_interrupt(uint32_t, void* self) {
    static_cast<Worker*>(self)->poll_again();
    return BDK_POLLER_BUSY;
}

void Worker::poll_again() {
    if (doing_ == Pace::Next::poll || poller_ == nullptr) return;
    if (doing_ == Pace::Next::rest) bdk_poller_pause(rest_);
    if (doing_ == Pace::Next::sleep) ring_->disarm();
    bdk_poller_resume(poller_);
    doing_ = Pace::Next::poll;
}

bool Worker::turn() {
    flush_dirty();
    const bool busy = ring_->turn();
    if (!leaving_.empty()) report_left_exports();
    if (stopped_ && connections_.empty() && !accept_.pending) finish_stop();
    return busy;
}

void Worker::mark_dirty(Connection& connection) {
    if (std::exchange(connection.dirty_, true)) return;
    dirty_.push_back(connection);
    if (doing_ == Pace::Next::sleep) poll_again();  // a rest ends by itself
}

void Worker::flush_dirty() {
    Connections<DirtyTag> batch;
    batch.swap(dirty_);
    while (!batch.empty()) {
        Connection& connection = batch.front();
        batch.pop_front();
        connection.flush();
        if (connection.finished()) bury(connection);
    }
}

void Worker::serve_memory_queue() {
    if (MemoryClient* next = memory_.next()) mark_dirty(static_cast<Connection&>(*next));
}

void Worker::bury(Connection& connection) {
    if (connection.dirty_) dirty_.erase(dirty_.iterator_to(connection));
    connections_.erase(connections_.iterator_to(connection));
    delete &connection;
    clients_.fetch_sub(1, std::memory_order_relaxed);
    if (!connections_.empty()) return;
    buffers_.trim();
    requests_.trim();
}

// ---- clients ----

void Worker::accept(int listening_fd, std::function<void(int fd)> on_client) {
    listening_fd_ = listening_fd;
    on_client_ = std::move(on_client);
    accept_.done = on_accepted;
    accept_.owner = this;
    start_accepting();
}

void Worker::start_accepting() {
    ring_->accept(accept_, listening_fd_);
    poll_again();
}

void Worker::on_accepted(void* self, int result) {
    static_cast<Worker*>(self)->accepted(result);
}

void Worker::accepted(int result) {
    if (result >= 0) on_client_(result);
    if (accepting_stopped_) return std::exchange(accepting_stopped_, nullptr)();
    if (result == -EMFILE || result == -ENFILE || result == -ENOMEM || result == -ENOBUFS) {
        BDK_WARNLOG("a client waits to be accepted: %s", std::strerror(-result));
        accept_later_ = true;
        return watch_deadlines();
    }
    start_accepting();
}

void Worker::stop_accepting(std::function<void()> done) {
    accept_later_ = false;
    if (!accept_.pending) return done();
    accepting_stopped_ = std::move(done);
    ring_->cancel(accept_);
    poll_again();
}

void Worker::notice_lost_clients(std::function<void()> done) {
    if (ring_ == nullptr) return done();
    flush_dirty();  // starts the receives that detect lost clients
    ring_->turn();
    poll_again();
    if (abandoning_ == 0) return done();
    when_abandoned_.push_back(std::move(done));
}

void Worker::count_abandoned() {
    if (--abandoning_ != 0) return;
    for (const auto& done : std::exchange(when_abandoned_, {}))
        done();
}

void Worker::adopt(int fd, std::string peer) {
    if (ring_ == nullptr || stopped_) {
        ::close(fd);
        clients_.fetch_sub(1, std::memory_order_relaxed);
        return;
    }
    // Deleted by bury().
    auto* connection = new Connection(*this, fd, std::move(peer));
    connections_.push_back(*connection);
    mark_dirty(*connection);
}

Target Worker::attach(size_t export_index) {
    const View& view = exports_[export_index];
    return view.gone ? Target{} : view.backend->target();
}

std::optional<ExportInfo> Worker::info(size_t index) const {
    const View& view = exports_[index];
    if (view.gone) return std::nullopt;
    return view.backend->info();
}

bool Worker::offers_structured_replies() const {
    if (structured_replies_ != StructuredReplies::automatic)
        return structured_replies_ == StructuredReplies::always;
    return std::any_of(exports_.begin(), exports_.end(),
                       [](const View& view) { return !view.gone && view.backend->tells_holes(); });
}

// ---- ends ----

bool Worker::in_use(size_t export_index) const {
    return std::any_of(connections_.begin(), connections_.end(),
                       [&](const Connection& c) { return c.export_index() == export_index; });
}

void Worker::drop_export(size_t index, std::function<void()> done) {
    View& view = exports_[index];
    view.gone = true;
    view.all_left = std::move(done);
    leaving_.push_back(index);
    for (Connection& connection : connections_) {
        if (connection.export_index() == index) connection.drain();
    }
    report_left_exports();
}

void Worker::report_left_exports() {
    std::erase_if(leaving_, [this](size_t index) {
        if (in_use(index)) return false;
        std::exchange(exports_[index].all_left, nullptr)();
        return true;
    });
}

void Worker::watch_deadlines() {
    if (timing_ || timer_ == nullptr) return;
    bdk_poller_resume(timer_);
    timing_ = true;
}

int Worker::on_timer(void* self) {
    auto& worker = *static_cast<Worker*>(self);
    const uint64_t now = bdk_get_time_ns();
    bool needed = false;
    const bool is_short = worker.memory_.next() != nullptr;
    for (Connection& connection : worker.connections_) {
        connection.check_deadline(now);
        if (is_short) connection.check_stall(now, worker.memory_.shortages());
        needed |= connection.has_deadline() || is_short;
    }
    if (std::exchange(worker.accept_later_, false)) worker.start_accepting();
    if (!needed) {
        bdk_poller_pause(worker.timer_);
        worker.timing_ = false;
    }
    return BDK_POLLER_BUSY;
}

void Worker::stop(std::function<void()> done) {
    stopped_ = std::move(done);
    for (Connection& connection : connections_)
        connection.drain();
    poll_again();
}

void Worker::unregister() {
    bdk_poller_unregister(&poller_);
    bdk_poller_unregister(&timer_);
    bdk_poller_unregister(&rest_);
    bdk_interrupt_unregister(&interrupt_);
}

void Worker::finish_stop() {
    unregister();
    ring_.reset();
    buffers_.trim();
    requests_.trim();
    std::exchange(stopped_, nullptr)();
}

}  // namespace bdevkit::host::nbd
