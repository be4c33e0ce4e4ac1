// SPDX-License-Identifier: BSD-3-Clause
#include "support/client.hpp"

#include <algorithm>
#include <stdexcept>
#include <utility>

namespace bdk::test {

/// One I/O in flight.
struct Client::Flight {
    Client& client;
    std::function<void(IoResult)> set;
};

namespace {

std::vector<std::byte> data_of(const bdk_bdev_io* io) {
    std::vector<std::byte> data;
    iovec* iovs = nullptr;
    int32_t count = 0;
    bdk_bdev_io_get_iovec(io, &iovs, &count);
    for (int32_t i = 0; i < count; i++) {
        const auto* bytes = static_cast<const std::byte*>(iovs[i].iov_base);
        if (bytes != nullptr) data.insert(data.end(), bytes, bytes + iovs[i].iov_len);
    }
    return data;
}

}  // namespace

std::vector<std::byte> pattern(size_t length, uint64_t seed) {
    std::vector<std::byte> data(length);
    uint64_t state = seed * 0x9e3779b97f4a7c15u + 1;
    for (std::byte& b : data) {
        state = state * 6364136223846793005u + 1442695040888963407u;
        b = std::byte(state >> 56);
    }
    return data;
}

Client::Client(const std::string& bdev, Access access, bdk_thread* thread, Metadata metadata)
    : thread_(thread != nullptr ? thread : bdk_thread_get_app_thread()) {
    int rc = 0;
    const uint32_t flags = (access == Access::write ? BDK_BDEV_OPEN_WRITE : 0) |
                           (metadata == Metadata::hidden ? BDK_BDEV_OPEN_HIDE_METADATA : 0);
    call_on(thread_, [&] {
        rc = bdk_bdev_open(bdev.c_str(), flags, on_event, this, &desc_);
        if (rc == 0) channel_ = bdk_bdev_get_io_channel(desc_);
        if (rc == 0 && channel_ == nullptr) bdk_bdev_close(desc_);
    });
    if (rc != 0 || channel_ == nullptr)
        throw std::runtime_error("cannot open " + bdev + ": " +
                                 (rc != 0 ? std::to_string(rc) : "no channel"));
}

Client::~Client() {
    close();
}

int Client::try_open(const std::string& bdev, Access access) {
    int rc = 0;
    call_on(bdk_thread_get_app_thread(), [&] {
        bdk_bdev_desc* desc = nullptr;
        rc = bdk_bdev_open(
            bdev.c_str(), access == Access::write ? BDK_BDEV_OPEN_WRITE : 0,
            [](uint32_t, bdk_bdev*, void*) {}, nullptr, &desc);
        if (rc == 0) bdk_bdev_close(desc);
    });
    return rc;
}

void Client::close() {
    call_on(thread_, [this] { close_here(); });
    if (!std::exchange(closed_, true)) channel_gone_.get();
}

void Client::close_here() {
    if (desc_ != nullptr) bdk_bdev_close(std::exchange(desc_, nullptr));
    put_channel_when_idle();
}

void Client::put_channel_when_idle() {
    if (desc_ != nullptr || in_flight_ != 0 || channel_ == nullptr) return;
    bdk_put_io_channel(std::exchange(channel_, nullptr));
    channel_gone_.setter()(true);
}

void Client::on_event(uint32_t type, bdk_bdev*, void* ctx) {
    auto* self = static_cast<Client*>(ctx);
    if (type == BDK_BDEV_EVENT_REMOVE) self->on_remove_(*self);
    const std::scoped_lock lock(self->mutex_);
    self->events_.push_back(type);
    self->event_came_.notify_all();
}

void Client::wait_for_event(uint32_t type) {
    std::unique_lock lock(mutex_);
    event_came_.wait(lock, [&] { return std::find(events_.begin(), events_.end(), type) != events_.end(); });
}

size_t Client::events(uint32_t type) {
    const std::scoped_lock lock(mutex_);
    return size_t(std::count(events_.begin(), events_.end(), type));
}

Awaited<IoResult> Client::start(Submit submit_io, void** token) {
    Awaited<IoResult> awaited;
    auto flight = std::make_unique<Flight>(Flight{*this, awaited.setter()});
    if (token != nullptr) *token = flight.get();
    post(thread_, [this, submit_io = std::move(submit_io), raw = flight.release()] {
        submit(submit_io, std::unique_ptr<Flight>(raw));
    });
    return awaited;
}

void Client::submit_here(const Submit& submit_io, std::function<void(IoResult)> done) {
    submit(submit_io, std::make_unique<Flight>(Flight{*this, std::move(done)}));
}

void Client::submit(const Submit& submit_io, std::unique_ptr<Flight> flight) {
    IoResult refused;
    refused.rc = desc_ == nullptr ? -ENODEV : submit_io(desc_, channel_, completed, flight.get());
    if (refused.rc != 0) return flight->set(std::move(refused));
    in_flight_++;
    flight.release();
}

void Client::completed(bdk_bdev_io* io, bool, void* arg) {
    const std::unique_ptr<Flight> flight(static_cast<Flight*>(arg));
    IoResult result;
    result.status = bdk_bdev_io_get_status(io);
    result.aio_errno = bdk_bdev_io_get_aio_status(io);
    bdk_bdev_io_get_nvme_status(io, nullptr, &result.nvme_sct, &result.nvme_sc);
    if (io->type == BDK_BDEV_IO_TYPE_READ) result.data = data_of(io);
    bdk_bdev_free_io(io);
    flight->client.in_flight_--;
    flight->client.put_channel_when_idle();
    flight->set(std::move(result));
}

IoResult Client::write(uint64_t offset_blocks, const Data& data) {
    return run([&](auto* desc, auto* ch, auto cb, void* arg) {
        return bdk_bdev_write_blocks(desc, ch, const_cast<std::byte*>(data.data()), offset_blocks,
                                     data.size() / block_size(), nullptr, cb, arg);
    });
}

IoResult Client::try_read(uint64_t offset_blocks, uint64_t num_blocks) {
    Data data(num_blocks * block_size());
    IoResult result = run([&](auto* desc, auto* ch, auto cb, void* arg) {
        return bdk_bdev_read_blocks(desc, ch, data.data(), offset_blocks, num_blocks, nullptr, cb, arg);
    });
    return result;
}

Client::Data Client::read(uint64_t offset_blocks, uint64_t num_blocks) {
    IoResult result = try_read(offset_blocks, num_blocks);
    if (!result.ok())
        throw std::runtime_error("read: rc " + std::to_string(result.rc) + ", status " +
                                 std::to_string(result.status));
    return std::move(result.data);
}

IoResult Client::read_without_buffer(uint64_t offset_blocks, uint64_t num_blocks) {
    return run([&](auto* desc, auto* ch, auto cb, void* arg) {
        return bdk_bdev_read_blocks(desc, ch, nullptr, offset_blocks, num_blocks, nullptr, cb, arg);
    });
}

IoResult Client::compare(uint64_t offset_blocks, const Data& data) {
    iovec iov{const_cast<std::byte*>(data.data()), data.size()};
    return run([&](auto* desc, auto* ch, auto cb, void* arg) {
        return bdk_bdev_comparev_blocks(desc, ch, &iov, 1, offset_blocks, data.size() / block_size(), nullptr,
                                        cb, arg);
    });
}

IoResult Client::flush(uint64_t offset_blocks, uint64_t num_blocks) {
    return run([&](auto* desc, auto* ch, auto cb, void* arg) {
        return bdk_bdev_flush_blocks(desc, ch, offset_blocks, num_blocks, nullptr, cb, arg);
    });
}

IoResult Client::unmap(uint64_t offset_blocks, uint64_t num_blocks) {
    return run([&](auto* desc, auto* ch, auto cb, void* arg) {
        return bdk_bdev_unmap_blocks(desc, ch, offset_blocks, num_blocks, nullptr, cb, arg);
    });
}

IoResult Client::write_zeroes(uint64_t offset_blocks, uint64_t num_blocks) {
    return run([&](auto* desc, auto* ch, auto cb, void* arg) {
        return bdk_bdev_write_zeroes_blocks(desc, ch, offset_blocks, num_blocks, nullptr, cb, arg);
    });
}

IoResult Client::copy(uint64_t to_blocks, uint64_t from_blocks, uint64_t num_blocks) {
    return run([&](auto* desc, auto* ch, auto cb, void* arg) {
        return bdk_bdev_copy_blocks(desc, ch, to_blocks, from_blocks, num_blocks, nullptr, cb, arg);
    });
}

IoResult Client::reset() {
    return run(
        [](auto* desc, auto* ch, auto cb, void* arg) { return bdk_bdev_reset(desc, ch, nullptr, cb, arg); });
}

IoResult Client::abort(void* token) {
    return run([&](auto* desc, auto* ch, auto cb, void* arg) {
        return bdk_bdev_abort(desc, ch, token, nullptr, cb, arg);
    });
}

}  // namespace bdk::test
