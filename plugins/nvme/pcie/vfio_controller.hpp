// SPDX-License-Identifier: BSD-3-Clause
// A controller that this process drives itself, through vfio-pci.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "../controller.hpp"
#include "../worker.hpp"
#include "admin.hpp"
#include "channel.hpp"
#include "channel_owner.hpp"

namespace nvme::pcie {

/// Two kinds of threads use the controller. Each bdk thread has a Channel with an I/O queue of its own, and
/// never waits. The worker thread has everything else: registers, the admin queue, resets; it alone waits for
/// the device. The controller is the io_device that the channels belong to.
///
/// A reset, by the worker: every channel stops submitting (quiesce), the device is disabled, every channel
/// ends its I/O, the device is enabled, and the I/O queues are created again. If one of these steps fails the
/// controller is given up.
class VfioController final : public Controller,
                             public ChannelOwner,
                             public std::enable_shared_from_this<VfioController> {
public:
    /// Resets and starts the controller. Throws bdevkit::Error.
    explicit VfioController(const Options& options);
    ~VfioController() override;

    void start(Events events) override;
    Limits limits(const Namespace& ns) const override;
    std::unique_ptr<Queue> open_queue(uint32_t nsid) override;
    void reset(const bdk_bdev* bdev, std::function<void(int rc)> done) override;
    void admin(const Request& request, std::function<void(const AdminEnd&)> done) override;
    const char* state() const override { return is_released_ ? "lost" : "live"; }
    void shut_down(std::function<void()> done) override;
    void dump_info(bdevkit::Json json, const Namespace& ns) const override;

    // ---- as the owner of its channels ----

    std::shared_ptr<IoQueue> take_queue() override;
    void give_queue(std::shared_ptr<IoQueue> queue) override;
    void abort(uint16_t queue, uint16_t cid, std::function<void(bool aborted)> done) override;
    void on_commands_late() override;
    uint64_t timeout_ticks() const noexcept override { return timeout_ticks_; }

    /// [bdk thread] The admin command of an I/O.
    void submit_admin(bdevkit::Io io, const Request& request);

private:
    // On the worker's thread.
    int run_admin(const Request& request, Status& status);
    void check_device();
    int reset_now(const bdk_bdev* of);
    void restart(const bdk_bdev* of);
    void give_up(const char* why);
    void quiesce();
    void end_all(EndReason end, const bdk_bdev* of);
    void visit_channels(std::function<void(Channel&)> visit);
    std::vector<std::shared_ptr<IoQueue>> queues();
    void create(IoQueue& queue);
    void on_event(uint32_t event);
    void release();
    void close();

    VfioDevice device_;
    std::optional<Admin> admin_;  ///< until the device is released
    uint32_t queue_depth_ = 0;
    uint32_t max_queues_ = 0;
    uint64_t timeout_ticks_ = 0;
    bool shares_doorbells_ = false;
    Events events_;
    std::shared_ptr<VfioController> self_;  ///< while there may be channels
    std::atomic<bool> is_released_{false};  ///< the device is closed, or about to be
    std::atomic<bool> reset_is_pending_{false};

    std::mutex mutex_;  ///< of the next two, and so that close() waits while a queue is made
    std::set<uint16_t> free_ids_;
    std::vector<std::shared_ptr<IoQueue>> queues_;

    Worker worker_;
};

}  // namespace nvme::pcie
