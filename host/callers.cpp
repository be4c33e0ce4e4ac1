// SPDX-License-Identifier: BSD-3-Clause
#include "callers.hpp"

namespace bdevkit::host {

Callers::Inside Callers::enter() {
    const std::lock_guard lock(mutex_);
    if (refusing_) return Inside(nullptr);
    ++inside_;
    return Inside(this);
}

Callers::Inside::~Inside() {
    if (callers_ == nullptr) return;
    const std::lock_guard lock(callers_->mutex_);
    if (--callers_->inside_ == 0) callers_->left_.notify_all();
}

void Callers::refuse() {
    const std::lock_guard lock(mutex_);
    refusing_ = true;
}

void Callers::wait_until_gone() {
    std::unique_lock lock(mutex_);
    left_.wait(lock, [this] { return inside_ == 0; });
}

}  // namespace bdevkit::host
