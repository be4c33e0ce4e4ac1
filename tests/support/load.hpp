// SPDX-License-Identifier: BSD-3-Clause
// Keeps a number of reads in flight.
#pragma once

#include <cstddef>
#include <vector>

#include "support/client.hpp"

namespace bdk::test {

/// [not a bdk thread] Reads block 0 on the client's thread, each completion submitting the next, until
/// `count` more have been submitted or one fails. Wait before its end.
class Load {
public:
    Load(Client& client, uint32_t depth, uint64_t count)
        : client_(client), left_(count), in_flight_(depth), buffer_(client.block_size()) {
        call_on(client.thread(), [&] {
            for (uint32_t i = 0; i < depth; i++)
                submit();
        });
    }
    Load(const Load&) = delete;
    Load& operator=(const Load&) = delete;

    /// Returns when none is in flight: the first result that was no success, or the last one.
    IoResult wait() { return ended_.get(); }

private:
    void submit() {
        client_.submit_here(
            [this](auto* desc, auto* ch, auto cb, void* arg) {
                return bdk_bdev_read_blocks(desc, ch, buffer_.data(), 0, 1, nullptr, cb, arg);
            },
            [this](const IoResult& result) { completed(result); });
    }

    void completed(const IoResult& result) {
        if (result_.ok()) result_ = result;
        if (left_ > 0 && result_.ok()) {
            left_--;
            return submit();
        }
        if (--in_flight_ == 0) ended_.setter()(result_);
    }

    Client& client_;
    uint64_t left_;
    uint32_t in_flight_;
    std::vector<std::byte> buffer_;
    IoResult result_{.rc = 0, .status = BDK_BDEV_IO_STATUS_SUCCESS, .aio_errno = 0, .data = {}};
    Awaited<IoResult> ended_;
};

}  // namespace bdk::test
