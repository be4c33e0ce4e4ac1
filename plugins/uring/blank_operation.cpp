// SPDX-License-Identifier: BSD-3-Clause
#include "blank_operation.hpp"

#include <fcntl.h>
#include <linux/falloc.h>
#include <linux/fs.h>

#include <cstddef>

namespace {

/// BLOCK_URING_CMD_DISCARD, since Linux 6.12.
constexpr uint32_t discard_command = _IO(0x12, 0);

/// Source of writes of zeroes; never changed.
alignas(4096) std::byte zeroes[longest_zero_write];

void prepare_discard(io_uring_sqe* sqe, uint64_t offset, uint64_t length) noexcept {
    io_uring_prep_rw(IORING_OP_URING_CMD, sqe, 0, nullptr, 0, 0);
    sqe->cmd_op = discard_command;
    sqe->addr = offset;
    sqe->addr3 = length;
}

}  // namespace

void prepare_blank(io_uring_sqe* sqe, const BlankStep& step, uint64_t offset) noexcept {
    const auto fallocate = [&](int mode) {
        io_uring_prep_fallocate(sqe, 0, mode | FALLOC_FL_KEEP_SIZE, off_t(offset), off_t(step.length));
    };
    switch (step.way) {
        case Way::discard:
            return prepare_discard(sqe, offset, step.length);
        case Way::write:
            return io_uring_prep_write(sqe, 0, zeroes, uint32_t(step.length), offset);
        case Way::zero:
            return fallocate(FALLOC_FL_ZERO_RANGE);
        case Way::allocate:
            return fallocate(0);
        default:
            return fallocate(FALLOC_FL_PUNCH_HOLE);
    }
}
