// SPDX-License-Identifier: BSD-3-Clause
#include "model/quiescer.hpp"

#include <bdevkit/bdev.h>
#include <bdevkit/bdev_module.h>
#include <bdevkit/quiesce.h>

#include <chrono>
#include <memory>
#include <stdexcept>
#include <thread>

#include "runtime/runtime.hpp"
#include "support/await.hpp"

namespace bdk::test {

namespace {

struct Ask {
    bdk_bdev* bdev;
    bool whole;
    uint64_t offset, count;
};

using Call = int (*)(const Ask& ask, bdk_bdev_quiesce_cb cb, void* ctx);

int quiesce_whole(const Ask& ask, bdk_bdev_quiesce_cb cb, void* ctx) {
    return bdk_bdev_quiesce(ask.bdev, ask.bdev->module, cb, ctx);
}
int quiesce_range(const Ask& ask, bdk_bdev_quiesce_cb cb, void* ctx) {
    return bdk_bdev_quiesce_range(ask.bdev, ask.bdev->module, ask.offset, ask.count, cb, ctx);
}
int release_whole(const Ask& ask, bdk_bdev_quiesce_cb cb, void* ctx) {
    return bdk_bdev_unquiesce(ask.bdev, ask.bdev->module, cb, ctx);
}
int release_range(const Ask& ask, bdk_bdev_quiesce_cb cb, void* ctx) {
    return bdk_bdev_unquiesce_range(ask.bdev, ask.bdev->module, ask.offset, ask.count, cb, ctx);
}

/// Makes the call on the app thread and waits for its callback. False when is_alive() says so before.
bool run(Call call, const Ask& ask, const std::function<bool()>& is_alive) {
    const Awaited<int> ended;
    const auto on_end = [](int rc, void* ctx) {
        const std::unique_ptr<std::function<void(int)>> set(static_cast<std::function<void(int)>*>(ctx));
        (*set)(rc);
    };
    call_on_app_thread([&] {
        auto set = std::make_unique<std::function<void(int)>>(ended.setter());
        const int rc = call(ask, on_end, set.get());
        if (rc != 0) throw std::runtime_error("quiescing is refused: " + std::to_string(rc));
        static_cast<void>(set.release());  // the callback has it
    });
    while (!ended.is_ready()) {
        if (!is_alive()) return false;
        std::this_thread::sleep_for(std::chrono::microseconds(100));
    }
    return true;
}

}  // namespace

bool Quiescer::quiesce_one_for_a_while(const std::function<bool()>& is_alive) {
    Ask ask{};
    call_on_app_thread([&] {
        const std::string& name = bdevs_.at(random_.below(bdevs_.size()));
        ask.bdev = bdk_bdev_get_by_name(name.c_str());
        const uint64_t size = bdk_bdev_get_num_blocks(ask.bdev);
        ask.whole = random_.chance(20);
        ask.offset = random_.below(size);
        ask.count = random_.between(1, size - ask.offset);
        state_ = name + (ask.whole
                             ? ", all"
                             : ", " + std::to_string(ask.count) + " blocks at " + std::to_string(ask.offset));
    });
    state_ += ": to be quiesced";
    if (!run(ask.whole ? &quiesce_whole : &quiesce_range, ask, is_alive)) return false;
    state_ += ", done; to be released";
    std::this_thread::sleep_for(std::chrono::microseconds(random_.below(500)));
    if (!run(ask.whole ? &release_whole : &release_range, ask, is_alive)) return false;
    state_ = "nothing is quiesced";
    std::this_thread::sleep_for(std::chrono::milliseconds(random_.below(10)));
    return true;
}

}  // namespace bdk::test
