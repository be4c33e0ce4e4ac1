// SPDX-License-Identifier: BSD-3-Clause
#include "ring_queue.hpp"

#include <linux/nvme_ioctl.h>

#include <new>

namespace nvme::kernel {

namespace {

using bdevkit::Io, bdevkit::IoStatus;

constexpr int namespace_file = 0, admin_file = 1;

/// Fills in the kernel's form of a command. The kernel sets command identifier and data pointers.
void prepare(io_uring_sqe* sqe, const Request& request, bool admin) {
    const Command& command = request.command;
    const Data& data = request.data;
    const bool vector = data.iovcnt != 0;
    io_uring_prep_rw(IORING_OP_URING_CMD, sqe, admin ? admin_file : namespace_file, nullptr, 0, 0);
    sqe->cmd_op = admin ? (vector ? NVME_URING_CMD_ADMIN_VEC : NVME_URING_CMD_ADMIN)
                        : (vector ? NVME_URING_CMD_IO_VEC : NVME_URING_CMD_IO);
    auto* to = new (sqe->cmd) nvme_uring_cmd{};
    to->opcode = command.opcode;
    to->flags = command.flags;
    to->nsid = command.nsid;
    to->cdw2 = command.cdw2;
    to->cdw3 = command.cdw3;
    to->metadata = reinterpret_cast<uint64_t>(data.md);
    to->metadata_len = data.md_bytes;
    to->addr = reinterpret_cast<uint64_t>(vector ? static_cast<const void*>(data.iovs) : data.buf);
    to->data_len = vector ? data.iovcnt : data.bytes;
    to->cdw10 = command.cdw10;
    to->cdw11 = command.cdw11;
    to->cdw12 = command.cdw12;
    to->cdw13 = command.cdw13;
    to->cdw14 = command.cdw14;
    to->cdw15 = command.cdw15;
}

}  // namespace

bool RingQueue::submit(Io io, const Request& request, bool admin) {
    io_uring_sqe* sqe = ring(false).next();
    if (sqe == nullptr) return false;
    prepare(sqe, request, admin);
    ring(false).add(sqe, io.get());
    wake_up();
    return true;
}

void RingQueue::ended(Channel&, Io io, int result, uint64_t detail) {
    if (result >= 0)
        on_command_ended(io, {.code = uint16_t(result), .result = detail});
    else if (result == -EAGAIN)
        io.complete(IoStatus::nomem);
    else
        io.complete_errno(result == -ENOMEM ? -EIO : result);
}

}  // namespace nvme::kernel
