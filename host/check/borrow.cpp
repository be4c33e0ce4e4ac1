// SPDX-License-Identifier: BSD-3-Clause
#include "check/borrow.hpp"

#include <bdevkit/bdev_io.h>
#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <future>
#include <memory>
#include <optional>
#include <span>

namespace bdevkit::host {

namespace {

/// [client's thread] One loan, from its start to its end.
struct Loan {
    std::optional<Bytes> put;
    Bytes held;
    std::promise<CheckResult> ended;

    void move_data(bdk_bdev_io* io) {
        iovec* iovs = nullptr;
        int32_t iovcnt = 0;
        bdk_bdev_io_get_iovec(io, &iovs, &iovcnt);
        for (const iovec& piece : std::span(iovs, size_t(iovcnt))) {
            const auto* bytes = static_cast<const std::byte*>(piece.iov_base);
            const size_t at = held.size();
            held.insert(held.end(), bytes, bytes + piece.iov_len);
            if (put && at < put->size())
                std::memcpy(piece.iov_base, put->data() + at, std::min(piece.iov_len, put->size() - at));
        }
    }

    static void started(bdk_bdev_io* io, bool success, void* arg) {
        auto& loan = **static_cast<std::shared_ptr<Loan>*>(arg);
        if (!success) return ended_with(io, arg);
        loan.move_data(io);
        const auto ended = [](bdk_bdev_io* end, bool, void* ctx) { ended_with(end, ctx); };
        if (const int rc = bdk_bdev_zcopy_end(io, loan.put.has_value(), nullptr, ended, arg); rc != 0)
            ended_with(io, arg, rc);
    }

    static void ended_with(bdk_bdev_io* io, void* arg, int rc = 0) {
        const std::unique_ptr<std::shared_ptr<Loan>> loan(static_cast<std::shared_ptr<Loan>*>(arg));
        const CheckResult result{.rc = rc, .status = bdk_bdev_io_get_status(io)};
        bdk_bdev_free_io(io);
        (*loan)->ended.set_value(result);
    }
};

}  // namespace

Bytes borrow(CheckClient& client, uint64_t block, uint64_t count, const Bytes* put) {
    const auto loan = std::make_shared<Loan>();
    if (put != nullptr) loan->put = *put;
    std::future<CheckResult> ended = loan->ended.get_future();
    const std::string what = fmt::format("zcopy of {} blocks at {}", count, block);
    client.stage().call_on(client.thread(), [&] {
        auto arg = std::make_unique<std::shared_ptr<Loan>>(loan);
        const int rc = bdk_bdev_zcopy_start(client.desc(), client.channel(), block, count, true, nullptr,
                                            Loan::started, arg.get());
        if (rc == 0)
            static_cast<void>(arg.release());  // owned by the completion from here on
        else
            loan->ended.set_value({.rc = rc});
    });
    if (ended.wait_for(client.stage().patience()) != std::future_status::ready)
        Recorder::instance().stuck("io.completes", what + " has not completed");
    if (const CheckResult result = ended.get(); !result.ok())
        throw Broken{fmt::format("{}: {}", what, result.text()), "success, since the type is claimed"};
    if (loan->held.size() != count * client.block_size())
        throw Broken{fmt::format("{} lends {} bytes", what, loan->held.size()),
                     fmt::format("{}", count * client.block_size())};
    return std::move(loan->held);
}

}  // namespace bdevkit::host
