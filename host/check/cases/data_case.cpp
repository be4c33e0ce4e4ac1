// SPDX-License-Identifier: BSD-3-Clause
// Reads return the data that was written.
#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <random>

#include "check/case_stage.hpp"
#include "check/pattern.hpp"
#include "check/transfer.hpp"

namespace bdevkit::host {

namespace {

/// A bdev whose blocks hold known data. The data was written, or read once if the bdev is read-only.
class KnownData {
public:
    explicit KnownData(CheckClient& client) : client_(client) {}

    uint64_t unit() const { return client_.unit(); }

    /// Makes `count` blocks known and returns what they hold.
    Bytes make(uint64_t block, uint64_t count, uint64_t seed) {
        if (!client_.is_writable()) return read(client_, block, count);
        Bytes data = make_pattern(count * client_.block_size(), seed);
        write(client_, block, data);
        return data;
    }

    void expect(uint64_t block, const Bytes& data, const BufferShape& shape = {}) {
        const uint64_t count = data.size() / client_.block_size();
        expect_same(read(client_, block, count, shape), data,
                    fmt::format("read of {} blocks at {}{}", count, block, shape.text()),
                    client_.block_size());
    }

private:
    CheckClient& client_;
};

/// Runs a step with an open bdev that stores data.
void data_step(CaseContext& context, Stage& stage, const char* rule,
               const std::function<void(CheckClient&, KnownData&)>& fn) {
    context.recorder.step(rule, [&] {
        // Before the module sees the bases, because it may write its own data there.
        for (CheckingBdev* base : stage.bases())
            if (context.options.base_image.empty()) stage.call([&] { base->fill(11); });
        const CheckedBdev bdev(stage);
        CheckClient client(stage, bdev.name());
        need_plain_blocks(client);
        if (!keeps_data(client)) throw NotApplicable{"reads leave the buffer unchanged, as on a null disk"};
        KnownData known(client);
        fn(client, known);
    });
}

/// Places all over the bdev, the last unit included.
std::vector<uint64_t> places(const CheckClient& client, uint64_t unit) {
    const uint64_t units = client.num_blocks() / unit;
    std::vector<uint64_t> result;
    for (uint64_t i = 0; i < 16; i++)
        result.push_back(units * i / 16 * unit);
    for (uint64_t step = 1; step < units; step *= 2)
        result.push_back(step * unit);
    result.push_back((units - 1) * unit);
    std::sort(result.begin(), result.end());
    result.erase(std::unique(result.begin(), result.end()), result.end());
    return result;
}

void check_roundtrip(CheckClient& client, KnownData& known) {
    const uint64_t unit = known.unit();
    std::vector<std::pair<uint64_t, Bytes>> all;
    for (const uint64_t block : places(client, unit))
        all.emplace_back(block, known.make(block, unit, block + 1));
    // Only after all writes, so that two places that share storage are detected.
    for (const auto& [block, data] : all)
        known.expect(block, data);
}

/// More I/Os than a module takes at a time, submitted in one turn of the thread.
void check_burst(CheckClient& client, KnownData& known) {
    const uint64_t unit = known.unit();
    const uint64_t count = std::min<uint64_t>(300, client.num_blocks() / unit);
    const size_t bytes = unit * client.block_size();
    const Bytes data = known.make(0, count * unit, 77);
    Bytes seen(count * bytes);
    std::vector<int> errors;
    client.stage().call_on(client.thread(), [&] {
        for (uint64_t i = 0; i < count; i++)
            client.submit_here(read_of(seen.data() + i * bytes, i * unit, unit),
                               [&](const CheckResult& result) {
                                   if (!result.ok()) errors.push_back(result.status);
                               });
    });
    client.wait_idle();
    if (!errors.empty())
        throw Broken{fmt::format("{} of {} reads at once failed: {}", errors.size(), count,
                                 bdk_bdev_io_status_name(errors.front())),
                     "success"};
    expect_same(seen, data, fmt::format("{} reads at once", count), client.block_size());
}

void check_sizes(CheckClient& client, KnownData& known) {
    std::mt19937_64 random(1);
    const uint64_t unit = known.unit();
    const uint64_t units = client.num_blocks() / unit;
    const uint64_t most = std::max<uint64_t>(1, (2u << 20) / (unit * client.block_size()));
    for (uint64_t length : {1, 2, 3, 7, 8, 9, 64, 127, 256, 4096}) {
        length = std::min({length, most, units});
        for (int i = 0; i < 4; i++) {
            const uint64_t block = random() % (units - length + 1) * unit;
            known.expect(block, known.make(block, length * unit, random()));
        }
    }
}

/// Reads known data and writes new data, with buffers of that shape.
void check_shape(CheckClient& client, KnownData& known, uint64_t count, const BufferShape& shape,
                 uint64_t seed) {
    Bytes data = known.make(0, count, seed);
    known.expect(0, data, shape);
    if (!client.is_writable()) return;
    data = make_pattern(data.size(), seed + 1);
    write(client, 0, data, shape);
    known.expect(0, data);
}

void check_iovecs(CheckClient& client, KnownData& known) {
    const uint64_t unit = known.unit();
    const uint64_t count = std::min<uint64_t>(16, client.num_blocks() / unit) * unit;
    const size_t block = client.block_size();
    const std::vector<std::vector<size_t>> shapes = {{block},
                                                     {block, block, block},
                                                     {1},
                                                     {block - 1, 2, block * 2 + 5},
                                                     {512, 256, 128, 64, 32, 16, 8, 4},
                                                     std::vector<size_t>(40, 48)};
    uint64_t seed = 100;
    for (const std::vector<size_t>& cuts : shapes) {
        const BufferShape shape{.offset = 0, .cuts = cuts};
        check_shape(client, known, count, shape, seed);
        seed += 2;
    }
}

void check_alignment(CheckClient& client, KnownData& known) {
    const uint64_t unit = known.unit();
    const uint64_t count = std::min<uint64_t>(8, client.num_blocks() / unit) * unit;
    uint64_t seed = 200;
    for (const size_t offset : {1, 2, 4, 8, 64, 511, 512, 1024, 4095}) {
        const BufferShape shape{.offset = offset, .cuts = {}};
        check_shape(client, known, count, shape, seed);
        seed += 2;
    }
}

void check_host_buffer(CheckClient& client, KnownData& known) {
    const uint64_t unit = known.unit();
    const uint64_t count = std::min<uint64_t>(8, client.num_blocks() / unit) * unit;
    const Bytes data = known.make(0, count, 300);
    Bytes seen;
    struct Reading {
        Bytes& seen;
        bdk_bdev_io_completion_cb cb;
        void* arg;
    };
    auto reading = std::make_unique<Reading>(Reading{seen, nullptr, nullptr});
    const auto copy = [](bdk_bdev_io* io, bool success, void* arg) {
        const auto& self = *static_cast<Reading*>(arg);
        iovec* iovs = nullptr;
        int32_t iovcnt = 0;
        bdk_bdev_io_get_iovec(io, &iovs, &iovcnt);
        for (int32_t i = 0; success && i < iovcnt; i++) {
            const auto* bytes = static_cast<const std::byte*>(iovs[i].iov_base);
            self.seen.insert(self.seen.end(), bytes, bytes + iovs[i].iov_len);
        }
        self.cb(io, success, self.arg);
    };
    const CheckResult result =
        client.run("read without buffer", [&](auto* desc, auto* ch, auto cb, void* arg) {
            reading->cb = cb;
            reading->arg = arg;
            return bdk_bdev_read_blocks(desc, ch, nullptr, 0, count, nullptr, copy, reading.get());
        });
    if (!result.ok()) throw Broken{fmt::format("read without buffer: {}", result.text()), "success"};
    expect_same(seen, data, "read without buffer", client.block_size());
}

void check_neighbours(CheckClient& client, KnownData& known) {
    if (!client.is_writable()) throw NotApplicable{"the bdev cannot be written"};
    const uint64_t unit = known.unit();
    const uint64_t units = std::min<uint64_t>(24, client.num_blocks() / unit);
    const uint64_t starts[] = {0, (client.num_blocks() / unit - units) * unit};
    for (const uint64_t start : starts) {
        Bytes model = known.make(start, units * unit, 400 + start);
        for (uint64_t at = 0; at + 2 < units; at += 5) {
            const Bytes data = make_pattern(2 * unit * client.block_size(), 500 + at);
            write(client, start + at * unit, data);
            std::copy(data.begin(), data.end(),
                      model.begin() + std::ptrdiff_t(at * unit * client.block_size()));
            expect_same(read(client, start, units * unit), model,
                        fmt::format("read of {} blocks at {} after a write of {} at {}", units * unit, start,
                                    2 * unit, start + at * unit),
                        client.block_size());
        }
    }
}

}  // namespace

void run_data_case(CaseContext& context) {
    with_stage(context, {}, [&](Stage& stage) {
        data_step(context, stage, "data.roundtrip", [](CheckClient& client, KnownData& known) {
            check_roundtrip(client, known);
            check_burst(client, known);
        });
        data_step(context, stage, "data.sizes", check_sizes);
        data_step(context, stage, "data.iovecs", check_iovecs);
        data_step(context, stage, "data.alignment", check_alignment);
        data_step(context, stage, "data.host_buffer", check_host_buffer);
        // The rule watches all transfers. These run if it is the only selected rule.
        data_step(context, stage, "data.buffers", [](CheckClient& client, KnownData& known) {
            check_alignment(client, known);
            check_iovecs(client, known);
        });
        data_step(context, stage, "data.neighbours", [&](CheckClient& client, KnownData& known) {
            check_neighbours(client, known);
            expect_apart(stage);
        });
    });
}

}  // namespace bdevkit::host
