// SPDX-License-Identifier: BSD-3-Clause
// A module of the test program whose disks a test controls: they hold I/Os, answer NOMEM, fail, complete
// late, and record their requests.
#pragma once

#include <bdevkit/bdev_module.h>

#include <atomic>
#include <cstddef>
#include <deque>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "bdev/model/io_type.hpp"

namespace bdk::test {

extern const bdk_module raw_disk_module;

/// A RAM disk of 512-byte blocks. Its knobs are turned on the app thread, where its I/O runs as well unless
/// the test uses more threads.
class RawDisk {
public:
    explicit RawDisk(std::string name, uint64_t num_blocks = 64);

    static constexpr uint64_t all_types = BDK_BDEV_IO_TYPE_BIT(bdk::io_type_count) - 2;

    // Set before add().
    uint64_t io_types = all_types;
    uint32_t flags = 0;
    uint32_t block_size = 512;
    bool async_destruct = false;                               ///< destruct ends in a later turn
    bool never_destructed = false;                             ///< destruct ends with end_destruct()
    bool (*io_type_supported)(uint32_t type) = nullptr;        ///< asked as bdk_bdev_fn_table's is
    int (*resize)(void* ctxt, uint64_t num_blocks) = nullptr;  ///< bdk_bdev_fn_table's

    /// [app thread] Registers it. The disk must outlive its unregistration.
    int add();

    /// [app thread] Ends a destruct that would not.
    void end_destruct();

    // [app thread] How it treats I/Os.
    bool hold = false;                            ///< keep them until release()
    uint64_t spin_ns = 0;                         ///< what its channels say that they have polled
    int nomem_answers = 0;                        ///< so many times NOMEM first
    std::function<void(bdk_bdev_io*)> on_submit;  ///< instead of everything else

    /// [app thread] Completes the I/Os held, oldest first.
    void release(int32_t status = BDK_BDEV_IO_STATUS_SUCCESS);
    /// [app thread] Types of the I/Os that reached it, in order.
    std::vector<uint32_t> seen;
    std::deque<bdk_bdev_io*> held;
    std::vector<std::byte> data;
    bool destructed = false;

    bdk_bdev bdev{};

private:
    static int destruct(void* ctxt);
    static void submit(bdk_io_channel* ch, bdk_bdev_io* io);
    static bdk_io_channel* get_io_channel(void* ctxt);
    void execute(bdk_bdev_io* io);
    void do_abort(bdk_bdev_io* io);

    std::string name_;
    bdk_bdev_fn_table fn_{};
};

/// A virtual bdev that forwards everything to the bdev `base`, `delta` blocks further on.
class RawLayer {
public:
    RawLayer(std::string name, std::string base, int64_t delta = 0);

    uint64_t num_blocks = 0;  ///< 0: as the base
    uint64_t io_types = RawDisk::all_types;
    void (*done)(bdk_bdev_io*, bool) = nullptr;  ///< see bdk_bdev_io_forward_opts
    std::function<void(bdk_bdev_io*, bdk_bdev_desc*, bdk_io_channel*)> on_submit;  ///< instead of forwarding

    std::function<void()> on_destruct;  ///< first of all

    /// [app thread] Opens and claims the base, and registers. The layer must outlive its unregistration.
    int add();

    bdk_bdev bdev{};
    bool destructed = false;

private:
    struct Channel {
        RawLayer* layer;
        bdk_io_channel* base;
    };
    static int destruct(void* ctxt);
    static void submit(bdk_io_channel* ch, bdk_bdev_io* io);
    static bdk_io_channel* get_io_channel(void* ctxt);
    static void on_event(uint32_t type, bdk_bdev* bdev, void* ctx);
    static int create_channel(void* io_device, void* ctx);
    static void destroy_channel(void* io_device, void* ctx);

    std::string name_, base_name_;
    int64_t delta_;
    bdk_bdev_desc* base_ = nullptr;
    bdk_bdev_fn_table fn_{};
};

}  // namespace bdk::test
