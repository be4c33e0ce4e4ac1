// SPDX-License-Identifier: BSD-3-Clause
#include "bdev/lifecycle/notify.hpp"
#include "log/no_memory.hpp"
#include "thread/callback_scope.hpp"
#include "thread/place.hpp"

#include <algorithm>
#include <cerrno>
#include <memory>
#include <vector>

struct bdk_notify {
    bdk_notify_cb cb;  ///< nullptr: removed during notify_watches()
    void* ctx;
};

namespace bdk {

namespace {

/// The watches, for the app thread only.
struct Watches {
    std::vector<std::unique_ptr<bdk_notify>> list;
    uint32_t telling = 0;  ///< nested notify_watches()
};

Watches& watches() {
    static Watches instance;
    return instance;
}

void forget_removed() {
    std::erase_if(watches().list, [](const auto& watch) { return watch->cb == nullptr; });
}

}  // namespace

void notify_watches(uint32_t type, bdk_bdev* bdev) {
    watches().telling++;
    // By index, because a callback may add watches; those hear from the next event on.
    for (size_t i = 0, count = watches().list.size(); i < count; i++) {
        bdk_notify* watch = watches().list[i].get();
        if (watch->cb != nullptr) call_in_scope("notify callback", watch->cb, type, bdev, watch->ctx);
    }
    if (--watches().telling == 0) forget_removed();
}

}  // namespace bdk

int bdk_notify_add(bdk_notify_cb cb, void* ctx, bdk_notify** watch) {
    if (!bdk::on_app_thread(BDK_ABI_CALL) || cb == nullptr) return -EINVAL;
    return bdk::or_enomem([&] {
        bdk::watches().list.push_back(std::make_unique<bdk_notify>(bdk_notify{cb, ctx}));
        *watch = bdk::watches().list.back().get();
        return 0;
    });
}

void bdk_notify_remove(bdk_notify* watch) {
    if (watch == nullptr || !bdk::on_app_thread(BDK_ABI_CALL)) return;
    watch->cb = nullptr;
    if (bdk::watches().telling == 0) bdk::forget_removed();
}
