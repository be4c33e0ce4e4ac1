// SPDX-License-Identifier: BSD-3-Clause
// Writes that a layer keeps: held, or delayed for longer than a test takes.
#pragma once

#include <gtest/gtest.h>

#include <cstddef>
#include <string>
#include <vector>

#include "support/client.hpp"

namespace bdk::test {

/// [not a bdk thread] Eight writes of block 0 of one client, all of them with the layer.
class KeptWrites {
    std::vector<std::byte> data_ = pattern(512);  // lives longer than the client, whose I/Os use it
    void* first_ = nullptr;

public:
    explicit KeptWrites(const std::string& bdev) : client(bdev, Access::write) {
        for (int i = 0; i < 8; i++)
            writes.push_back(client.start(
                [this](auto* desc, auto* ch, auto cb, void* arg) {
                    return bdk_bdev_write_blocks(desc, ch, data_.data(), 0, 1, nullptr, cb, arg);
                },
                i == 0 ? &first_ : nullptr));
        settle(client.thread());
    }
    KeptWrites(const KeptWrites&) = delete;
    KeptWrites& operator=(const KeptWrites&) = delete;

    /// Waits for them, and expects that each has ended so.
    void expect_all(int32_t status) {
        for (auto& write : writes)
            EXPECT_EQ(write.get().status, status);
    }

    /// Aborts the first, then the rest; expects that each abort ends what it names and nothing else.
    void expect_end_by_abort() {
        EXPECT_TRUE(client.abort(first_).ok());
        EXPECT_EQ(writes[0].get().status, BDK_BDEV_IO_STATUS_ABORTED);
        EXPECT_FALSE(writes[1].is_ready());
        EXPECT_TRUE(client.abort(nullptr).ok());
        writes.erase(writes.begin());
        expect_all(BDK_BDEV_IO_STATUS_ABORTED);
    }

    Client client;
    std::vector<Awaited<IoResult>> writes;
};

}  // namespace bdk::test
