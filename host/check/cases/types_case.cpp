// SPDX-License-Identifier: BSD-3-Clause
// I/O types: claimed types work, and other types never reach the module.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <utility>

#include "bdev/model/bdev.hpp"
#include "bdev/model/io_type.hpp"
#include "check/borrow.hpp"
#include "check/case_stage.hpp"
#include "check/pattern.hpp"
#include "check/transfer.hpp"

namespace bdevkit::host {

namespace {

/// Replaces the module's submit_request and records its calls.
struct Door {
    static inline void (*submit)(bdk_io_channel*, bdk_bdev_io*) = nullptr;
    static inline std::atomic<uint64_t> seen{0};

    /// [app thread] Before the bdev is opened.
    static void stand_before(bdk_bdev* bdev) {
        bdk_bdev_fn_table& fn = bdk::Bdev::of(bdev)->fn;
        if (fn.submit_request == note) return;
        submit = fn.submit_request;
        fn.submit_request = note;
    }
    static void note(bdk_io_channel* ch, bdk_bdev_io* io) {
        seen |= BDK_BDEV_IO_TYPE_BIT(io->type);
        submit(ch, io);
    }
};

/// The buffers for one I/O of each type.
struct Try {
    CheckClient& client;
    uint64_t unit = client.unit();
    Bytes data = make_pattern(unit * client.block_size(), 21),
          other = make_pattern(unit * client.block_size(), 22);
    Bytes seen = Bytes(data.size()), scratch = Bytes(4096);
    std::array<std::byte, 64> command{};
    iovec iov{data.data(), data.size()}, other_iov{other.data(), other.size()};

    CheckResult run(uint32_t type) {
        return client.run(bdk_bdev_io_type_name(type), [&](auto* desc, auto* ch, auto cb, void* arg) {
            return submit(type, desc, ch, cb, arg);
        });
    }

