// SPDX-License-Identifier: BSD-3-Clause
#include "open_desc.hpp"

#include <bdevkit/bdev.h>
#include <bdevkit/range_lock.h>

#include <cerrno>
#include <chrono>
#include <functional>
#include <stdexcept>
#include <utility>

namespace bdevkit::python {

void EventQueue::push(Entry entry) {
    const std::lock_guard lock(mutex_);
    entries_.push_back(entry);
    changed_.notify_all();
}

void EventQueue::close() {
    const std::lock_guard lock(mutex_);
    closed_ = true;
    changed_.notify_all();
}

bool EventQueue::pop(Entry& entry, uint32_t ms, bool& closed) {
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, std::chrono::milliseconds(ms), [this] { return closed_ || !entries_.empty(); });
    closed = closed_;
    if (entries_.empty()) return false;
    entry = entries_.front();
    entries_.pop_front();
    return true;
}

namespace {
std::atomic<uint64_t> g_next_id{1};
}

OpenDesc::OpenDesc(std::shared_ptr<IoThread> thread, std::shared_ptr<EventQueue> events, std::string bdev,
                   bool write)
    : thread_(std::move(thread)),
      events_(std::move(events)),
      bdev_(std::move(bdev)),
      write_(write),
      id_(g_next_id++) {}

int OpenDesc::open(const std::shared_ptr<IoThread>& thread, const std::shared_ptr<EventQueue>& events,
                   const std::string& bdev, bool write, bool hide_metadata,
                   std::shared_ptr<OpenDesc>& result) {
    std::shared_ptr<OpenDesc> desc(new OpenDesc(thread, events, bdev, write));
    int rc = 0;
    if (const int sent = thread->run([&] { rc = desc->open_here(hide_metadata); }); sent != 0) return sent;
    if (rc == 0) result = std::move(desc);
    return rc;
}

int OpenDesc::open_here(bool hide_metadata) {
    const uint32_t flags =
        (write_ ? BDK_BDEV_OPEN_WRITE : 0) | (hide_metadata ? BDK_BDEV_OPEN_HIDE_METADATA : 0);
    const auto on_event = [](uint32_t type, bdk_bdev* bdev, void* self) {
        static_cast<OpenDesc*>(self)->on_event(type, bdev);
    };
    if (const int rc = bdk_bdev_open(bdev_.c_str(), flags, on_event, this, &desc_); rc != 0) return rc;
    if (!take_channel()) {
        bdk_bdev_close(std::exchange(desc_, nullptr));
        return -ENOMEM;
    }
    thread_->descs().push_back(shared_from_this());
    return 0;
}

bool OpenDesc::take_channel() {
    channel_ = bdk_bdev_get_io_channel(desc_);
    if (channel_ == nullptr) return false;
    block_size_ = bdk_bdev_desc_get_block_size(desc_);
    md_size_ = bdk_bdev_desc_get_md_size(desc_);
    const bdk_bdev* bdev = bdk_bdev_desc_get_bdev(desc_);
    num_blocks_ = bdk_bdev_get_num_blocks(bdev);
    zone_size_ = bdk_bdev_is_zoned(bdev) ? bdk_bdev_get_zone_size(bdev) : 0;
    open_ = true;
    return true;
}

std::shared_ptr<OpenDesc> OpenDesc::adopt(const std::shared_ptr<IoThread>& thread, bdk_bdev_desc* desc) {
    const std::shared_ptr<OpenDesc> adopted(
        new OpenDesc(thread, nullptr, bdk_bdev_get_name(bdk_bdev_desc_get_bdev(desc)), true));
    adopted->adopted_ = true;
    adopted->desc_ = desc;
    if (!adopted->take_channel()) throw std::runtime_error("no channel of bdev '" + adopted->bdev_ + "'");
    return adopted;
}

void OpenDesc::on_event(uint32_t type, const bdk_bdev* bdev) {
    num_blocks_ = bdk_bdev_get_num_blocks(bdev);
    events_->push({id_, {type, num_blocks_}});
    if (type != BDK_BDEV_EVENT_REMOVE) return;
    removed_ = true;
    close_here();
}

void OpenDesc::close() {
    if (!open_.exchange(false)) return;
    thread_->post([self = shared_from_this()] {
        self->abandon(0, nullptr, nullptr);
        self->close_here();
    });
}

void OpenDesc::abort_here() {
    if (desc_ == nullptr) return;
    // The result of each I/O shows whether it was aborted.
    const auto aborted = [](bdk_bdev_io* io, bool, void*) { bdk_bdev_free_io(io); };
    static_cast<void>(bdk_bdev_abort(desc_, channel_, nullptr, nullptr, aborted, nullptr));
}

namespace {

/// A call of bdk_bdev_abandon().
struct Abandoned {
    std::shared_ptr<OpenDesc> desc;
    const bdk_bdev* bdev;
    const void *first, *end;

    static bool is_meant(void* ctx, void* cb_arg) {
        const auto& [desc, bdev, first, end] = *static_cast<const Abandoned*>(ctx);
        const std::less<const void*> before;
        return !before(cb_arg, first) && before(cb_arg, end);
    }
    static void kept(void* ctx) {
        const std::unique_ptr<Abandoned> self(static_cast<Abandoned*>(ctx));
        self->desc->thread().abandoning().end(self->bdev);
    }
};

}  // namespace

void OpenDesc::abandon_here(const void* first, const void* end) {
    abandon(BDK_BDEV_ABANDON_DROP, first, end);
}

/// @param first, end  of the cb_args; nullptr: all I/O of the desc
void OpenDesc::abandon(uint32_t flags, const void* first, const void* end) {
    if (desc_ == nullptr) return;
    std::unique_ptr<Abandoned> call(
        new Abandoned{shared_from_this(), bdk_bdev_desc_get_bdev(desc_), first, end});
    const auto match = first != nullptr ? Abandoned::is_meant : nullptr;
    if (bdk_bdev_abandon(desc_, channel_, flags, match, Abandoned::kept, call.get()) != 0) return;
    thread_->abandoning().begin(call.release()->bdev);
}

bool OpenDesc::holds_back(bdk_msg_fn go_on, void* arg) {
    return thread_->abandoning().any() &&
           thread_->abandoning().holds_back(bdk_bdev_desc_get_bdev(desc_), go_on, arg);
}

void OpenDesc::close_here() {
    open_ = false;
    if (desc_ == nullptr) return;
    const std::shared_ptr<OpenDesc> self = shared_from_this();
    std::erase(thread_->descs(), self);
    bdk_put_io_channel(std::exchange(channel_, nullptr));
    bdk_bdev_desc* desc = std::exchange(desc_, nullptr);
    if (!adopted_) bdk_bdev_close(desc);
}

}  // namespace bdevkit::python
