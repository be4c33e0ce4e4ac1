// SPDX-License-Identifier: BSD-3-Clause
#include "soak/fault_client.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <utility>

#include "soak/live_objects.hpp"

namespace bdk::test {

void wait_until(bdk_thread* thread, const char* what, const std::function<bool()>& pred) {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(100);
    for (bool holds = false; !holds;) {
        call_on(thread, [&] { holds = pred(); });
        if (holds || std::chrono::steady_clock::now() < deadline) continue;
        std::fprintf(stderr, "%s does not end\n%s", what, ios_of(thread).c_str());
        std::abort();
    }
}

FaultClient::FaultClient(const std::string& bdev, bdk_thread* thread, bool write, bool hide_md)
    : thread_(thread) {
    for (Slot& slot : slots_)
        slot.client = this;
    const uint32_t flags = (write ? BDK_BDEV_OPEN_WRITE : 0) | (hide_md ? BDK_BDEV_OPEN_HIDE_METADATA : 0);
    call_on(thread_, [&] {
        const int rc = bdk_bdev_open(bdev.c_str(), flags, on_event, this, &desc_);
        if (rc != 0) return;
        channel_ = bdk_bdev_get_io_channel(desc_);
        if (channel_ == nullptr) close_here();
    });
}

FaultClient::~FaultClient() {
    wait();
    call_on(thread_, [this] { close_here(); });
    EXPECT_FALSE(twice_) << "an I/O completed twice";
}

void FaultClient::close_here() {
    if (desc_ != nullptr) bdk_bdev_close(std::exchange(desc_, nullptr));
    if (channel_ != nullptr) bdk_put_io_channel(std::exchange(channel_, nullptr));
}

void FaultClient::on_event(uint32_t type, bdk_bdev*, void* ctx) {
    if (type == BDK_BDEV_EVENT_REMOVE) static_cast<FaultClient*>(ctx)->close_here();
}

void FaultClient::call(const std::function<void()>& fn) {
    call_on(thread_, [&] {
        if (is_open()) fn();
    });
}

void FaultClient::start(const Submit& submit, void** token) {
    call([&] { start_here(submit, token); });
}

void FaultClient::start_here(const Submit& submit, void** token) {
    const auto slot =
        std::find_if(slots_.begin(), slots_.end(), [](const Slot& one) { return !one.in_flight; });
    slot->in_flight = true;
    if (token != nullptr) *token = &*slot;
    if (submit(desc_, channel_, on_completed, &*slot) == 0)
        accepted_++;
    else
        slot->in_flight = false;
}

void FaultClient::on_completed(bdk_bdev_io* io, bool success, void* arg) {
    auto* slot = static_cast<Slot*>(arg);
    if (!std::exchange(slot->in_flight, false)) slot->client->twice_ = true;
    slot->client->completed_++;
    successes_ += success ? 1 : 0;
    bdk_bdev_free_io(io);
}

void FaultClient::wait() {
    wait_until(thread_, "an I/O", [this] { return completed_ == accepted_; });
}

}  // namespace bdk::test
