// SPDX-License-Identifier: BSD-3-Clause
// The queue of an io_channel to a namespace that the kernel keeps: io_uring's command passthrough.
#pragma once

#include <array>

#include "../../uring/channel.hpp"
#include "../controller.hpp"

namespace nvme::kernel {

class RingQueue final : public Queue, private UringChannel<RingQueue> {
public:
    using Channel = RingQueue;

    /// [bdk thread] Throws bdevkit::Error.
    /// @param files  those of the namespace and of the controller
    explicit RingQueue(const std::array<int, 2>& files) : UringChannel(*this, files, {.nvme = true}) {}

    bool submit(bdevkit::Io io, const Request& request, bool admin) override;
    void drain(bdk_io_channel_iter* walk) override { UringChannel::drain(walk); }

private:
    friend class UringChannel<RingQueue>;

    static constexpr const char* name() noexcept { return "nvme"; }
    /// A command has ended.
    /// @param result  the NVMe status, or a negative errno when there is none
    static void ended(Channel&, bdevkit::Io io, int result, uint64_t detail);
};

}  // namespace nvme::kernel
