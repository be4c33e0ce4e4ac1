// SPDX-License-Identifier: BSD-3-Clause
// Random I/O on random stacks over a disk with random limits, against a model in memory: whatever the core
// splits, bounces and emulates, data and metadata are what was written, and the disk sees nothing beyond its
// limits. BDEVKIT_SOAK_ROUNDS sets how many stacks, BDEVKIT_SOAK_SEED the first.
#include <gtest/gtest.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <utility>

#include "soak/soak_random.hpp"
#include "support/client.hpp"
#include "support/strict_disk.hpp"
#include "support/test_host.hpp"

namespace bdk::test {
namespace {

using Random = std::mt19937_64;

uint64_t between(Random& random, uint64_t low, uint64_t high) {
    return low + random() % (high - low + 1);
}
bool one_in(Random& random, uint64_t n) {
    return random() % n == 0;
}

constexpr uint64_t bit(uint32_t type) {
    return BDK_BDEV_IO_TYPE_BIT(type);
}

/// Memory of an I/O in pieces of any length and alignment.
struct Scattered {
    Scattered(Random& random, uint64_t bytes) {
        bool whole = one_in(random, 3);
        memory.resize(bytes * 2 + 64 * 4096 + 4096);
        uint64_t at = one_in(random, 2) ? aligned(0) : between(random, 0, 600);
        while (bytes != 0 && iovs.size() < 60) {
            uint64_t length =
                whole || iovs.size() == 59 ? bytes : between(random, 0, std::min<uint64_t>(bytes, 3000));
            iovs.push_back({memory.data() + at, length});
            bytes -= length;
            at += length;
            if (one_in(random, 2)) at = one_in(random, 2) ? aligned(at) : at + between(random, 0, 64);
        }
    }
    uint64_t aligned(uint64_t at) const {
        auto address = reinterpret_cast<uintptr_t>(memory.data()) + at;
        return at + (4096 - address % 4096) % 4096;
    }
    void fill(const std::byte* from) {
        for (const iovec& iov : iovs) {
            std::copy_n(from, iov.iov_len, static_cast<std::byte*>(iov.iov_base));
            from += iov.iov_len;
        }
    }
    std::vector<std::byte> data() const {
        std::vector<std::byte> all;
        for (const iovec& iov : iovs)
            all.insert(all.end(), static_cast<std::byte*>(iov.iov_base),
                       static_cast<std::byte*>(iov.iov_base) + iov.iov_len);
        return all;
    }

    std::vector<std::byte> memory;
    std::vector<iovec> iovs;
};

/// Does one I/O after the other on a range of its own.
class Actor {
public:
    Actor(Client& client, uint64_t start, uint64_t blocks, uint32_t md_len, uint64_t unit, uint64_t seed)
        : client_(client),
          start_(start),
          blocks_(blocks),
          md_len_(md_len),
          unit_(unit),
          random_(seed),
          data_(blocks * 512),
          md_(blocks * md_len) {}

    /// [app thread] Runs `count` I/Os; then done().
    void run(int count, std::function<void()> done) {
        left_ = count;
        done_ = std::move(done);
        next();
    }

    std::string failure;

private:
    void next() {
        if (left_-- == 0 || !failure.empty()) return done_();
        count_ =
            between(random_, 1, std::min<uint64_t>(blocks_, one_in(random_, 4) ? 200 : 12) / unit_) * unit_;
        first_ = between(random_, 0, (blocks_ - count_) / unit_) * unit_;
        switch (between(random_, 0, 8)) {
            case 0:
            case 1:
                return read();
            case 2:
            case 3:
                return write();
            case 4:
                return erase(one_in(random_, 2));
            case 5:
                return compare();
            case 6:
                return compare_and_write();
            case 7:
                return copy();
            default:
                return read_without_buffer();
        }
    }

    std::byte* model(uint64_t block) { return data_.data() + block * 512; }
    std::byte* md_model(uint64_t block) { return md_.data() + block * md_len_; }

    void expect_ok(const IoResult& result, const char* what) {
        expect(result.ok(), (std::string(what) + ", rc " + std::to_string(result.rc) + ", status " +
                             std::to_string(result.status) + ", errno " + std::to_string(result.aio_errno))
                                .c_str());
    }
    void expect(bool good, const char* what) {
        if (!good && failure.empty())
            failure = std::string(what) + " of " + std::to_string(count_) + " blocks at " +
                      std::to_string(start_ + first_);
    }

