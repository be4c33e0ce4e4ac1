// SPDX-License-Identifier: BSD-3-Clause
#include "model/worker.hpp"
#include "bdev/model/io_type.hpp"

#include <algorithm>
#include <stdexcept>
#include <utility>

namespace bdk::test {

void Run::fail(const std::string& what) {
    const std::scoped_lock lock(mutex_);
    if (failure_.empty()) failure_ = what;
    stopping = true;
}

std::string Run::failure() const {
    const std::scoped_lock lock(mutex_);
    return failure_;
}

Worker::Worker(Run& run, bdk_thread* thread, uint32_t number, uint32_t depth, uint64_t seed)
    : run_(run), thread_(thread), random_(seed), next_stamp_((uint64_t{number} + 1) << 48) {
    for (uint32_t i = 0; i < depth; i++)
        operations_.push_back(std::make_unique<Operation>(*this));
}

void Worker::open_one(const std::string& name, bool write, bdk_bdev_desc** desc, bdk_io_channel** channel) {
    const uint32_t flags =
        (write ? BDK_BDEV_OPEN_WRITE : 0) | (run_.hides_metadata ? BDK_BDEV_OPEN_HIDE_METADATA : 0);
    const int rc = bdk_bdev_open(
        name.c_str(), flags, [](uint32_t, bdk_bdev*, void*) {}, nullptr, desc);
    if (rc != 0) throw std::runtime_error("cannot open " + name);
    *channel = bdk_bdev_get_io_channel(*desc);
    if (*channel == nullptr) throw std::runtime_error("no channel of " + name);
}

void Worker::open() {
    open_one(run_.top, true, &desc_, &channel_);
    if (!run_.beside.empty()) open_one(run_.beside, false, &side_desc_, &side_channel_);
    block_size_ = bdk_bdev_desc_get_block_size(desc_);
    for (uint32_t type = 1; type < bdk::io_type_count; type++)
        if (bdk_bdev_io_type_supported(bdev(), type)) types_ |= BDK_BDEV_IO_TYPE_BIT(type);
    if (run_.hides_metadata) types_ &= ~BDK_BDEV_IO_TYPE_BIT(BDK_BDEV_IO_TYPE_ZCOPY);
    // Now and then more than the largest buffer that the host keeps ready.
    max_bytes_ = random_.chance(20) ? 3 << 19 : 160 << 10;
    poller_ = bdevkit::Poller::start<&Worker::poll>(this, "model");
}

bool Worker::poll() {
    bool started = false;
    for (const auto& operation : operations_)
        if (operation->is_idle() && !run_.stopping) {
            operation->start();
            started = true;
        }
    return started;
}

bool Worker::is_idle() {
    return std::all_of(operations_.begin(), operations_.end(),
                       [](const auto& each) { return each->is_idle(); });
}

bool Worker::close_if_idle() {
    if (!is_idle()) return false;
    poller_.stop();
    for (auto& [desc, channel] : {std::pair(&desc_, &channel_), std::pair(&side_desc_, &side_channel_)}) {
        if (*desc == nullptr) continue;
        bdk_put_io_channel(std::exchange(*channel, nullptr));
        bdk_bdev_close(std::exchange(*desc, nullptr));
    }
    return true;
}

std::string Worker::describe() {
    std::string text;
    for (const auto& operation : operations_)
        if (!operation->is_idle()) text += "  " + operation->describe() + "\n";
    return text;
}

Stamp Worker::new_stamps(uint64_t count) {
    return std::exchange(next_stamp_, next_stamp_ + count);
}

std::vector<std::byte>& Worker::scratch(size_t bytes) {
    scratch_.resize(bytes);
    return scratch_;
}

}  // namespace bdk::test
