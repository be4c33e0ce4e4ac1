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

namespace nvme::pcie {

/// Its own io_device: a Channel on each thread. What waits for the controller (admin commands, resets) is
/// done on a thread of its own, which no bdk thread ever waits for.
class VfioController final : public Controller, public std::enable_shared_from_this<VfioController> {
public:
    /// Resets and starts the controller. Throws bdevkit::Error.
    explicit VfioController(const Options& options);
    ~VfioController() override;

    void start(Events events) override;
    Limits limits(const Namespace& ns) const override;
    std::unique_ptr<Queue> open_queue(uint32_t nsid) override;
    void reset(const bdk_bdev* bdev, std::function<void(int rc)> done) override;
    void admin(const Request& request, std::function<void(const AdminEnd&)> done) override;
    const char* state() const override { return left_ ? "lost" : "live"; }
    void shut_down(std::function<void()> done) override;
    void dump_info(bdevkit::Json json, const Namespace& ns) const override;

    // ---- for its channels ----

    /// [bdk thread] A queue that becomes ready later. Throws bdevkit::Error when there is none.
    std::shared_ptr<IoQueue> take_queue();
    /// [bdk thread] Nothing is in flight there.
    void give_queue(std::shared_ptr<IoQueue> queue);
    /// [bdk thread] done(aborted) runs on the calling thread.
    void abort(uint16_t queue, uint16_t cid, std::function<void(bool aborted)> done);
    /// [bdk thread] The admin command of an I/O.
    void submit_admin(bdevkit::Io io, const Request& request);
    /// [bdk thread]
    void reset_for_late_commands();
    /// 0: never late.
    uint64_t timeout_ticks() const noexcept { return timeout_ticks_; }

private:
    // On the worker's thread.
    int run_admin(const Request& request, Status& status);
    void look_around();
    int reset_now(const bdk_bdev* of);
    void restart(const bdk_bdev* of);
    void lose(const char* why);
    void quiesce();
    void end_all(EndReason end, const bdk_bdev* of);
    void visit_channels(std::function<void(Channel&)> visit);
    std::vector<std::shared_ptr<IoQueue>> queues();
    void create(IoQueue& queue);
    void tell(uint32_t event);
    void leave();
    void close();

    VfioDevice device_;
    std::optional<Admin> admin_;  ///< until it is left
    uint32_t queue_depth_ = 0;
    uint32_t max_queues_ = 0;
    uint64_t timeout_ticks_ = 0;
    bool shares_doorbells_ = false;
    Events events_;
    std::shared_ptr<VfioController> self_;  ///< while channels may be there
    std::atomic<bool> left_{false};         ///< the device is closed
    std::atomic<bool> reset_asked_{false};

    std::mutex mutex_;  ///< for what follows, and against a close() while a queue is made
    std::set<uint16_t> free_ids_;
    std::vector<std::shared_ptr<IoQueue>> queues_;

    Worker worker_;
};

}  // namespace nvme::pcie
