// SPDX-License-Identifier: BSD-3-Clause
// Opens a bdev that may not exist yet: tries again every few milliseconds until the time is up.
#include <bdevkit/desc.h>
#include <bdevkit/poller.h>

#include <cerrno>
#include <memory>
#include <string>

#include "bdev/lifecycle/desc.hpp"
#include "bdev/model/desc.hpp"
#include "log/no_memory.hpp"
#include "thread/place.hpp"
#include "thread/thread.hpp"

namespace {

constexpr uint64_t retry_us = 5000;

struct OpenWait {
    std::string name;
    bdk::OpenRequest request;  ///< its name is set at each try
    uint64_t deadline_ns;
    bdk_bdev_open_async_cb cb;
    void* ctx;
    bdk_poller* poller = nullptr;

    /// @return true when the wait is over; *this has then been deleted.
    bool try_open() {
        bdk_bdev_desc* desc = nullptr;
        request.name = name.c_str();
        int rc = bdk::open_desc(request, &desc);
        if (rc == -ENODEV && bdk_get_time_ns() < deadline_ns) return false;
        end(desc, rc == -ENODEV ? -ETIMEDOUT : rc);
        return true;
    }

    /// Deletes *this.
    void end(bdk_bdev_desc* desc, int rc) {
        std::unique_ptr<OpenWait> self(this);
        bdk_poller_unregister(&poller);
        cb(desc, rc, ctx);
    }
};

void first_try(void* ctx) {
    auto* wait = static_cast<OpenWait*>(ctx);
    if (wait->try_open()) return;
    wait->poller = bdk_poller_register(
        [](void* self) {
            return static_cast<OpenWait*>(self)->try_open() ? BDK_POLLER_BUSY : BDK_POLLER_IDLE;
        },
        wait, retry_us, "bdev_open_async");
    if (wait->poller == nullptr) wait->end(nullptr, -ENOMEM);
}

}  // namespace

namespace {

int open_async(const bdk::OpenRequest& request, uint64_t timeout_ms, bdk_bdev_open_async_cb cb, void* ctx) {
    if (request.name == nullptr) return -EINVAL;
    if (const int rc = bdk::check_open(request); rc != 0) return rc;
    const uint64_t now = bdk_get_time_ns();
    const uint64_t deadline =
        timeout_ms < (UINT64_MAX - now) / 1'000'000 ? now + timeout_ms * 1'000'000 : UINT64_MAX;
    std::unique_ptr<OpenWait> wait = bdk::or_null([&] {
        return std::make_unique<OpenWait>(OpenWait{request.name, request, deadline, cb, ctx});
    });
    if (wait == nullptr) return -ENOMEM;
    int rc = bdk_thread_send_msg(bdk::current_thread(), first_try, wait.get());
    if (rc == 0) static_cast<void>(wait.release());  // owned by the message
    return rc;
}

}  // namespace

int bdk_bdev_open_async(const char* name, uint32_t flags, bdk_bdev_event_cb event_cb, void* event_ctx,
                        uint64_t timeout_ms, bdk_bdev_open_async_cb cb, void* ctx) {
    if (!bdk::on_bdk_thread(BDK_ABI_CALL) || !bdk::has_callback(cb, BDK_ABI_CALL)) return -EINVAL;
    return open_async({name, flags, event_cb, event_ctx, BDK_ABI_CALL}, timeout_ms, cb, ctx);
}