    /// Submits, and continues with the next I/O after then(result). The objects that `io` refers to live
    /// until then.
    void submit(const Client::Submit& io, const std::function<void(IoResult)>& then) {
        client_.submit_here(io, [this, io, then](IoResult result) {
            if (result.rc == -ENOMEM) return wait_for_bdev_io([=, this] { submit(io, then); });
            then(std::move(result));
            next();
        });
    }

    void wait_for_bdev_io(std::function<void()> again) {
        again_ = std::move(again);
        wait_.bdev = client_.bdev();
        wait_.cb_arg = this;
        wait_.cb = [](void* arg) { std::exchange(static_cast<Actor*>(arg)->again_, nullptr)(); };
        expect(bdk_bdev_queue_io_wait(client_.bdev(), client_.channel(), &wait_) == 0, "queue for a bdev_io");
    }

    std::shared_ptr<Scattered> scattered() { return std::make_shared<Scattered>(random_, count_ * 512); }
    std::shared_ptr<std::vector<std::byte>> metadata() {
        return std::make_shared<std::vector<std::byte>>(count_ * md_len_);
    }
    bdk_bdev_io_opts opts(const std::vector<std::byte>& md) {
        bdk_bdev_io_opts result{};
        result.size = sizeof(result);
        if (md_len_ != 0) result.md_buf = const_cast<std::byte*>(md.data());
        return result;
    }

    void read() {
        auto buffer = scattered();
        auto md = metadata();
        auto io = [=, this](auto* desc, auto* ch, auto cb, void* arg) {
            bdk_bdev_io_opts options = opts(*md);
            return bdk_bdev_readv_blocks(desc, ch, buffer->iovs.data(), int32_t(buffer->iovs.size()),
                                         start_ + first_, count_, &options, cb, arg);
        };
        submit(io, [=, this](const IoResult& result) {
            expect_ok(result, "read");
            expect(std::equal(model(first_), model(first_ + count_), buffer->data().begin()),
                   "data of a read");
            expect(std::equal(md->begin(), md->end(), md_model(first_)), "metadata of a read");
        });
    }

    void read_without_buffer() {
        auto io = [this](auto* desc, auto* ch, auto cb, void* arg) {
            return bdk_bdev_read_blocks(desc, ch, nullptr, start_ + first_, count_, nullptr, cb, arg);
        };
        submit(io, [this](const IoResult& result) {
            expect_ok(result, "read without buffer");
            expect(result.data.size() == count_ * 512, "length of a read without buffer");
            expect(std::equal(result.data.begin(), result.data.end(), model(first_)),
                   "data of a read without buffer");
        });
    }

    void write() {
        auto buffer = scattered();
        auto md = std::make_shared<std::vector<std::byte>>(pattern(count_ * md_len_, random_()));
        Client::Data fresh = pattern(count_ * 512, random_());
        buffer->fill(fresh.data());
        uint32_t flags = one_in(random_, 3) ? BDK_BDEV_IO_FUA : 0;
        std::copy(fresh.begin(), fresh.end(), model(first_));
        std::copy(md->begin(), md->end(), md_model(first_));
        auto io = [=, this](auto* desc, auto* ch, auto cb, void* arg) {
            bdk_bdev_io_opts options = opts(*md);
            options.flags = flags;
            return bdk_bdev_writev_blocks(desc, ch, buffer->iovs.data(), int32_t(buffer->iovs.size()),
                                          start_ + first_, count_, &options, cb, arg);
        };
        submit(io, [=, this](const IoResult& result) {
            expect_ok(result, "write");
            expect(std::equal(fresh.begin(), fresh.end(), buffer->data().begin()), "buffers of a write");
        });
    }

    void erase(bool unmap) {
        unmap = unmap && client_.supports(BDK_BDEV_IO_TYPE_UNMAP);
        std::fill(model(first_), model(first_ + count_), std::byte{0});
        std::fill(md_model(first_), md_model(first_ + count_), std::byte{0});
        bdk_bdev_io_opts options = opts({});
        options.flags = one_in(random_, 3) ? BDK_BDEV_IO_FUA : 0;
        auto io = [=, this](auto* desc, auto* ch, auto cb, void* arg) {
            return unmap ? bdk_bdev_unmap_blocks(desc, ch, start_ + first_, count_, nullptr, cb, arg)
                         : bdk_bdev_write_zeroes_blocks(desc, ch, start_ + first_, count_, &options, cb, arg);
        };
        submit(io,
               [=, this](const IoResult& result) { expect_ok(result, unmap ? "unmap" : "write zeroes"); });
    }

