// SPDX-License-Identifier: BSD-3-Clause
// The server's part on one bdk_thread: a ring and its connections.
#pragma once

#include <bdevkit/poller.h>
#include <bdevkit/thread.h>

#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <tl/expected.hpp>
#include <vector>

#include "frontends/nbd/nbd_connection.hpp"
#include "frontends/nbd/nbd_export.hpp"
#include "frontends/nbd/nbd_pace.hpp"
#include "frontends/nbd/nbd_request_pool.hpp"

namespace bdevkit::host::nbd {

/// Everything except the constructor and the destructor runs on its thread. While Pace says so, a poller
/// gives the ring a turn in every turn of the reactor; otherwise the poller pauses until a timer or the
/// ring's descriptor wakes it.
class Worker : public ExportDirectory {
public:
    /// @param memory bytes that its clients' requests may use together @param clients the server's count,
    /// decremented when a client has left
    Worker(bdk_thread* thread, StructuredReplies structured_replies, size_t memory,
           std::atomic<uint32_t>& clients);
    ~Worker() override;
    Worker(const Worker&) = delete;
    Worker& operator=(const Worker&) = delete;

    /// [any thread]
    bdk_thread* thread() const noexcept { return thread_; }

    /// On error everything is undone. `exports` outlive the worker's clients.
    tl::expected<void, std::string> start(const std::vector<Export*>& exports);

    /// Accepts clients of the listening socket until stop_accepting(); on_client takes over the descriptor.
    void accept(int listening_fd, std::function<void(int fd)> on_client);
    /// done() runs when the socket may be closed.
    void stop_accepting(std::function<void()> done);

    /// Looks for lost clients, and calls done() when their remaining I/O is guarded: none of their writes can
    /// land on data that is written from then on.
    void notice_lost_clients(std::function<void()> done);

    /// Serves a client. Closes `fd` when the worker stops.
    void adopt(int fd, std::string peer);

    /// Disconnects the export's clients (Connection::drain()), and calls all_left() when the last has left.
    void drop_export(size_t index, std::function<void()> done);

    /// Disconnects all clients in the same manner, then releases everything that start() acquired and calls
    /// done().
    void stop(std::function<void()> done);

    // Functions for its connections.
    Ring& ring() noexcept { return *ring_; }
    BufferCache& buffers() noexcept { return buffers_; }
    RequestPool& requests() noexcept { return requests_; }
    MemoryQueue& memory() noexcept { return memory_; }
    /// Memory was returned, or a client has left the queue: the first client in the queue asks again in the
    /// next turn.
    void serve_memory_queue();
    void mark_dirty(Connection& connection);
    /// The channel is NULL when the export has been removed.
    Target attach(size_t export_index);
    void watch_deadlines();
    void count_begun() noexcept {
        ++new_requests_;
        ++running_;
    }
    void count_answered() noexcept { --running_; }
    void count_abandoning() noexcept { ++abandoning_; }
    void count_abandoned();

    // ExportDirectory
    size_t count() const override { return exports_.size(); }
    std::optional<ExportInfo> info(size_t index) const override;
    bool offers_structured_replies() const override;

private:
    template <class Tag>
    using Connections =
        boost::intrusive::list<Connection, boost::intrusive::base_hook<
                                               boost::intrusive::list_base_hook<boost::intrusive::tag<Tag>>>>;
    struct View {
        Export* backend;
        bool gone = false;
        std::function<void()> all_left;  ///< due once no connection uses the export
    };

    static int on_poll(void* self);
    static int on_interrupt(uint32_t events, void* self);
    static int on_rested(void* self);
    static int on_timer(void* self);
    static void on_accepted(void* self, int result);
    bool turn();
    void poll_again();
    void pause(Pace::Next how);
    void flush_dirty();
    void bury(Connection& connection);
    void report_left_exports();
    bool in_use(size_t export_index) const;
    void start_accepting();
    void accepted(int result);
    void unregister();
    void finish_stop();

    bdk_thread* const thread_;
    const StructuredReplies structured_replies_;
    std::atomic<uint32_t>& clients_;
    std::unique_ptr<Ring> ring_;
    BufferCache buffers_;
    MemoryQueue memory_{buffers_};
    RequestPool requests_;
    std::vector<View> exports_;
    std::vector<size_t> leaving_;  ///< exports whose all_left is due
    Connections<AllTag> connections_;
    Connections<DirtyTag> dirty_;

    bdk_poller* poller_ = nullptr;
    bdk_poller* timer_ = nullptr;
    bdk_interrupt* interrupt_ = nullptr;
    bdk_poller* rest_ = nullptr;
    Pace pace_;
    Pace::Next doing_ = Pace::Next::sleep;
    uint64_t rest_began_ = 0;    ///< ticks
    uint32_t new_requests_ = 0;  ///< begun in this turn
    uint64_t running_ = 0;       ///< requests without an answer yet
    uint64_t abandoning_ = 0;    ///< calls of bdk_bdev_abandon() that have not ended
    std::vector<std::function<void()>> when_abandoned_;
    bool timing_ = false;

    RingOp accept_;
    int listening_fd_ = -1;
    bool accept_later_ = false;
    std::function<void(int fd)> on_client_;
    std::function<void()> accepting_stopped_;

    std::function<void()> stopped_;
};

}  // namespace bdevkit::host::nbd
