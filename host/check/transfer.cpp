// SPDX-License-Identifier: BSD-3-Clause
#include "check/transfer.hpp"

#include <fmt/format.h>
#include <sys/uio.h>

#include <algorithm>
#include <cstring>
#include <memory>

namespace bdevkit::host {

namespace {

constexpr size_t guard_bytes = 4096;
constexpr auto guard = std::byte{0x3c};

/// A buffer cut into pieces, each between guard bytes that must not change.
class GuardedBuffer {
public:
    GuardedBuffer(size_t length, const BufferShape& shape) : length_(length) {
        std::vector<size_t> pieces;
        size_t rest = length;
        for (size_t cut : shape.cuts) {
            if (cut >= rest) break;
            pieces.push_back(cut);
            rest -= cut;
        }
        pieces.push_back(rest);
        const size_t total = length + (pieces.size() + 1) * guard_bytes + shape.offset + 4096;
        memory_.assign(total, guard);
        const auto start = reinterpret_cast<uintptr_t>(memory_.data());
        size_t at = (start + 4095) / 4096 * 4096 - start + shape.offset + guard_bytes;
        for (size_t piece : pieces) {
            iovs_.push_back({memory_.data() + at, piece});
            at += piece + guard_bytes;
        }
    }

    std::vector<iovec>& iovs() { return iovs_; }

    void put(const Bytes& data) {
        size_t at = 0;
        for (const iovec& piece : iovs_) {
            std::memcpy(piece.iov_base, data.data() + at, piece.iov_len);
            at += piece.iov_len;
        }
    }

    Bytes take() const {
        Bytes data;
        data.reserve(length_);
        for (const iovec& piece : iovs_) {
            const auto* bytes = static_cast<const std::byte*>(piece.iov_base);
            data.insert(data.end(), bytes, bytes + piece.iov_len);
        }
        return data;
    }

    /// True if a byte outside the pieces has changed.
    bool guards_changed() const {
        const std::byte* at = memory_.data();
        for (const iovec& piece : iovs_) {
            const auto* begin = static_cast<const std::byte*>(piece.iov_base);
            if (std::any_of(at, begin, [](std::byte b) { return b != guard; })) return true;
            at = begin + piece.iov_len;
        }
        return std::any_of(at, memory_.data() + memory_.size(), [](std::byte b) { return b != guard; });
    }

private:
    size_t length_;
    Bytes memory_;
    std::vector<iovec> iovs_;
};

std::string what_of(const char* verb, uint64_t count, uint64_t block, const BufferShape& shape) {
    return fmt::format("{} of {} blocks at {}{}", verb, count, block, shape.text());
}

void check_guards(const GuardedBuffer& buffer, const std::string& what) {
    if (buffer.guards_changed())
        Recorder::instance().fail("data.buffers",
                                  fmt::format("{}: bytes beside the buffer have changed", what),
                                  "changes only inside the buffer");
}

}  // namespace

std::string BufferShape::text() const {
    if (offset == 0 && cuts.empty()) return "";
    return fmt::format(" (buffer at an address of 4096n+{}, in {} pieces)", offset, cuts.size() + 1);
}

void write(CheckClient& client, uint64_t block, const Bytes& data, const BufferShape& shape) {
    const uint64_t count = data.size() / client.block_size();
    const std::string what = what_of("write", count, block, shape);
    GuardedBuffer buffer(data.size(), shape);
    buffer.put(data);
    std::vector<iovec> iovs = buffer.iovs();
    const CheckResult result = client.run(what, [&](auto* desc, auto* ch, auto cb, void* arg) {
        return bdk_bdev_writev_blocks(desc, ch, iovs.data(), int32_t(iovs.size()), block, count, nullptr, cb,
                                      arg);
    });
    if (!result.ok()) throw Broken{fmt::format("{}: {}", what, result.text()), "success"};
    check_guards(buffer, what);
    if (buffer.take() != data)
        Recorder::instance().fail("data.buffers", fmt::format("{}: the caller's data have changed", what),
                                  "a write leaves the caller's data unchanged");
}

Bytes read(CheckClient& client, uint64_t block, uint64_t count, const BufferShape& shape, std::byte poison) {
    const std::string what = what_of("read", count, block, shape);
    GuardedBuffer buffer(count * client.block_size(), shape);
    buffer.put(Bytes(count * client.block_size(), poison));
    std::vector<iovec> iovs = buffer.iovs();
    const CheckResult result = client.run(what, [&](auto* desc, auto* ch, auto cb, void* arg) {
        return bdk_bdev_readv_blocks(desc, ch, iovs.data(), int32_t(iovs.size()), block, count, nullptr, cb,
                                     arg);
    });
    if (!result.ok()) throw Broken{fmt::format("{}: {}", what, result.text()), "success"};
    check_guards(buffer, what);
    return buffer.take();
}

void expect_same(const Bytes& seen, const Bytes& expected, const std::string& what, uint32_t block_size) {
    if (seen == expected) return;
    const auto [at, other] = std::mismatch(seen.begin(), seen.end(), expected.begin(), expected.end());
    const auto place = uint64_t(at - seen.begin());
    throw Broken{fmt::format("{}: byte {} of block {} of it is 0x{:02x}", what, place % block_size,
                             place / block_size, at == seen.end() ? 0 : unsigned(*at)),
                 fmt::format("0x{:02x}", other == expected.end() ? 0 : unsigned(*other))};
}

CheckClient::Submit read_of(void* buf, uint64_t block, uint64_t count) {
    return [=](auto* desc, auto* ch, auto cb, void* arg) {
        return bdk_bdev_read_blocks(desc, ch, buf, block, count, nullptr, cb, arg);
    };
}

CheckClient::Submit write_of(void* buf, uint64_t block, uint64_t count) {
    return [=](auto* desc, auto* ch, auto cb, void* arg) {
        return bdk_bdev_write_blocks(desc, ch, buf, block, count, nullptr, cb, arg);
    };
}

}  // namespace bdevkit::host