    void compare() {
        auto buffer = scattered();
        auto md = metadata();
        Client::Data wanted(model(first_), model(first_ + count_));
        std::copy_n(md_model(first_), md->size(), md->begin());
        bool same = !one_in(random_, 3);
        if (!same) wanted[random_() % wanted.size()] ^= std::byte{1};
        buffer->fill(wanted.data());
        auto io = [=, this](auto* desc, auto* ch, auto cb, void* arg) {
            bdk_bdev_io_opts options = opts(*md);
            return bdk_bdev_comparev_blocks(desc, ch, buffer->iovs.data(), int32_t(buffer->iovs.size()),
                                            start_ + first_, count_, &options, cb, arg);
        };
        submit(io, [=, this](const IoResult& result) {
            expect(result.rc == 0 &&
                       result.status == (same ? BDK_BDEV_IO_STATUS_SUCCESS : BDK_BDEV_IO_STATUS_MISCOMPARE),
                   "compare");
        });
    }

    void compare_and_write() {
        auto buffer = scattered();
        auto fused = scattered();
        Client::Data wanted(model(first_), model(first_ + count_));
        Client::Data fresh = pattern(count_ * 512, random_());
        bool same = !one_in(random_, 3);
        if (!same) wanted[random_() % wanted.size()] ^= std::byte{1};
        buffer->fill(wanted.data());
        fused->fill(fresh.data());
        if (same) std::copy(fresh.begin(), fresh.end(), model(first_));
        auto io = [=, this](auto* desc, auto* ch, auto cb, void* arg) {
            return bdk_bdev_comparev_and_writev_blocks(
                desc, ch, buffer->iovs.data(), int32_t(buffer->iovs.size()), fused->iovs.data(),
                int32_t(fused->iovs.size()), start_ + first_, count_, nullptr, cb, arg);
        };
        submit(io, [=, this](const IoResult& result) {
            expect(result.rc == 0 &&
                       result.status == (same ? BDK_BDEV_IO_STATUS_SUCCESS : BDK_BDEV_IO_STATUS_MISCOMPARE),
                   "compare and write");
        });
    }

    void copy() {
        uint64_t from = between(random_, 0, (blocks_ - count_) / unit_) * unit_;
        std::memmove(model(first_), model(from), count_ * 512);
        if (md_len_ != 0) std::memmove(md_model(first_), md_model(from), count_ * md_len_);
        auto io = [=, this](auto* desc, auto* ch, auto cb, void* arg) {
            return bdk_bdev_copy_blocks(desc, ch, start_ + first_, start_ + from, count_, nullptr, cb, arg);
        };
        submit(io, [=, this](const IoResult& result) { expect_ok(result, "copy"); });
    }

