// SPDX-License-Identifier: BSD-3-Clause
/// @file part_bdev.hpp
/// Bdevs that are each a range of the same base.
#pragma once

#include <bdevkit/virtual_bdev.hpp>

#include <memory>
#include <span>
#include <string>
#include <vector>

namespace BDEVKIT_HIDDEN bdevkit {

/// A part's name, and which blocks of which base it is.
struct PartRange {
    std::string name;
    std::string base;
    uint64_t offset_blocks = 0;
    uint64_t num_blocks = 0;
    uint64_t claim_key = 0;  ///< the parts of one base share a claim: PartBdev::new_claim_key()
};

/**
 * A part: `class Partition : public bdevkit::PartBdev<Partition>`, or a class with nothing to add. It
 * forwards I/O on its blocks, moved by its offset. Raw NVMe commands could reach beyond it, and so could a
 * type of I/O that comes later: they are not supported. When the base grows it stays as it is; when the base
 * goes it goes. A reset resets the base, and so its other parts.
 */
template <class Derived>
class PartBdev : public VirtualBdev<Derived> {
    using Base = VirtualBdev<Derived>;

public:
    using typename Base::Channel;

    void submit(Channel& ch, Io io) { this->forward_shifted(ch, io, int64_t(offset_)); }

    bool io_type_supported(IoType type) const {
        constexpr uint64_t within_blocks =
            io_types(IoType::read, IoType::write, IoType::unmap, IoType::flush, IoType::reset,
                     IoType::write_zeroes, IoType::zcopy, IoType::get_zone_info, IoType::zone_management,
                     IoType::zone_append, IoType::compare, IoType::compare_and_write, IoType::abort,
                     IoType::seek_hole, IoType::seek_data, IoType::copy);
        return has_io_type(within_blocks, type) && Base::io_type_supported(type);
    }

    void on_base_resized(uint64_t) {}

    void dump_info(Json json) const {
        json.value("base", this->base().name());
        json.value("offset_blocks", offset_);
    }

    /// A key that no other module and no earlier call has given.
    static uint64_t new_claim_key() noexcept {
        static uint64_t count = 0;
        return (uint64_t(reinterpret_cast<uintptr_t>(module_of<Derived>())) << 16) + ++count;
    }

    /// [app thread] Makes a bdev of each element of `parts`, which Derived's constructor takes and which has
    /// a `name`: all of them, or none. Then done(rc), 0 or a negative errno, at once or later.
    template <class Part, class Done>
    static void make_all(const std::vector<Part>& parts, Done done) {
        for (size_t made = 0; made < parts.size(); made++) {
            const int rc = detail::guarded_for<Derived>("create", [&] { return Derived::make(parts[made]); });
            if (rc != 0) return remove(std::span(parts).first(made), rc, done);
        }
        done(0);
    }

protected:
    /// [app thread] Throws Error when there is no such range, or the base cannot be had.
    explicit PartBdev(const PartRange& range)
        : Base(range.name.c_str(), range.base.c_str(), BaseUse::shared_write, range.claim_key),
          offset_(range.offset_blocks) {
        bdk_bdev& own = this->bdev();
        const auto cuts = [&](uint64_t unit) {
            return unit > 1 && (offset_ % unit != 0 || range.num_blocks % unit != 0);
        };
        if (range.num_blocks == 0 || range.num_blocks > own.blockcnt ||
            offset_ > own.blockcnt - range.num_blocks)
            throw Error(EINVAL, format("'%s' is not within bdev '%s'", this->name(), range.base.c_str()));
        if (cuts(own.write_unit_size) || ((own.flags & BDK_BDEV_ZONED) && cuts(own.zone_size)))
            throw Error(EINVAL, format("'%s' must begin and end at a zone or write unit of bdev '%s'",
                                       this->name(), range.base.c_str()));
        if (own.optimal_io_boundary != 0 &&
            offset_ % own.optimal_io_boundary != 0) {  // the base splits at its own
            own.optimal_io_boundary = 0;
            own.flags &= ~uint32_t(BDK_BDEV_SPLIT_ON_OPTIMAL_IO_BOUNDARY);
        }
        own.blockcnt = range.num_blocks;
    }
    ~PartBdev() = default;

    uint64_t offset_blocks() const noexcept { return offset_; }

private:
    /// Takes the parts away again, then done(rc).
    template <class Part, class Done>
    static void remove(std::span<Part> parts, int rc, Done done) {
        // Whoever lets go of it last is last to have finished.
        const std::shared_ptr<void> all(nullptr, [rc, done](void*) { done(rc); });
        for (const Part& part : parts) {
            auto held = std::make_unique<std::shared_ptr<void>>(all);
            const auto gone = [](int, void* ctx) { delete static_cast<std::shared_ptr<void>*>(ctx); };
            if (bdk_bdev_unregister_by_name(part.name.c_str(), module_of<Derived>(), gone, held.get()) == 0)
                held.release();
        }
    }

    uint64_t offset_;
};

}  // namespace bdevkit
