// SPDX-License-Identifier: BSD-3-Clause
/// @file bdev.hpp
/// A block device as a class.
#pragma once

#include <bdevkit/bdev_module.h>
#include <bdevkit/io.hpp>
#include <bdevkit/io_channel.hpp>
#include <bdevkit/module.hpp>

#include <memory>
#include <string>

namespace BDEVKIT_HIDDEN bdevkit {

/**
 * A bdev: `class Disk : public bdevkit::Bdev<Disk>`. This class fills the function table, registers the
 * io_device and the bdev, and takes both down again; each callback is a direct call of a public member of
 * `Derived`:
 *
 *     Disk(const char* name, const Options&)   sets bdev().blocklen and so on; throws Error when it cannot be
 *     struct Channel { explicit Channel(Disk&); };   what each thread has of its own; optional
 *     void submit(Channel&, Io)                starts an I/O; the type is one of those below
 *     static constexpr uint64_t io_types       the types taken, always; or
 *     bool io_type_supported(IoType) const     the types taken, decided when asked
 *
 * and optionally
 *
 *     static constexpr const char* product_name
 *     void dump_info(Json) const, write_config(Json) const, dump_device_stat(Json) const
 *     void reset_device_stat()
 *     void resize(uint64_t num_blocks)         changes the size, then calls notify_resized()
 *     uint64_t get_spin_time(Channel&)
 *     void reconfigure(const Options&, Reconfiguration)   [app thread] other options while in use
 *     void on_remove()                         [app thread] it is about to go: ends I/O that would not end
 *     void destruct()                          see there
 *
 * What submit() throws completes the I/O with that error. Where else an exception comes out of a callback, it
 * becomes the callback's errno; either way a log line names the callback.
 */
template <class Derived>
class Bdev {
public:
    struct Channel {
        explicit Channel(Bdev&) noexcept {}
    };

    Bdev(const Bdev&) = delete;
    Bdev& operator=(const Bdev&) = delete;

    /// [app thread] Makes a bdev and registers it: the module's `create`. A module without options is
    /// constructed from the name alone.
    template <class Options>
    static int create(bdk_create*, const char* name, const Options& options) {
        if constexpr (std::is_same_v<Options, detail::NoOptions>)
            return make(name);
        else
            return make(name, options);
    }

    /// [app thread] Makes a bdev with any constructor and registers it. @return 0 or a negative errno.
    template <class... Args>
    static int make(Args&&... args) {
        auto self = std::make_unique<Derived>(std::forward<Args>(args)...);
        check(bdk_io_device_register(self.get(), create_channel, destroy_channel,
                                     sizeof(DerivedChannel<Derived>), self->name()),
              "bdk_io_device_register");
        Derived* bdev = self.release();  // from here on destruct() frees it
        bdev->bdev_.ctxt = bdev;
        bdev->bdev_.fn_table = &fn_table<Derived>;
        const int rc = bdk_bdev_register(&bdev->bdev_);
        bdev->registered_ = rc == 0;
        if (rc != 0) bdev->destruct();
        return rc;
    }

    const char* name() const noexcept { return name_.c_str(); }

    /// [app thread] Takes the bdev away, as bdk_bdev_unregister().
    void unregister() noexcept {
        if constexpr (requires(Derived & bdev) { bdev.on_remove(); })
            detail::guarded_for<Derived>("on_remove", [&] { static_cast<Derived*>(this)->on_remove(); });
        bdk_bdev_unregister(&bdev_, nullptr, nullptr);
    }

    /// [app thread] The last desc is closed, or registration has failed: gives everything back. A module that
    /// needs time defines its own, and calls finish_destruct() on the app thread at its end.
    void destruct() { finish_destruct(); }

protected:
    explicit Bdev(const char* name) : name_(name) {
        bdev_.size = sizeof(bdev_);
        bdev_.name = name_.c_str();
        bdev_.module = module_of<Derived>();
        bdev_.product_name = bdev_.module->name;
        if constexpr (requires { Derived::product_name; }) bdev_.product_name = Derived::product_name;
        if constexpr (requires { Derived::io_types; }) bdev_.io_type_supported = Derived::io_types;
    }
    ~Bdev() = default;

    /// The struct that is registered. Fill it in the constructor, leave it alone afterwards.
    bdk_bdev& bdev() noexcept { return bdev_; }
    const bdk_bdev& bdev() const noexcept { return bdev_; }

    /// [app thread] Tells every desc of the new size. Throws Error when it cannot be.
    void notify_resized(uint64_t num_blocks) {
        check(bdk_bdev_notify_blockcnt_change(&bdev_, num_blocks), "bdk_bdev_notify_blockcnt_change");
    }

    /// Waits for the last channel to go, deletes the bdev and tells the core.
    void finish_destruct() {
        bdk_io_device_unregister(static_cast<Derived*>(this), [](void* io_device) {
            auto* self = static_cast<Derived*>(io_device);
            if (self->registered_) bdk_bdev_destruct_done(&self->bdev_, 0);
            delete self;
        });
    }

    /// [channel's thread, in submit()] Calls (this->*Then)(channel, io) once the I/O has a buffer: at once,
    /// unless it is a read that came without. Without memory the I/O is submitted again later.
    template <auto Then>
    void with_buffer(Io io) {
        bdk_bdev_io_get_buf(io.get(), have_buffer<Then>, io.num_blocks() * bdev_.blocklen);
    }

