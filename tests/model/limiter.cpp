// SPDX-License-Identifier: BSD-3-Clause
#include "model/limiter.hpp"

#include <algorithm>
#include <functional>
#include <mutex>
#include <string_view>

namespace bdk::test {

namespace {

constexpr uint64_t data_types =
    bdevkit::io_types(bdevkit::IoType::read, bdevkit::IoType::write, bdevkit::IoType::compare);

std::mutex g_mutex;
std::string g_complaint;

}  // namespace

constinit const bdk_module limiter_module = bdevkit::make_module<Limiter>({.name = "limiter"});

const bdk_module* Limiter::module() noexcept {
    return &limiter_module;
}

std::string Limiter::complaint() {
    const std::scoped_lock lock(g_mutex);
    return g_complaint;
}

Limiter::Limiter(const char* name, const Options& given)
    : VirtualBdev(name, given.base),
      hidden_types_(given.hidden_types),
      shift_(given.shift),
      seed_(given.seed),
      hold_percent_(given.hold_percent),
      nomem_percent_(given.nomem_percent) {
    bdk_bdev& own = bdev();
    own.blockcnt -= given.shift;
    own.max_rw_size = given.max_rw_size;
    own.max_segment_size = given.max_segment_size;
    own.max_num_segments = given.max_num_segments;
    own.optimal_io_boundary = given.optimal_io_boundary;
    own.required_alignment = given.required_alignment;
    own.max_unmap = given.max_unmap;
    own.max_write_zeroes = given.max_write_zeroes;
    own.max_copy = given.max_copy;
    own.write_unit_size = given.write_unit;
    own.flags &= ~uint32_t{BDK_BDEV_SPLIT_ON_OPTIMAL_IO_BOUNDARY | BDK_BDEV_SPLIT_ON_WRITE_UNIT};
    if (given.optimal_io_boundary != 0) own.flags |= BDK_BDEV_SPLIT_ON_OPTIMAL_IO_BOUNDARY;
    if (given.write_unit != 0) own.flags |= BDK_BDEV_SPLIT_ON_WRITE_UNIT;
    if (given.without_fua) own.flags = (own.flags & ~uint32_t{BDK_BDEV_FUA}) | BDK_BDEV_WRITE_CACHE;
}

Limiter::Channel::Channel(Limiter& owner)
    : Base::Channel(owner),
      shift(owner.shift_),
      random(owner.seed_ ^ std::hash<std::string_view>{}(bdk_thread_get_name(bdk_get_thread()))),
      poller(bdevkit::Poller::start<&Channel::poll>(this, "limiter")) {}

void Limiter::pass_on(Channel& ch, Io io) {
    if (ch.shift == 0)
        forward(ch, io);
    else
        forward_shifted(ch, io, int64_t(ch.shift));
}

bool Limiter::Channel::poll() {
    if (held.empty()) return false;
    for (uint64_t left = random.between(1, held.size()); left != 0 && !held.empty(); left--) {
        const auto next = held.begin() + ptrdiff_t(random.below(held.size()));
        const Io io = *next;
        held.erase(next);
        pass_on(*this, io);
    }
    return true;
}

void Limiter::Channel::abort_held() {
    for (std::deque<Io> ended = std::exchange(held, {}); const Io io : ended)
        io.complete(IoStatus::aborted);
}

bool Limiter::io_type_supported(IoType type) const {
    return (hidden_types_ & bdevkit::io_types(type)) == 0 && Base::io_type_supported(type);
}

void Limiter::submit(Channel& ch, Io io) {
    check(io);
    if (io.type() == IoType::abort) return abort(ch, io);
    if (io.type() == IoType::reset) return reset(ch, io);
    if (ch.random.chance(nomem_percent_)) return io.complete(IoStatus::nomem);
    if (!ch.random.chance(hold_percent_)) return pass_on(ch, io);
    ch.held.push_back(io);
}

void Limiter::abort(Channel& ch, Io io) {
    const auto target = std::find(ch.held.begin(), ch.held.end(), Io(io->u.abort.bio_to_abort));
    if (target == ch.held.end()) return pass_on(ch, io);
    const Io ended = *target;
    ch.held.erase(target);
    ended.complete(IoStatus::aborted);
    io.complete();
}

void Limiter::reset(Channel& ch, Io io) {
    for_each_channel([](Channel& each) { each.abort_held(); }, [&ch, io](auto&&...) { pass_on(ch, io); });
}

void Limiter::check(Io io) const {
    const auto expect = [&](bool is_so, const char* what) {
        if (is_so) return;
        const std::scoped_lock lock(g_mutex);
        if (!g_complaint.empty()) return;
        g_complaint =
            bdevkit::format("bdev '%s' got a %s of %lu blocks at %lu: %s", name(),
                            bdk_bdev_io_type_name(io->type), io.num_blocks(), io.offset_blocks(), what);
    };
    const bdk_bdev& own = bdev();
    const auto within = [&](uint32_t limit) { return limit == 0 || io.num_blocks() <= limit; };
    const auto aligned = [&](const iovec* iovs, int32_t count) {
        const uintptr_t mask = (uintptr_t{1} << own.required_alignment) - 1;
        return std::all_of(iovs, iovs + count,
                           [&](const iovec& iov) { return (uintptr_t(iov.iov_base) & mask) == 0; });
    };
    expect((hidden_types_ & bdevkit::io_types(io.type())) == 0, "a type that it does not take");
    if (io.type() == IoType::unmap) expect(within(own.max_unmap), "max_unmap");
    if (io.type() == IoType::write_zeroes) expect(within(own.max_write_zeroes), "max_write_zeroes");
    if (io.type() == IoType::copy) expect(within(own.max_copy), "max_copy");
    // Where there is no flush either, the core can only pass the flag on: a base may heed it.
    const bool flushes = (own.flags & BDK_BDEV_WRITE_CACHE) != 0 && (own.flags & BDK_BDEV_FUA) == 0 &&
                         io_type_supported(IoType::flush);
    if (io.type() == IoType::write || io.type() == IoType::write_zeroes)
        expect(!flushes || !io.has_flag(BDK_BDEV_IO_FUA), "FUA");
    if (io.type() == IoType::compare_and_write)
        expect(aligned(io->u.bdev.fused_iovs, io->u.bdev.fused_iovcnt) &&
                   aligned(io->u.bdev.iovs, io->u.bdev.iovcnt),
               "required_alignment");
    if ((data_types & bdevkit::io_types(io.type())) == 0) return;
    expect(within(own.max_rw_size), "max_rw_size");
    expect(aligned(io->u.bdev.iovs, io->u.bdev.iovcnt), "required_alignment");
    expect(own.max_num_segments == 0 || io.iovs().size() <= own.max_num_segments, "max_num_segments");
    if (const uint32_t every = own.optimal_io_boundary; every != 0 && own.write_unit_size == 0)
        expect(io.offset_blocks() / every == (io.offset_blocks() + io.num_blocks() - 1) / every,
               "optimal_io_boundary");
    for (const iovec& piece : io.iovs())
        expect(own.max_segment_size == 0 || piece.iov_len <= own.max_segment_size, "max_segment_size");
    uint64_t bytes = 0;
    for (const iovec& piece : io.iovs())
        bytes += piece.iov_len;
    expect(bytes == io.num_blocks() * own.blocklen, "the buffers are not as long as the blocks");
    if (const uint32_t unit = own.write_unit_size; unit != 0 && io.type() == IoType::write)
        expect(io.offset_blocks() % unit == 0 && io.num_blocks() % unit == 0, "write_unit_size");
}

}  // namespace bdk::test
