// SPDX-License-Identifier: BSD-3-Clause
/// @file virtual_bdev.hpp
/// A bdev on top of another one.
#pragma once

#include <bdevkit/event.h>
#include <bdevkit/bdev.hpp>
#include <bdevkit/desc.hpp>

namespace BDEVKIT_HIDDEN bdevkit {

/// How a virtual bdev holds its base.
enum class BaseUse {
    exclusive_write,  ///< writes to it, and claims it so that nobody else does
    shared_write,     ///< writes to it, and claims it so that only those with the same key do
    shared_read,      ///< reads from it; others may write meanwhile
};

/**
 * A virtual bdev: `class Passthru : public bdevkit::VirtualBdev<Passthru>`. Left as it is, it has the size,
 * the limits and the I/O types of its base and forwards everything. A module changes what it wants to be
 * different by defining members of the same name: submit(), io_type_supported(), on_base_resized(),
 * on_base_removed(), destruct(), and those of Bdev. A Channel of its own derives from VirtualBdev's.
 *
 * The base is opened and claimed in the constructor, so a bdev that cannot be built leaves no trace. When the
 * base goes, the bdev goes. The claim is released first and the desc closed next, on the thread that opened
 * it; each thread's base channel goes with its own channel.
 */
template <class Derived>
class VirtualBdev : public Bdev<Derived> {
public:
    /// What each thread needs to forward an I/O.
    struct Channel {
        explicit Channel(VirtualBdev& bdev)
            : base_desc(bdev.base_.get()), base(bdev.base_.get_io_channel()) {}

        bdk_bdev_desc* base_desc;
        IoChannel base;
    };

    /// [channel's thread] Starts an I/O.
    void submit(Channel& ch, Io io) { forward(ch, io); }

    /// [any thread] Mirrors the base, for the types that this header knows.
    bool io_type_supported(IoType type) const {
        return has_io_type(known_io_types, type) && base_.io_type_supported(type);
    }

    /// [app thread] The base has another size. Throws Error when this bdev cannot follow.
    void on_base_resized(uint64_t base_blocks) { this->notify_resized(base_blocks); }

    /// [app thread] The base is going.
    void on_base_removed() { this->unregister(); }

    /// [app thread] As Bdev::destruct().
    void destruct() {
        claim_.release();
        base_.close();
        this->finish_destruct();
    }

protected:
    /// [app thread] Opens `base` and gives bdev() its shape (bdk_bdev_inherit()). Throws Error when it cannot
    /// be had.
    /// @param key  with shared_write: not 0
    VirtualBdev(const char* name, const char* base, BaseUse use = BaseUse::exclusive_write, uint64_t key = 0)
        : Bdev<Derived>(name),
          base_(Desc::open<&VirtualBdev::on_base_event>(base, Access::read, this)),
          claim_(use == BaseUse::exclusive_write ? Claim(base_, module_of<Derived>()) : Claim()),
          bases_{base_.bdev(), nullptr} {
        if (use == BaseUse::shared_write) claim_shared(base_, key, module_of<Derived>());
        bdk_bdev_inherit(base_.bdev(), &this->bdev());
        this->bdev().bases = bases_;
    }
    ~VirtualBdev() = default;

    const Desc& base() const noexcept { return base_; }

    /// [channel's thread] Sends the I/O to the base as it is. The base's status completes it.
    static void forward(Channel& ch, Io io) noexcept {
        bdk_bdev_io_forward(io.get(), ch.base_desc, ch.base.get());
    }

    /// As forward(), `delta` blocks further on.
    static void forward_shifted(Channel& ch, Io io, int64_t delta) noexcept {
        bdk_bdev_io_forward_opts opts{};
        opts.size = sizeof(opts);
        opts.offset_delta = delta;
        bdk_bdev_io_forward_ext(io.get(), ch.base_desc, ch.base.get(), &opts);
    }

    /// As forward(); then (this->*Done)(io, success), which completes the I/O, most often with
    /// io.complete_like(io).
    template <auto Done>
    static void forward_then(Channel& ch, Io io) noexcept {
        bdk_bdev_io_forward_opts opts{};
        opts.size = sizeof(opts);
        opts.done = forwarded<Done>;
        bdk_bdev_io_forward_ext(io.get(), ch.base_desc, ch.base.get(), &opts);
    }

private:
    template <auto Done>
    static void forwarded(bdk_bdev_io* io, bool success) noexcept {
        Bdev<Derived>::guarded_io(Io(io), "forward_then",
                                  [&] { (Bdev<Derived>::of(Io(io)).*Done)(Io(io), success); });
    }

    void on_base_event(uint32_t type, bdk_bdev* base) {
        auto& self = static_cast<Derived&>(*this);
        if (type == BDK_BDEV_EVENT_REMOVE) self.on_base_removed();
        if (type == BDK_BDEV_EVENT_RESIZE) self.on_base_resized(bdk_bdev_get_num_blocks(base));
    }

    Desc base_;
    Claim claim_;
    const bdk_bdev* bases_[2];
};

}  // namespace bdevkit
