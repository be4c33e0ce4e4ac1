// SPDX-License-Identifier: BSD-3-Clause
/// @file desc.hpp
/// Open handles on bdevs, and claims on them.
#pragma once

#include <bdevkit/bdev.h>
#include <bdevkit/claim.h>
#include <bdevkit/desc.h>
#include <bdevkit/io.hpp>
#include <bdevkit/io_channel.hpp>
#include <bdevkit/thread.hpp>

#include <utility>

namespace BDEVKIT_HIDDEN bdevkit {

/// What a desc allows.
enum class Access { read, write };

/// Whether a desc has the metadata of its bdev, or blocks of data alone: BDK_BDEV_OPEN_HIDE_METADATA.
enum class Metadata { shown, hidden };

/// An open bdev; closed on destruction, on the thread that opened it.
class Desc {
public:
    Desc() noexcept = default;
    ~Desc() { close(); }
    Desc(Desc&& other) noexcept : desc_(std::exchange(other.desc_, nullptr)), thread_(other.thread_) {}
    Desc& operator=(Desc&& other) noexcept {
        std::swap(desc_, other.desc_);
        std::swap(thread_, other.thread_);
        return *this;
    }

    /// [bdk thread] Opens the bdev. target->Event(type, bdev) hears its events on this thread, until the desc
    /// is closed.
    template <auto Event, class T>
    static Desc open(const char* name, Access access, T* target, Metadata metadata = Metadata::shown) {
        Desc desc;
        uint32_t flags = access == Access::write ? BDK_BDEV_OPEN_WRITE : 0;
        if (metadata == Metadata::hidden) flags |= BDK_BDEV_OPEN_HIDE_METADATA;
        const int rc = bdk_bdev_open(name, flags, call<Event, T>, target, &desc.desc_);
        if (rc != 0) throw Error(rc, std::string("cannot open bdev '") + name + "'");
        desc.thread_ = Thread::current();
        return desc;
    }

    /// [any thread] Closes it, by a message when the caller is not on its thread. Nothing happens to an empty
    /// one.
    void close() noexcept {
        if (desc_ == nullptr) return;
        bdk_thread_exec_msg(
            thread_.get(), [](void* desc) { bdk_bdev_close(static_cast<bdk_bdev_desc*>(desc)); },
            std::exchange(desc_, nullptr));
    }

    /// [bdk thread] The calling thread's channel.
    IoChannel get_io_channel() const {
        bdk_io_channel* ch = bdk_bdev_get_io_channel(desc_);
        if (ch == nullptr)
            throw Error(ENOMEM, std::string("no io_channel of bdev '") + name() + "' to be had");
        return IoChannel(ch);
    }

    bdk_bdev* bdev() const noexcept { return bdk_bdev_desc_get_bdev(desc_); }
    const char* name() const noexcept { return bdk_bdev_get_name(bdev()); }
    uint64_t num_blocks() const noexcept { return bdk_bdev_get_num_blocks(bdev()); }
    /// Bytes per block as this desc has it: bdk_bdev_desc_get_block_size().
    uint32_t block_size() const noexcept { return bdk_bdev_desc_get_block_size(desc_); }
    bool io_type_supported(IoType type) const noexcept {
        return bdk_bdev_io_type_supported(bdev(), uint32_t(type));
    }

    bdk_bdev_desc* get() const noexcept { return desc_; }
    explicit operator bool() const noexcept { return desc_ != nullptr; }

private:
    template <auto Event, class T>
    static void call(uint32_t type, bdk_bdev* bdev, void* target) noexcept {
        detail::guarded(BDK_LOG_COMPONENT, "event", [&] { (static_cast<T*>(target)->*Event)(type, bdev); });
    }

    bdk_bdev_desc* desc_ = nullptr;
    Thread thread_{nullptr};
};

/// [app thread] Claims the bdev of `desc` for writing beside other descs that claim it with the same key, and
/// nobody else. The claim goes with the desc. Throws Error when it cannot be had.
inline void claim_shared(const Desc& desc, uint64_t key, const bdk_module* module) {
    bdk_bdev_claim_opts opts{};
    opts.size = sizeof(opts);
    opts.shared_claim_key = key;
    const int rc =
        bdk_bdev_module_claim_bdev_desc(desc.get(), BDK_BDEV_CLAIM_READ_MANY_WRITE_SHARED, &opts, module);
    if (rc != 0) throw Error(rc, std::string("cannot claim bdev '") + desc.name() + "'");
}

/// A module's exclusive-write claim on a bdev; released on destruction.
class Claim {
public:
    Claim() noexcept = default;
    /// [app thread] Claims the bdev of `desc`, which may write from now on.
    Claim(const Desc& desc, const bdk_module* module) {
        const int rc = bdk_bdev_module_claim_bdev(desc.bdev(), desc.get(), module);
        if (rc != 0) throw Error(rc, std::string("cannot claim bdev '") + desc.name() + "'");
        bdev_ = desc.bdev();
        module_ = module;
    }
    ~Claim() { release(); }
    Claim(Claim&& other) noexcept : bdev_(std::exchange(other.bdev_, nullptr)), module_(other.module_) {}
    Claim& operator=(Claim&& other) noexcept {
        std::swap(bdev_, other.bdev_);
        std::swap(module_, other.module_);
        return *this;
    }

    /// [app thread] Gives it back, before the desc is closed. Nothing happens to an empty one.
    void release() noexcept {
        if (bdev_ != nullptr) bdk_bdev_module_release_bdev(std::exchange(bdev_, nullptr), module_);
    }

private:
    bdk_bdev* bdev_ = nullptr;
    const bdk_module* module_ = nullptr;
};

}  // namespace bdevkit