    /// [bdk thread] Calls visit(channel) on each thread that has a channel, one after the other, then done()
    /// here.
    template <class Visit, class Done>
    void for_each_channel(Visit visit, Done done) {
        bdevkit::for_each_channel<DerivedChannel<Derived>>(static_cast<Derived*>(this), std::move(visit),
                                                           std::move(done));
    }

    /// [channel's thread] The bdev that `io` is at.
    static Derived& of(Io io) noexcept { return *static_cast<Derived*>(io->bdev->ctxt); }

    /// Runs fn(), which deals with `io`; what it throws completes `io`.
    template <class Fn>
    static void guarded_io(Io io, const char* callback, Fn&& fn) noexcept {
        const int rc = detail::guarded_for<Derived>(callback, std::forward<Fn>(fn));
        if (rc != 0) [[unlikely]]
            io.complete_errno(rc);
    }

private:
    // `Derived` is incomplete while this class is being defined: what depends on its members is a template.
    template <class D>
    using DerivedChannel = typename D::Channel;

    static int create_channel(void* io_device, void* context) noexcept {
        return detail::guarded_for<Derived>("create_channel", [&] {
            using Channel = DerivedChannel<Derived>;
            static_assert(alignof(Channel) <= 64);
            new (context) Channel(*static_cast<Derived*>(io_device));
        });
    }

    static void destroy_channel(void*, void* context) noexcept {
        std::destroy_at(static_cast<DerivedChannel<Derived>*>(context));
    }

    static void submit_request(bdk_io_channel* ch, bdk_bdev_io* io) noexcept {
        auto* channel = static_cast<DerivedChannel<Derived>*>(bdk_io_channel_get_ctx(ch));
        guarded_io(Io(io), "submit_request", [&] { of(Io(io)).submit(*channel, Io(io)); });
    }

    template <auto Then>
    static void have_buffer(bdk_io_channel* ch, bdk_bdev_io* io, bool success) noexcept {
        if (!success) return Io(io).complete(IoStatus::nomem);
        auto* channel = static_cast<DerivedChannel<Derived>*>(bdk_io_channel_get_ctx(ch));
        guarded_io(Io(io), "get_buf", [&] { (of(Io(io)).*Then)(*channel, Io(io)); });
    }

    static int destruct_bdev(void* ctxt) noexcept {
        const int rc =
            detail::guarded_for<Derived>("destruct", [&] { static_cast<Derived*>(ctxt)->destruct(); });
        return rc == 0 ? BDK_PENDING : rc;
    }

    static bdk_io_channel* get_io_channel(void* ctxt) noexcept { return bdk_get_io_channel(ctxt); }

    template <class D>
    static constexpr bdk_bdev_fn_table make_fn_table() {
        bdk_bdev_fn_table table{};
        table.size = sizeof(table);
        table.destruct = destruct_bdev;
        table.submit_request = submit_request;
        table.get_io_channel = get_io_channel;
        if constexpr (requires(const D& d) { d.io_type_supported(IoType::read); })
            table.io_type_supported = [](void* ctxt, uint32_t type) noexcept {
                return detail::guarded_for<D>("io_type_supported", [&] {
                           return static_cast<const D*>(ctxt)->io_type_supported(IoType(type));
                       }) > 0;
            };
        if constexpr (requires(const D& d) { d.dump_info(Json(nullptr)); })
            table.dump_info_json = [](void* ctxt, bdk_json_writer* w) noexcept {
                detail::guarded_for<D>("dump_info_json",
                                       [&] { static_cast<const D*>(ctxt)->dump_info(Json(w)); });
            };
        if constexpr (requires(const D& d) { d.write_config(Json(nullptr)); })
            table.write_config_json = [](void* ctxt, bdk_json_writer* w) noexcept {
                detail::guarded_for<D>("write_config_json",
                                       [&] { static_cast<const D*>(ctxt)->write_config(Json(w)); });
            };
        if constexpr (requires(D & d) { d.resize(uint64_t{}); })
            table.resize = [](void* ctxt, uint64_t num_blocks) noexcept {
                return detail::guarded_for<D>("resize", [&] { static_cast<D*>(ctxt)->resize(num_blocks); });
            };
        if constexpr (requires(const D& d) { d.dump_device_stat(Json(nullptr)); })
            table.dump_device_stat_json = [](void* ctxt, bdk_json_writer* w) noexcept {
                detail::guarded_for<D>("dump_device_stat_json",
                                       [&] { static_cast<const D*>(ctxt)->dump_device_stat(Json(w)); });
            };
        if constexpr (requires(D & d) { d.reset_device_stat(); })
            table.reset_device_stat = [](void* ctxt) noexcept {
                detail::guarded_for<D>("reset_device_stat",
                                       [&] { static_cast<D*>(ctxt)->reset_device_stat(); });
            };
        if constexpr (requires(D & d, DerivedChannel<D> & ch) { d.get_spin_time(ch); })
            table.get_spin_time = [](void* ctxt, bdk_io_channel* ch) noexcept -> uint64_t {
                return static_cast<D*>(ctxt)->get_spin_time(
                    *static_cast<DerivedChannel<D>*>(bdk_io_channel_get_ctx(ch)));
            };
        return table;
    }

    template <class D>
    static constexpr bdk_bdev_fn_table fn_table = make_fn_table<D>();

    bdk_bdev bdev_{};
    std::string name_;
    bool registered_ = false;
};

}  // namespace bdevkit
