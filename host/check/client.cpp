// SPDX-License-Identifier: BSD-3-Clause
#include "check/client.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <future>
#include <utility>

#include "base/errno_text.hpp"

namespace bdevkit::host {

/// One I/O in flight.
struct CheckClient::Flight {
    CheckClient& client;
    std::function<void(const CheckResult&)> done;
};

std::string CheckResult::text() const {
    if (rc != 0) return fmt::format("refused with {}", bdk::errno_text(rc));
    return fmt::format("status {}", bdk_bdev_io_status_name(status));
}

CheckClient::CheckClient(Stage& stage, std::string bdev, bdk_thread* thread)
    : stage_(stage),
      name_(std::move(bdev)),
      thread_(thread != nullptr ? thread : bdk_thread_get_app_thread()),
      on_remove_([this] { close_when_idle(); }) {
    int rc = 0;
    constexpr uint32_t flags = BDK_BDEV_OPEN_WRITE | BDK_BDEV_OPEN_HIDE_METADATA;
    stage_.call_on(thread_, [&] {
        rc = bdk_bdev_open(name_.c_str(), flags, on_event, this, &desc_);
        if (rc != 0) return;
        channel_ = bdk_bdev_get_io_channel(desc_);
        bdev_ = bdk_bdev_desc_get_bdev(desc_);
        block_size_ = bdk_bdev_desc_get_block_size(desc_);
        if (channel_ == nullptr) bdk_bdev_close(std::exchange(desc_, nullptr));
    });
    if (rc != 0) throw Broken{fmt::format("bdev '{}' cannot be opened: {}", name_, bdk::errno_text(rc)), "0"};
    if (channel_ == nullptr) throw Broken{fmt::format("bdev '{}' gives no channel", name_), "a channel"};
}

CheckClient::~CheckClient() {
    close();
}

uint64_t CheckClient::unit() const {
    return std::max<uint64_t>(1, bdk_bdev_get_write_unit_size(bdev_));
}

CheckResult CheckClient::run(const std::string& what, Submit submit) {
    auto promise = std::make_shared<std::promise<CheckResult>>();
    std::future<CheckResult> result = promise->get_future();
    stage_.call_on(thread_, [&] {
        submit_here(submit, [promise](const CheckResult& ended) { promise->set_value(ended); });
    });
    if (result.wait_for(stage_.patience()) != std::future_status::ready)
        Recorder::instance().stuck("io.completes", fmt::format("a {} has not completed after {} ms", what,
                                                               stage_.patience().count()));
    return result.get();
}

void CheckClient::submit_here(const Submit& submit, std::function<void(const CheckResult&)> done) {
    auto flight = std::make_unique<Flight>(Flight{*this, std::move(done)});
    CheckResult refused;
    refused.rc = desc_ == nullptr || closing_ ? -ENODEV : submit(desc_, channel_, completed, flight.get());
    if (refused.rc != 0) return flight->done(refused);
    in_flight_++;
    static_cast<void>(flight.release());  // owned by the completion from here on
}

void CheckClient::completed(bdk_bdev_io* io, bool, void* arg) {
    const std::unique_ptr<Flight> flight(static_cast<Flight*>(arg));
    CheckResult result;
    result.status = bdk_bdev_io_get_status(io);
    if (io->type == BDK_BDEV_IO_TYPE_SEEK_DATA || io->type == BDK_BDEV_IO_TYPE_SEEK_HOLE)
        result.seek_offset = bdk_bdev_io_get_seek_offset(io);
    if (io->type == BDK_BDEV_IO_TYPE_ZONE_APPEND)
        result.append_location = bdk_bdev_io_get_append_location(io);
    bdk_bdev_free_io(io);
    flight->client.in_flight_--;
    flight->done(result);
    flight->client.close_if_idle();
}

void CheckClient::wait_idle() {
    stage_.wait_until(
        "io.completes", fmt::format("I/Os of bdev '{}' have not completed", name_),
        [this] { return in_flight_ == 0; }, thread_);
}

void CheckClient::close_when_idle() {
    closing_ = true;
    close_if_idle();
}

void CheckClient::close_if_idle() {
    if (!closing_ || in_flight_ != 0 || desc_ == nullptr) return;
    bdk_put_io_channel(std::exchange(channel_, nullptr));
    bdk_bdev_close(std::exchange(desc_, nullptr));
}

void CheckClient::close() {
    stage_.call_on(thread_, [this] { close_when_idle(); });
    stage_.wait_until(
        "io.completes", fmt::format("I/Os of bdev '{}' have not completed", name_),
        [this] { return desc_ == nullptr; }, thread_);
}

void CheckClient::on_event(uint32_t type, bdk_bdev*, void* ctx) {
    auto* self = static_cast<CheckClient*>(ctx);
    self->events_[type % std::size(self->events_)]++;
    if (type == BDK_BDEV_EVENT_REMOVE) self->on_remove_();
}

}  // namespace bdevkit::host
