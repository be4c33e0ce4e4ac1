// SPDX-License-Identifier: BSD-3-Clause
#include "vfio_controller.hpp"

#include <poll.h>

#include <algorithm>
#include <chrono>
#include <future>
#include <thread>
#include <utility>

namespace nvme::pcie {

using bdevkit::Error, bdevkit::format, bdevkit::Io, bdevkit::IoStatus, bdevkit::LogLevel, bdevkit::Thread;

namespace {

/// Pages for the data of one queue's commands in flight.
constexpr uint32_t queue_pages = 2048;
constexpr uint32_t most_queues = 128;
/// How long commands in flight have to end before a reset.
constexpr std::chrono::milliseconds quiesce_patience{200};
/// How long an admin command may take.
constexpr std::chrono::milliseconds admin_patience{120'000};

void warn(const std::string& text) {
    bdevkit::log(LogLevel::warn, BDK_LOG_COMPONENT, text);
}

/// One bdev's way to the queue pair of its thread.
class BdevQueue final : public Queue {
public:
    explicit BdevQueue(VfioController& controller)
        : controller_(controller),
          reference_(bdevkit::IoChannel::of(&controller)),
          channel_(*static_cast<Channel*>(bdk_io_channel_get_ctx(reference_.get()))) {}

    bool submit(Io io, const Request& request, bool admin) override {
        if (!admin) [[likely]]
            return channel_.submit(io, request);
        controller_.submit_admin(io, request);
        return true;
    }
    bool submit_fused(Io io, const Request& first, const Request& second) override {
        return channel_.submit_fused(io, first, second);
    }
    void abort(Io abort) override { channel_.abort(abort); }
    /// The reset before it has ended all I/O.
    void drain(bdk_io_channel_iter* walk) override { bdk_for_each_channel_continue(walk, 0); }

private:
    VfioController& controller_;
    bdevkit::IoChannel reference_;
    Channel& channel_;
};

}  // namespace

VfioController::VfioController(const Options& options)
    : device_(options.address), admin_(std::in_place, device_, admin_patience) {
    admin_->disable();
    admin_->enable();
    identity_ = admin_->identify();
    namespaces_ = admin_->namespaces();
    max_queues_ = admin_->request_io_queues(most_queues);
    for (uint32_t id = 1; id <= max_queues_; id++)
        free_ids_.insert(uint16_t(id));
    if (options.interrupts)
        device_.enable_interrupts(std::min(max_queues_, std::max(std::thread::hardware_concurrency(), 1u)));
    queue_depth_ = admin_->io_queue_depth(options.queue_depth);
    timeout_ticks_ = options.timeout.ns / 1000 * (bdk_get_ticks_hz() / 1'000'000);
    admin_->share_doorbells(max_queues_);
    shares_doorbells_ = admin_->shares_doorbells();
    admin_->watch_events();
}

VfioController::~VfioController() {
    if (!is_released_) release();
}

void VfioController::start(Events events) {
    events_ = std::move(events);
    bdevkit::check(bdk_io_device_register(
                       this,
                       [](void* controller, void* context) {
                           return bdevkit::detail::guarded(BDK_LOG_COMPONENT, "create_channel", [&] {
                               new (context) Channel(*static_cast<VfioController*>(controller));
                           });
                       },
                       [](void*, void* context) { std::destroy_at(static_cast<Channel*>(context)); },
                       sizeof(Channel), device_.address().c_str()),
                   "bdk_io_device_register");
    self_ = shared_from_this();
    worker_.start([this] { check_device(); });
}

Limits VfioController::limits(const Namespace& ns) const {
    Limits limits{.max_transfer = Transfer::max_bytes,
                  .max_segments = 0,
                  .alignment = 0,
                  .fuses = queue_depth_ > 2,  // one entry less can be in use
                  .aborts = true};
    if (identity_.max_transfer != 0)
        limits.max_transfer = std::min(limits.max_transfer, identity_.max_transfer);
    if (ns.md_size != 0 && !ns.md_interleaved) {
        const uint64_t blocks = Transfer::max_md_bytes / ns.md_size;
        limits.max_transfer = std::min(limits.max_transfer, blocks * ns.block_size);
    }
    return limits;
}

std::unique_ptr<Queue> VfioController::open_queue(uint32_t) {
    return std::make_unique<BdevQueue>(*this);
}

void VfioController::dump_info(bdevkit::Json json, const Namespace&) const {
    json.value("transport", "pcie");
    json.value("address", device_.address());
    json.value("queue_depth", uint64_t(queue_depth_));
    json.value("max_queues", uint64_t(max_queues_));
    json.value("interrupts", uint64_t(device_.interrupts()));
    json.value("shadow_doorbells", shares_doorbells_);
    json.value("sgls", identity_.sgls);
}

// ---- queues ----

std::shared_ptr<IoQueue> VfioController::take_queue() {
    const std::lock_guard lock(mutex_);
    if (is_released_) throw Error(ENODEV, format("'%s' is gone", device_.address().c_str()));
    if (free_ids_.empty())
        throw Error(
            EBUSY,
            format("'%s' has %u I/O queues, which are all in use, one for each thread: use fewer threads",
                   device_.address().c_str(), unsigned(max_queues_)));
    auto queue = std::make_shared<IoQueue>(device_, *free_ids_.begin(), queue_depth_, queue_pages);
    queue->sgls = identity_.sgls;
    free_ids_.erase(queue->id);
    queues_.push_back(queue);
    worker_.post([this, queue] { create(*queue); });
    return queue;
}

void VfioController::give_queue(std::shared_ptr<IoQueue> queue) {
    worker_.post([this, queue = std::move(queue)] {
        const bool known = queue->state.exchange(IoQueue::State::failed) == IoQueue::State::ready;
        {
            const std::lock_guard lock(mutex_);
            std::erase(queues_, queue);
        }
        if (!known || is_released_) return;  // a queue that the controller refused is not tried again
        admin_->remove(*queue);
        const std::lock_guard lock(mutex_);
        free_ids_.insert(queue->id);
    });
}

/// Does nothing for a queue that a reset has created meanwhile.
void VfioController::create(IoQueue& queue) {
    if (queue.state.load() != IoQueue::State::stopped) return;
    const int rc = is_released_ ? -ENODEV : bdevkit::detail::guarded(BDK_LOG_COMPONENT, "open_queue", [&] {
        admin_->create(queue);
    });
    queue.state.store(rc == 0 ? IoQueue::State::ready : IoQueue::State::failed, std::memory_order_release);
}

// ---- admin commands ----

void VfioController::abort(uint16_t queue, uint16_t cid, std::function<void(bool)> done) {
    worker_.post([this, queue, cid, done = std::move(done), thread = Thread::current()] {
        bool aborted = false;
        if (!is_released_)
            bdevkit::detail::guarded(BDK_LOG_COMPONENT, "abort",
                                     [&] { aborted = admin_->abort(queue, cid); });
        thread.send([done, aborted] { done(aborted); });
    });
}

void VfioController::submit_admin(Io io, const Request& request) {
    // This driver takes all events itself: a client's request for one would never end.
    if (request.command.opcode == nvme_admin_async_event) return io.complete_errno(-EPERM);
    worker_.post([this, io, request, thread = Thread::current()] {
        Status status;
        const int rc = run_admin(request, status);
        thread.send([io, rc, status] {
            if (rc != 0) return io.complete_errno(rc);
            on_command_ended(io, status);
        });
        if (rc == -ETIMEDOUT) reset_now(nullptr);  // the device still has the command
    });
}

void VfioController::admin(const Request& request, std::function<void(const AdminEnd&)> done) {
    worker_.post([this, request, done = std::move(done)] {
        Status status;
        const int rc = run_admin(request, status);
        Thread::app().send([done, end = AdminEnd{rc, status.sct(), status.sc()}] { done(end); });
        if (rc == -ETIMEDOUT) reset_now(nullptr);
    });
}

int VfioController::run_admin(const Request& request, Status& status) {
    if (is_released_) return -ENODEV;
    return bdevkit::detail::guarded(BDK_LOG_COMPONENT, "admin command",
                                    [&] { status = admin_->command(request); });
}

// ---- what becomes of the controller ----

void VfioController::check_device() {
    if (is_released_) return;
    pollfd request{.fd = device_.request_event(), .events = POLLIN, .revents = 0};
    if (poll(&request, 1, 0) > 0) return give_up("the kernel wants the device back");
    if (admin_->gone()) return give_up("it does not answer");
    if (admin_->fatal()) {
        warn(format("'%s' reports a fatal error (CSTS.CFS): resetting it", device_.address().c_str()));
        reset_now(nullptr);
        return;
    }
    for (const uint32_t event : admin_->take_events())
        on_event(event);
}

/// @param event  dword 0 of an asynchronous event (Base Specification 2.0, 5.2)
void VfioController::on_event(uint32_t event) {
    const uint32_t type = event & 7, info = event >> 8 & 0xff;
    if (type == NVME_AER_NOTICE && info == NVME_AER_NOTICE_NS_CHANGED) {
        admin_->acknowledge_changed_namespaces();
        Thread::app().send(
            [self = shared_from_this(), now = admin_->namespaces()] { self->events_.namespaces(now); });
        return;
    }
    warn(format("'%s' reports an event: type %u, information 0x%02x, log page 0x%02x",
                device_.address().c_str(), unsigned(type), unsigned(info), unsigned(event >> 16 & 0xff)));
}

void VfioController::reset(const bdk_bdev* bdev, std::function<void(int)> done) {
    worker_.post([this, bdev, done = std::move(done), thread = Thread::current()] {
        const int rc = reset_now(bdev);
        thread.send([done, rc] { done(rc); });
    });
}

void VfioController::on_commands_late() {
    if (reset_is_pending_.exchange(true)) return;
    worker_.post([this] {
        reset_is_pending_ = false;
        warn(format("'%s' does not end its commands: it is reset", device_.address().c_str()));
        reset_now(nullptr);
    });
}

int VfioController::reset_now(const bdk_bdev* of) {
    if (is_released_) return -ENODEV;
    const int rc = bdevkit::detail::guarded(BDK_LOG_COMPONENT, "reset", [&] { restart(of); });
    if (rc != 0) give_up("it cannot be reset");
    return rc;
}

void VfioController::restart(const bdk_bdev* of) {
    quiesce();
    admin_->disable();
    end_all(EndReason::reset, of);
    admin_->enable();
    admin_->request_io_queues(most_queues);
    admin_->share_doorbells(max_queues_);
    admin_->watch_events();
    for (const auto& queue : queues())
        create(*queue);
}

/// A queue that is about to go must get no commands. A command that ends within a moment is not repeated.
void VfioController::quiesce() {
    visit_channels([](Channel& channel) { channel.quiesce(); });
    const auto all = queues();
    const auto deadline = std::chrono::steady_clock::now() + quiesce_patience;
    while (std::chrono::steady_clock::now() < deadline &&
           std::any_of(all.begin(), all.end(), [](const auto& queue) {
               return queue->state.load(std::memory_order_acquire) == IoQueue::State::quiet;
           }))
        std::this_thread::sleep_for(std::chrono::microseconds(100));
}

/// Ends the I/O in flight on every channel. The controller has been stopped.
void VfioController::end_all(EndReason end, const bdk_bdev* of) {
    visit_channels([end, of](Channel& channel) { channel.end_all(end, of); });
}

/// Visits each channel on its thread, and waits until all have been visited.
void VfioController::visit_channels(std::function<void(Channel&)> visit) {
    std::promise<void> visited;
    Thread::app().send([this, &visit, &visited] {
        bdevkit::for_each_channel<Channel>(this, visit, [&visited] { visited.set_value(); });
    });
    visited.get_future().wait();
}

std::vector<std::shared_ptr<IoQueue>> VfioController::queues() {
    const std::lock_guard lock(mutex_);
    return queues_;
}

/// The controller is lost: all I/O ends with errors from now on, and its bdevs go.
void VfioController::give_up(const char* why) {
    warn(format("'%s' is lost: %s", device_.address().c_str(), why));
    if (!admin_->gone()) {
        quiesce();
        bdevkit::detail::guarded(BDK_LOG_COMPONENT, "shutdown", [this] { admin_->shut_down(); });
    }
    {
        const std::lock_guard lock(mutex_);
        is_released_ = true;  // no new queues
        for (const auto& queue : queues_)
            if (queue->state.load() == IoQueue::State::stopped) queue->state = IoQueue::State::failed;
    }
    end_all(EndReason::gone, nullptr);
    close();
    Thread::app().send([self = shared_from_this()] { self->events_.lost(); });
}

void VfioController::release() {
    is_released_ = true;
    const int rc = bdevkit::detail::guarded(BDK_LOG_COMPONENT, "shutdown", [this] { admin_->shut_down(); });
    if (rc != 0)
        warn(format("'%s' could not be shut down: it is closed as it is", device_.address().c_str()));
    close();
}

/// On the worker, since giving memory back to the kernel takes a while.
void VfioController::close() {
    admin_.reset();
    const std::lock_guard lock(mutex_);
    device_.close();
}

void VfioController::shut_down(std::function<void()> done) {
    if (self_ == nullptr) return done();  // never started: the destructor releases it
    bdk_io_device_unregister(
        this, [](void* controller) { static_cast<VfioController*>(controller)->self_.reset(); });
    worker_.post([this, done = std::move(done)] {
        if (!is_released_) release();
        // The last reference goes on the app thread: the worker's own cannot wait for the worker's end.
        Thread::app().send([self = shared_from_this(), done] { done(); });
    });
}

SharedController connect(const Options& options) {
    return std::make_shared<VfioController>(options);
}

}  // namespace nvme::pcie
