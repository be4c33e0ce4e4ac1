// SPDX-License-Identifier: BSD-3-Clause
#include "bdev_locks.hpp"

namespace bdevkit::host {

BdevLocks::Held BdevLocks::hold(const std::string& bdev) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return ended_ || !held_.contains(bdev); });
    if (ended_) return {nullptr, {}};
    held_.insert(bdev);
    return {this, bdev};
}

BdevLocks::Held::~Held() {
    if (locks_ == nullptr) return;
    const std::lock_guard lock(locks_->mutex_);
    locks_->held_.erase(bdev_);
    locks_->changed_.notify_all();
}

void BdevLocks::end() {
    const std::lock_guard lock(mutex_);
    ended_ = true;
    changed_.notify_all();
}

}  // namespace bdevkit::host
