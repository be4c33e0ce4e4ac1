// SPDX-License-Identifier: BSD-3-Clause
#include "check/load.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "check/pattern.hpp"
#include "check/transfer.hpp"

namespace bdevkit::host {

CheckLoad::CheckLoad(CheckClient& client, LoadOptions options)
    : client_(client), options_(options), unit_(client.unit()) {
    if (options_.num_blocks == 0) options_.num_blocks = client.num_blocks() - options_.first_block;
    options_.writes = options_.writes && client.is_writable();
    const uint64_t units = options_.num_blocks / unit_;
    options_.depth = uint32_t(std::min<uint64_t>(options_.depth, units));
    for (uint32_t i = 0; i < options_.depth; i++) {
        auto slot = std::make_unique<Slot>();
        slot->block = options_.first_block + i * unit_;
        slot->buffer.resize(unit_ * client.block_size());
        slots_.push_back(std::move(slot));
    }
    client_.stage().call_on(client_.thread(), [this] {
        for (const auto& slot : slots_)
            issue(*slot);
    });
}

CheckLoad::~CheckLoad() = default;

void CheckLoad::issue(Slot& slot) {
    if (stopping_ || (options_.count != 0 && issued_ >= options_.count)) return;
    const bool is_write = options_.writes && slot.round % 2 == 0;
    if (slot.round % 2 == 0) {
        // The next place of this slot. Slots never share a place.
        const uint64_t units = options_.num_blocks / unit_ / options_.depth;
        const uint64_t step = slot.round / 2 * 7 % units;
        const auto index = (slot.block - options_.first_block) / unit_ % options_.depth;
        slot.block = options_.first_block + (step * options_.depth + index) * unit_;
        slot.known = false;
    }
    if (is_write) {
        fill_pattern(slot.buffer, slot.round * 1000 + slot.block);
        slot.expected = slot.buffer;
    } else {
        std::fill(slot.buffer.begin(), slot.buffer.end(), std::byte{0xa5});
    }
    issued_++;
    in_flight_++;
    const auto submit = is_write ? write_of(slot.buffer.data(), slot.block, unit_)
                                 : read_of(slot.buffer.data(), slot.block, unit_);
    client_.submit_here(
        submit, [this, &slot, is_write](const CheckResult& result) { ended(slot, is_write, result); });
}

void CheckLoad::ended(Slot& slot, bool was_write, const CheckResult& result) {
    in_flight_--;
    completed_++;
    if (result.rc != 0) stopping_ = true;  // the bdev is going
    if (!result.ok()) {
        failed_++;
        if (failure_.empty())
            failure_ =
                fmt::format("{} at block {}: {}", was_write ? "write" : "read", slot.block, result.text());
    }
    if (was_write) {
        slot.known = result.ok();
    } else if (result.ok() && slot.known && options_.verifies && slot.buffer != slot.expected &&
               mismatch_.empty()) {
        mismatch_ = fmt::format("read at block {} returned other data than was written", slot.block);
    }
    slot.round++;
    issue(slot);
}

void CheckLoad::stop() {
    client_.stage().call_on(client_.thread(), [this] { stopping_ = true; });
}

void CheckLoad::wait() {
    client_.stage().wait_until(
        "io.completes", fmt::format("I/Os under load of bdev '{}' have not completed", client_.name()),
        [this] { return in_flight_ == 0; }, client_.thread());
}

void CheckLoad::wait_for(uint64_t completed) {
    client_.stage().wait_until(
        "io.completes",
        fmt::format("fewer than {} I/Os under load of bdev '{}' have completed", completed, client_.name()),
        [&] { return completed_ >= completed || in_flight_ == 0; }, client_.thread());
}

void CheckLoad::expect_clean() const {
    if (!failure_.empty())
        throw Broken{fmt::format("{} of {} I/Os failed: {}", failed_, completed_, failure_), "success"};
    if (!mismatch_.empty()) throw Broken{mismatch_, "what was written"};
}

}  // namespace bdevkit::host