    Client& client_;
    uint64_t start_, blocks_;
    uint32_t md_len_;
    uint64_t unit_;
    Random random_;
    std::vector<std::byte> data_, md_;
    bdk_bdev_io_wait_entry wait_{};
    std::function<void()> again_;
    int left_ = 0;
    uint64_t first_ = 0, count_ = 0;
    std::function<void()> done_;
};

void set_random_limits(StrictDisk& disk, Random& random) {
    bdk_bdev& bdev = disk.bdev;
    auto maybe = [&](uint64_t low, uint64_t high) {
        return one_in(random, 2) ? 0 : uint32_t(between(random, low, high));
    };
    bdev.max_rw_size = maybe(8, 40);
    bdev.max_num_segments = maybe(1, 5);
    bdev.max_segment_size = maybe(1000, 9000);
    bdev.max_unmap = maybe(1, 20);
    bdev.max_write_zeroes = maybe(1, 20);
    bdev.max_copy = maybe(1, 20);
    bdev.optimal_io_boundary = maybe(3, 50);
    bdev.required_alignment = maybe(1, 12);
    bdev.md_len = one_in(random, 3) ? 8 : 0;
    bdev.acwu = 200;  // the longest that there is
    if (one_in(random, 2)) disk.flags |= BDK_BDEV_SPLIT_ON_OPTIMAL_IO_BOUNDARY;
    if (one_in(random, 3)) disk.flags |= BDK_BDEV_WRITE_CACHE;
    if (one_in(random, 2)) disk.flags |= BDK_BDEV_FUA;
    uint32_t unit_bytes = 512;
    if (one_in(random, 5)) {
        disk.flags |= BDK_BDEV_SPLIT_ON_WRITE_UNIT;
        bdev.write_unit_size = 4;
        unit_bytes = 2048;
    }
    if (bdev.max_segment_size != 0 && bdev.max_segment_size % 512 != 0 && one_in(random, 2))
        bdev.max_segment_size -= bdev.max_segment_size % 512;
    uint32_t alignment = 1u << bdev.required_alignment;
    if (bdev.max_segment_size != 0)
        bdev.max_segment_size = std::max(bdev.max_segment_size, std::max(unit_bytes, alignment) + alignment);
    for (uint32_t type : {BDK_BDEV_IO_TYPE_COMPARE, BDK_BDEV_IO_TYPE_COMPARE_AND_WRITE, BDK_BDEV_IO_TYPE_COPY,
                          BDK_BDEV_IO_TYPE_UNMAP, BDK_BDEV_IO_TYPE_WRITE_ZEROES})
        if (one_in(random, 2)) disk.io_types |= bit(type);
}

/// One stack, some thousand I/Os. `layers` forwarding bdevs, each shifted.
void run_stack(uint64_t seed) {
    Random random(seed);
    constexpr uint64_t actor_blocks = 240, actors = 4;
    StrictDisk disk("disk", actor_blocks * actors + 200);
    set_random_limits(disk, random);
    RuntimeOptions options = test_runtime_options();
    if (one_in(random, 2)) options.bdev.bdev_io_pool_size = 6;
    TestHost host(options);
    host.add(&raw_disk_module);
    uint64_t unit = (disk.flags & BDK_BDEV_SPLIT_ON_WRITE_UNIT) != 0 ? disk.bdev.write_unit_size : 1;
    std::vector<std::unique_ptr<RawLayer>> layers;
    std::string top = "disk";
    uint64_t depth = one_in(random, 8) ? 10 : between(random, 0, 2);
    call_on_app_thread([&] {
        ASSERT_EQ(disk.add_strict(), 0);
        for (uint64_t i = 0; i < depth; i++) {
            std::string name = "layer" + std::to_string(i);
            layers.push_back(std::make_unique<RawLayer>(name, top, int64_t(between(random, 0, 2) * 8)));
            RawLayer& layer = *layers.back();
            layer.bdev.md_len = disk.bdev.md_len;
            layer.bdev.write_unit_size = disk.bdev.write_unit_size;
            if (one_in(random, 2)) {
                layer.bdev.max_rw_size = uint32_t(between(random, 1, 7) * 4);
                layer.bdev.required_alignment = uint32_t(between(random, 0, 9));
            }
            layer.num_blocks = disk.bdev.blockcnt - 16 * (i + 1);
            // Types that the disk lacks may be emulated at any layer.
            for (uint32_t type : {BDK_BDEV_IO_TYPE_COMPARE, BDK_BDEV_IO_TYPE_COPY})
                if (one_in(random, 4)) layer.io_types &= ~bit(type);
            if ((disk.io_types & bit(BDK_BDEV_IO_TYPE_UNMAP)) == 0)
                layer.io_types &= ~bit(BDK_BDEV_IO_TYPE_UNMAP);
            ASSERT_EQ(layer.add(), 0);
            top = name;
        }
        disk.shuffle(seed);
    });
    {
        Client client(top, Access::write);
        std::vector<std::unique_ptr<Actor>> all;
        std::vector<Awaited<int>> done(actors);
        for (uint64_t i = 0; i < actors; i++)
            all.push_back(std::make_unique<Actor>(client, i * actor_blocks, actor_blocks, disk.bdev.md_len,
                                                  unit, random()));
        call_on_app_thread([&] {
            for (uint64_t i = 0; i < actors; i++)
                all[i]->run(100, [set = done[i].setter()] { set(0); });
        });
        for (uint64_t i = 0; i < actors; i++) {
            done[i].get();
            EXPECT_EQ(all[i]->failure, "") << "seed " << seed;
        }
        call_on_app_thread([&] { disk.calm(); });
        EXPECT_EQ(disk.wrong, "") << "seed " << seed;
    }
    EXPECT_EQ(host.remove("disk"), 0);
}

TEST(LimitsModel, DataAreWhatWasWritten) {
    const uint64_t first = soak_setting("BDEVKIT_SOAK_SEED", 1);
    const uint64_t rounds = soak_rounds(75);
    for (uint64_t seed = first; seed < first + rounds; seed++) {
        run_stack(seed);
        if (testing::Test::HasFailure()) return;
    }
}

}  // namespace
}  // namespace bdk::test
