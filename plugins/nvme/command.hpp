// SPDX-License-Identifier: BSD-3-Clause
// NVMe commands, and the commands of I/Os. NVM Express NVM Command Set Specification 1.0, 3.
#pragma once

#include <bdevkit/bdevkit.hpp>

#include <cstdint>
#include <utility>

#include "identify.hpp"
#include "zones.hpp"

namespace nvme {

/// A submission queue entry (Base Specification 2.0, 3.3.3.1). The transport fills in command
/// identifier and data pointers.
struct Command {
    uint8_t opcode = 0;
    uint8_t flags = 0;
    uint16_t cid = 0;
    uint32_t nsid = 0;
    uint32_t cdw2 = 0, cdw3 = 0;
    uint64_t mptr = 0;
    uint64_t dptr[2] = {};
    uint32_t cdw10 = 0, cdw11 = 0, cdw12 = 0, cdw13 = 0, cdw14 = 0, cdw15 = 0;
};
static_assert(sizeof(Command) == 64);

/// The memory that a command reads or writes: one buffer, or iovecs.
struct Data {
    void* buf = nullptr;
    const iovec* iovs = nullptr;  ///< used when iovcnt is not 0
    uint32_t iovcnt = 0;
    uint32_t bytes = 0;
    void* md = nullptr;  ///< metadata; NULL with `md_bytes`: zeroes are written, nothing is read
    uint32_t md_bytes = 0;
};

/// One range of a dataset management command (NVM Command Set 3.2.3).
struct DsmRange {
    uint32_t attributes;
    uint32_t blocks;
    uint64_t first_block;
};
static_assert(sizeof(DsmRange) == 16);

/// One source range of a copy command, format 0 (NVM Command Set 3.2.2).
struct CopyRange {
    uint64_t reserved;
    uint64_t first_block;
    uint16_t blocks;  ///< less one
    uint16_t reserved2[3];
    uint32_t tags[2];
};
static_assert(sizeof(CopyRange) == 32);

/// Memory of an I/O that its command points to.
struct IoContext {
    union {
        DsmRange unmap;
        CopyRange copy;
        ZoneReport report;
    };
};

struct Request {
    Command command;
    Data data;
};

/// The command of an I/O on a namespace; not for reset and abort. For get_zone_info it is the first command,
/// and context.report has been set up.
Request request_of(bdevkit::Io io, const Namespace& ns, IoContext& context);

/// The two commands of a compare-and-write, to be fused.
std::pair<Request, Request> fused_requests_of(bdevkit::Io io, const Namespace& ns);

/// Whether an I/O has the same effect when its command is carried out twice. A write to a zone does not,
/// because the first one moves the write pointer.
bool is_repeatable(bdevkit::Io io);

}  // namespace nvme