    /// @return INT32_MAX for types that are tested elsewhere
    int submit(uint32_t type, bdk_bdev_desc* desc, bdk_io_channel* ch, bdk_bdev_io_completion_cb cb,
               void* arg) {
        switch (type) {
            case BDK_BDEV_IO_TYPE_READ:
                return bdk_bdev_read_blocks(desc, ch, seen.data(), 0, unit, nullptr, cb, arg);
            case BDK_BDEV_IO_TYPE_WRITE:
                return bdk_bdev_write_blocks(desc, ch, data.data(), 0, unit, nullptr, cb, arg);
            case BDK_BDEV_IO_TYPE_UNMAP:
                return bdk_bdev_unmap_blocks(desc, ch, 0, unit, nullptr, cb, arg);
            case BDK_BDEV_IO_TYPE_FLUSH:
                return bdk_bdev_flush_blocks(desc, ch, 0, unit, nullptr, cb, arg);
            case BDK_BDEV_IO_TYPE_RESET:
                return bdk_bdev_reset(desc, ch, nullptr, cb, arg);
            case BDK_BDEV_IO_TYPE_NVME_ADMIN:
                return bdk_bdev_nvme_admin_passthru(desc, ch, command.data(), scratch.data(), scratch.size(),
                                                    nullptr, cb, arg);
            case BDK_BDEV_IO_TYPE_NVME_IO:
                return bdk_bdev_nvme_io_passthru(desc, ch, command.data(), scratch.data(), scratch.size(),
                                                 nullptr, cb, arg);
            case BDK_BDEV_IO_TYPE_NVME_IO_MD:
                return bdk_bdev_nvme_io_passthru_md(desc, ch, command.data(), scratch.data(), scratch.size(),
                                                    other.data(), 8, nullptr, cb, arg);
            case BDK_BDEV_IO_TYPE_NVME_IOV_MD:
                return bdk_bdev_nvme_iov_passthru_md(desc, ch, command.data(), &iov, 1, data.size(),
                                                     other.data(), 8, nullptr, cb, arg);
            case BDK_BDEV_IO_TYPE_WRITE_ZEROES:
                return bdk_bdev_write_zeroes_blocks(desc, ch, 0, unit, nullptr, cb, arg);
            case BDK_BDEV_IO_TYPE_COMPARE:
                return bdk_bdev_comparev_blocks(desc, ch, &iov, 1, 0, unit, nullptr, cb, arg);
            case BDK_BDEV_IO_TYPE_COMPARE_AND_WRITE:
                return bdk_bdev_comparev_and_writev_blocks(desc, ch, &iov, 1, &other_iov, 1, 0, unit, nullptr,
                                                           cb, arg);
            case BDK_BDEV_IO_TYPE_ABORT:
                return bdk_bdev_abort(desc, ch, this, nullptr, cb, arg);
            case BDK_BDEV_IO_TYPE_SEEK_HOLE:
                return bdk_bdev_seek_hole(desc, ch, 0, nullptr, cb, arg);
            case BDK_BDEV_IO_TYPE_SEEK_DATA:
                return bdk_bdev_seek_data(desc, ch, 0, nullptr, cb, arg);
            case BDK_BDEV_IO_TYPE_COPY:
                return bdk_bdev_copy_blocks(desc, ch, unit, 0, unit, nullptr, cb, arg);
            default:
                return INT32_MAX;
        }
    }
};

bool is_raw_nvme(uint32_t type) {
    return type == BDK_BDEV_IO_TYPE_NVME_ADMIN || type == BDK_BDEV_IO_TYPE_NVME_IO ||
           type == BDK_BDEV_IO_TYPE_NVME_IO_MD || type == BDK_BDEV_IO_TYPE_NVME_IOV_MD;
}

bool is_zone_type(uint32_t type) {
    return type == BDK_BDEV_IO_TYPE_GET_ZONE_INFO || type == BDK_BDEV_IO_TYPE_ZONE_MANAGEMENT ||
           type == BDK_BDEV_IO_TYPE_ZONE_APPEND;
}

void expect_ok(const CheckResult& result, const std::string& what) {
    if (!result.ok())
        throw Broken{fmt::format("{}: {}", what, result.text()), "success, since the type is claimed"};
}

/// Lent memory holds the data of the blocks, and the blocks hold the data that is committed.
void check_zcopy(Try& io) {
    CheckClient& client = io.client;
    const Bytes before = read(client, 0, io.unit);
    expect_same(borrow(client, 0, io.unit), before, "memory lent by zcopy", client.block_size());
    if (!client.is_writable()) return;
    borrow(client, 0, io.unit, &io.other);
    expect_same(read(client, 0, io.unit), io.other, "read after a zcopy was committed", client.block_size());
}

/// Commands that every NVMe device has and that change nothing: Identify and Read.
void check_nvme(Try& io, uint32_t type) {
    constexpr size_t cdw10 = 40;
    CheckClient& client = io.client;
    if (type == BDK_BDEV_IO_TYPE_NVME_ADMIN) {
        io.command = {{std::byte{0x06}}};
        io.command[cdw10] = std::byte{0x01};  // of the controller
        io.scratch.assign(4096, std::byte{0});
        expect_ok(io.run(type), "Identify by nvme_admin");
        if (io.scratch == Bytes(4096))
            throw Broken{"Identify by nvme_admin returned only zeroes", "data of the controller"};
    }
    if (type == BDK_BDEV_IO_TYPE_NVME_IO && bdk_bdev_get_md_size(client.bdev()) == 0) {
        io.command = {{std::byte{0x02}}};  // block 0
        io.scratch.resize(client.block_size());
        const Bytes expected = read(client, 0, 1);
        expect_ok(io.run(type), "Read by nvme_io");
        expect_same(io.scratch, expected, "Read by nvme_io", client.block_size());
    }
}

/// The data in two pieces. The second piece differs from the blocks in its last byte.
void check_compare_of_pieces(Try& io) {
    CheckClient& client = io.client;
    Bytes data = io.data;
    write(client, 0, data);
    const size_t half = data.size() / 2;
    iovec pieces[] = {{data.data(), half}, {data.data() + half, data.size() - half}};
    const auto compare = [&](auto* desc, auto* ch, auto cb, void* arg) {
        return bdk_bdev_comparev_blocks(desc, ch, pieces, 2, 0, io.unit, nullptr, cb, arg);
    };
    expect_ok(client.run("compare", compare), "compare of equal data in two pieces");
    data.back() ^= std::byte{1};
    if (client.run("compare", compare).ok())
        throw Broken{"compare of data that differ in their last byte succeeded",
                     "BDK_BDEV_IO_STATUS_MISCOMPARE"};
}

/// Blocks that were written hold data.
void check_seek(Try& io) {
    CheckClient& client = io.client;
    const uint64_t units = client.num_blocks() / io.unit;
    for (const uint64_t unit : {uint64_t{0}, units / 2, units - 1}) {
        const uint64_t block = unit * io.unit;
        write(client, block, io.data);
        const auto seek = [&](uint32_t type) {
            const bool data = type == BDK_BDEV_IO_TYPE_SEEK_DATA;
            const CheckResult result = client.run(bdk_bdev_io_type_name(type), [&](auto* desc, auto* ch,
                                                                                   auto cb, void* arg) {
                return (data ? bdk_bdev_seek_data : bdk_bdev_seek_hole)(desc, ch, block, nullptr, cb, arg);
            });
            expect_ok(result, bdk_bdev_io_type_name(type));
            return result.seek_offset;
        };
        if (client.supports(BDK_BDEV_IO_TYPE_SEEK_DATA) && seek(BDK_BDEV_IO_TYPE_SEEK_DATA) != block)
            throw Broken{
                fmt::format("seek_data from block {}, which was written, returned another block", block),
                "that block"};
        if (client.supports(BDK_BDEV_IO_TYPE_SEEK_HOLE) && seek(BDK_BDEV_IO_TYPE_SEEK_HOLE) < block + io.unit)
            throw Broken{fmt::format("seek_hole from block {}, which was written, returned block {}", block,
                                     seek(BDK_BDEV_IO_TYPE_SEEK_HOLE)),
                         "a later one, or UINT64_MAX"};
    }
}

/// Compare succeeds with equal data and fails with different data.
void check_compare(Try& io, uint32_t type) {
    if (type == BDK_BDEV_IO_TYPE_COMPARE) check_compare_of_pieces(io);
    write(io.client, 0, io.data);
    expect_ok(io.run(type), fmt::format("{} of equal data", bdk_bdev_io_type_name(type)));
    if (type == BDK_BDEV_IO_TYPE_COMPARE_AND_WRITE)
        expect_same(read(io.client, 0, io.unit), io.other, "read after compare_and_write",
                    io.client.block_size());
    else
        write(io.client, 0, io.other);
    const CheckResult result = io.run(type);
    if (result.ok() || result.rc != 0)
        throw Broken{fmt::format("{} of different data: {}", bdk_bdev_io_type_name(type), result.text()),
                     "a failure, BDK_BDEV_IO_STATUS_MISCOMPARE"};
}

/// Whatever the blocks hold, they cannot be equal to two different things.
void check_compare_without_data(Try& io, uint32_t type) {
    const bool first = io.run(type).ok();
    std::swap(io.data, io.other);
    std::swap(io.iov, io.other_iov);
    const bool second = io.run(type).ok();
    // A compare-and-write that succeeds has made the blocks what the second one compares with.
    if (type == BDK_BDEV_IO_TYPE_COMPARE && first && second)
        throw Broken{"two compares of one block with different data succeeded",
                     "BDK_BDEV_IO_STATUS_MISCOMPARE for one of them"};
}

void check_one_claimed(Try& io, uint32_t type, bool data_are_kept) {
    CheckClient& client = io.client;
    const std::string name = bdk_bdev_io_type_name(type);
    const bool compares = type == BDK_BDEV_IO_TYPE_COMPARE || type == BDK_BDEV_IO_TYPE_COMPARE_AND_WRITE;
    if (compares && data_are_kept && client.is_writable()) return check_compare(io, type);
    if (compares) return check_compare_without_data(io, type);
    const bool seeks = type == BDK_BDEV_IO_TYPE_SEEK_DATA || type == BDK_BDEV_IO_TYPE_SEEK_HOLE;
    if (seeks && data_are_kept && client.is_writable()) return check_seek(io);
    if (type == BDK_BDEV_IO_TYPE_ABORT) {
        // There is nothing to abort; the abort only has to end.
        static_cast<void>(io.run(type));
        return;
    }
    if (data_are_kept && client.is_writable()) {
        write(client, 0, io.data);
        write(client, io.unit, io.other);
    }
    expect_ok(io.run(type), name);
    if (!data_are_kept) return;
    if (type == BDK_BDEV_IO_TYPE_WRITE_ZEROES)
        expect_same(read(client, 0, io.unit), Bytes(io.data.size()), "read after write_zeroes",
                    client.block_size());
    if (type == BDK_BDEV_IO_TYPE_COPY && client.is_writable())
        expect_same(read(client, io.unit, io.unit), io.data, "read after copy", client.block_size());
}

void check_claimed(CheckClient& client) {
    need_plain_blocks(client);
    const bool kept = keeps_data(client);
    Try io{client};
    if (client.num_blocks() < 2 * io.unit) throw NotApplicable{"the bdev is too small"};
    for (uint32_t type = 1; type < bdk::io_type_count; type++) {
        if (!client.supports(type) || is_zone_type(type)) continue;
        if (is_raw_nvme(type))
            check_nvme(io, type);
        else if (type != BDK_BDEV_IO_TYPE_ZCOPY)
            check_one_claimed(io, type, kept);
        else if (kept &&
                 bdk_bdev_get_md_size(client.bdev()) == 0)  // a desc that hides metadata lends nothing
            check_zcopy(io);
    }
}

void check_unclaimed(CheckClient& client) {
    Try io{client};
    Door::seen = 0;
    for (uint32_t type = 1; type < bdk::io_type_count; type++) {
        if (client.supports(type) || is_zone_type(type) || type == BDK_BDEV_IO_TYPE_ZCOPY) continue;
        const CheckResult result = io.run(type);
        if (result.rc == 0)
            throw Broken{fmt::format("{} was accepted: {}", bdk_bdev_io_type_name(type), result.text()),
                         "-ENOTSUP"};
    }
    const bdk::Bdev* core = bdk::Bdev::of(client.bdev());
    for (uint32_t type = 1; type < bdk::io_type_count; type++)
        if ((Door::seen & BDK_BDEV_IO_TYPE_BIT(type)) != 0 && !core->supports_natively(type))
            throw Broken{fmt::format("{} reached submit_request", bdk_bdev_io_type_name(type)),
                         "a refusal before submit_request"};
}

void check_steady(CheckClient& client) {
    const bdk::Bdev* core = bdk::Bdev::of(client.bdev());
    if (core->fn.io_type_supported == nullptr) throw NotApplicable{"the module has no io_type_supported"};
    if ((core->flags & BDK_BDEV_DYNAMIC_IO_TYPES) != 0)
        throw NotApplicable{"BDK_BDEV_DYNAMIC_IO_TYPES is set"};
    Try io{client};
    for (int round = 0; round < 3; round++) {
        client.stage().call([&] {
            for (uint32_t type = 1; type < bdk::io_type_count; type++) {
                const bool answered = core->fn.io_type_supported(core->config.ctxt, type);
                const uint64_t bit = BDK_BDEV_IO_TYPE_BIT(type);
                const bool possible =
                    core->config.io_type_supported == 0 || (core->config.io_type_supported & bit);
                if (possible && answered != ((core->module_types & bit) != 0))
                    throw Broken{fmt::format("{} is supported: {} at registration, {} now",
                                             bdk_bdev_io_type_name(type), !answered, answered),
                                 "one answer, or BDK_BDEV_DYNAMIC_IO_TYPES"};
            }
        });
        if (client.supports(BDK_BDEV_IO_TYPE_READ)) static_cast<void>(io.run(BDK_BDEV_IO_TYPE_READ));
        if (client.is_writable()) static_cast<void>(io.run(BDK_BDEV_IO_TYPE_WRITE));
    }
}

}  // namespace

void run_types_case(CaseContext& context) {
    with_stage(context, {}, [&](Stage& stage) {
        const std::pair<const char*, void (*)(CheckClient&)> steps[] = {{"types.claimed", check_claimed},
                                                                        {"types.unclaimed", check_unclaimed},
                                                                        {"types.steady", check_steady}};
        for (const auto& [rule, fn] : steps)
            context.recorder.step(rule, [&, fn = fn] {
                const CheckedBdev bdev(stage);
                stage.call([&] { Door::stand_before(bdk_bdev_get_by_name(bdev.name().c_str())); });
                CheckClient client(stage, bdev.name());
                fn(client);
            });
    });
}

}  // namespace bdevkit::host
