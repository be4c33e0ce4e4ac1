// SPDX-License-Identifier: BSD-3-Clause
// Shared by the tests of the module nvme over TCP: a host, and a load that notices lost data.
#pragma once

#include <gtest/gtest.h>

#include <atomic>
#include <deque>
#include <functional>
#include <thread>

#include <nlohmann/json.hpp>

#include "support/client.hpp"
#include "support/log_capture.hpp"
#include "support/test_host.hpp"
#include "test_target.hpp"

namespace bdk::test {

using nvme::tcp::test::TestTarget;
using Manners = TestTarget::Manners;

/// Writes blocks of its own, reads them back and compares, again and again on the client's thread, several at
/// a time.
class VerifyingLoad {
public:
    static constexpr uint64_t lanes = 8, blocks_per_lane = 128;

    VerifyingLoad(Client& client, uint64_t first_block) : client_(client) {
        for (uint64_t i = 0; i < lanes; i++)
            lanes_.push_back({first_block + i * blocks_per_lane, i, {}, {}});
        in_flight_ = lanes;
        call_on(client.thread(), [&] {
            for (Lane& lane : lanes_)
                write(lane);
        });
    }

    /// Ends the load. @return how many reads have found the written data; 0 when one has not
    uint64_t end() {
        ends_ = true;
        ended_.get();
        return is_wrong_ ? 0 : rounds_;
    }

private:
    struct Lane {
        uint64_t block, seed;
        std::vector<std::byte> written, found;
    };

    void write(Lane& lane) {
        lane.seed += lanes;
        // Short writes are carried by their command.
        lane.written = pattern(512 * (1 + lane.seed % blocks_per_lane), lane.seed);
        submit(lane, bdk_bdev_write_blocks, lane.written, [this, &lane] { read(lane); });
    }

    void read(Lane& lane) {
        lane.found.assign(lane.written.size(), {});
        submit(lane, bdk_bdev_read_blocks, lane.found, [this, &lane] {
            is_wrong_ |= lane.found != lane.written;
            rounds_++;
            if (!ends_ && !is_wrong_) return write(lane);
            finish();
        });
    }

    template <class Function>
    void submit(Lane& lane, Function function, std::vector<std::byte>& data, std::function<void()> then) {
        client_.submit_here(
            [&](auto* desc, auto* ch, auto cb, void* arg) {
                return function(desc, ch, data.data(), lane.block, data.size() / 512, nullptr, cb, arg);
            },
            [this, then = std::move(then)](const IoResult& result) {
                if (result.ok()) return then();
                is_wrong_ = true;
                finish();
            });
    }

    void finish() {
        if (--in_flight_ == 0) ended_.setter()(true);
    }

    Client& client_;
    std::deque<Lane> lanes_;
    uint64_t in_flight_ = 0, rounds_ = 0;
    bool is_wrong_ = false;
    std::atomic<bool> ends_ = false;
    Awaited<bool> ended_;
};

class NvmeTcp : public testing::Test {
protected:
    explicit NvmeTcp(const RuntimeOptions& options = test_runtime_options()) : host(options) {
        host.load("nvme");
    }

    int create(const TestTarget& target, GivenOptions more = {}) {
        const auto or_else = [&more](const char* name, const auto& value) {
            const auto is_it = [name](const GivenOption& option) { return option.name == name; };
            if (std::none_of(more.begin(), more.end(), is_it)) more.emplace_back(name, value);
        };
        or_else("keep_alive", 10 * one_second);
        or_else("timeout", 30 * one_second);
        or_else("connect_timeout", 10 * one_second);
        or_else("reconnect_delay", one_second / 10);
        or_else("loss_timeout", 60 * one_second);
        or_else("subsystem", TestTarget::nqn);
        more.emplace_back("address", "127.0.0.1");
        more.emplace_back("service", std::to_string(target.port()));
        return host.create("nvme", "Nvme0", more);
    }

    /// Waits until the connections of the first path have been lost `count` times.
    void wait_for_reconnects(unsigned count) {
        while (path(0).at("reconnects") < count)
            std::this_thread::yield();
    }

    /// The bdev's description of a path.
    nlohmann::json path(size_t index) {
        return host.info("Nvme0n1").at("driver_specific").at("paths").at(index);
    }
    void wait_for_access(size_t index, const std::string& access) {
        while (path(index).at("access") != access)
            std::this_thread::yield();
    }

    static constexpr uint64_t one_second = 1'000'000'000;  // durations are in nanoseconds
    TestHost host;
};

}  // namespace bdk::test
