// SPDX-License-Identifier: BSD-3-Clause
/// @file io_channel.hpp
/// References to io_channels, and walks over all channels of an io_device.
#pragma once

#include <bdevkit/io_channel.h>
#include <bdevkit/error.hpp>

#include <memory>
#include <utility>

namespace BDEVKIT_HIDDEN bdevkit {

/// One reference to an io_channel; put on destruction. Lives and dies on the channel's thread.
class IoChannel {
public:
    IoChannel() noexcept = default;
    /// Takes over a reference that the caller has got.
    explicit IoChannel(bdk_io_channel* ch) noexcept : ch_(ch) {}
    ~IoChannel() { put(); }
    IoChannel(IoChannel&& other) noexcept : ch_(std::exchange(other.ch_, nullptr)) {}
    IoChannel& operator=(IoChannel&& other) noexcept {
        std::swap(ch_, other.ch_);
        return *this;
    }

    /// [bdk thread] The calling thread's channel of `io_device`. Throws Error when there is none to be had.
    static IoChannel of(void* io_device) {
        bdk_io_channel* ch = bdk_get_io_channel(io_device);
        if (ch == nullptr) throw Error(ENOMEM, "no io_channel to be had");
        return IoChannel(ch);
    }

    /// [channel's thread] Gives the reference back; nothing happens to an empty one.
    void put() noexcept {
        if (ch_ != nullptr) bdk_put_io_channel(std::exchange(ch_, nullptr));
    }

    bdk_io_channel* get() const noexcept { return ch_; }
    explicit operator bool() const noexcept { return ch_ != nullptr; }

private:
    bdk_io_channel* ch_ = nullptr;
};

/// [bdk thread] Calls visit(context) on the thread of each channel of `io_device`, one after the other, then
/// done() on the calling thread. `Context` is the type of the channels' contexts. An exception of visit() is
/// logged, and the walk goes on.
template <class Context, class Visit, class Done>
void for_each_channel(void* io_device, Visit visit, Done done) {
    struct Walk {
        Visit visit;
        Done done;
    };
    std::unique_ptr<Walk> walk(new Walk{std::move(visit), std::move(done)});
    bdk_for_each_channel(
        io_device,
        [](bdk_io_channel_iter* iter) {
            auto* self = static_cast<Walk*>(bdk_io_channel_iter_get_ctx(iter));
            void* context = bdk_io_channel_get_ctx(bdk_io_channel_iter_get_channel(iter));
            detail::guarded(BDK_LOG_COMPONENT, "for_each_channel",
                            [&] { self->visit(*static_cast<Context*>(context)); });
            bdk_for_each_channel_continue(iter, 0);
        },
        walk.release(),
        [](bdk_io_channel_iter* iter, int) {
            const std::unique_ptr<Walk> self(static_cast<Walk*>(bdk_io_channel_iter_get_ctx(iter)));
            detail::guarded(BDK_LOG_COMPONENT, "for_each_channel", self->done);
        });
}

}  // namespace bdevkit
