// SPDX-License-Identifier: BSD-3-Clause
#include "namespace_bdev.hpp"

#include <algorithm>
#include <cerrno>
#include <utility>

namespace nvme {

using bdevkit::format, bdevkit::Io, bdevkit::IoStatus, bdevkit::IoType, bdevkit::LogLevel;

NamespaceBdevs::NamespaceBdevs(const char* name, const char* transport, const char* address,
                               SharedController controller)
    : name_(name), transport_(transport), address_(address), controller_(std::move(controller)) {}

void NamespaceBdevs::check_name(const std::string& name) {
    if (all_.contains(name))
        throw bdevkit::Error(EEXIST, format("the controller name '%s' is already in use", name.c_str()));
}

void NamespaceBdevs::forget_name() noexcept {
    if (const auto own = all_.find(name_); own != all_.end() && own->second == this) all_.erase(own);
}

int NamespaceBdevs::make_all() {
    const auto self = shared_from_this();
    check_name(name_);
    all_.emplace(name_, this);
    controller_->start({.namespaces =
                            [weak = weak_from_this()](const std::vector<Namespace>& now) {
                                if (const auto bdevs = weak.lock()) bdevs->on_namespaces(now);
                            },
                        .lost =
                            [weak = weak_from_this()] {
                                if (const auto bdevs = weak.lock()) bdevs->unregister_all();
                            }});
    for (const Namespace& ns : controller_->namespaces()) {
        const int rc = make(ns);
        if (rc == 0) continue;
        unregister_all();
        return rc;
    }
    return 0;
}

int NamespaceBdevs::make(const Namespace& ns) {
    try {
        return NamespaceBdev::make(format("%sn%u", name_.c_str(), ns.id).c_str(), shared_from_this(), ns);
    } catch (...) {
        remove(ns.id, [] {});
        return bdevkit::detail::handle_exception(BDK_LOG_COMPONENT, "create");
    }
}

void NamespaceBdevs::remove(uint32_t nsid, std::function<void()> done) {
    bdevs_.erase(nsid);
    if (!bdevs_.empty()) return done();
    forget_name();
    controller_->shut_down([done = std::move(done), detached = std::exchange(detached_, {})] {
        done();
        for (const auto& each : detached)
            each();
    });
}

void NamespaceBdevs::detach(std::function<void()> done) {
    detached_.push_back(std::move(done));
    unregister_all();
}

void NamespaceBdevs::list(bdevkit::Json json) const {
    const Identity& identity = controller_->identity();
    json.value("name", name_);
    json.value("transport", transport_);
    json.value("address", address_);
    json.value("state", controller_->state());
    json.value("model_number", identity.model);
    json.value("serial_number", identity.serial);
    json.value("firmware_revision", identity.firmware);
    json.array("namespaces", [&] {
        for (const auto& [nsid, bdev] : bdevs_)
            json.object(nullptr, [&, bdev = bdev] { bdev->list(json); });
    });
}

void NamespaceBdevs::on_namespaces(const std::vector<Namespace>& now) {
    if (bdevs_.empty()) return;  // the controller is being shut down
    for (const auto& [nsid, bdev] : std::map(bdevs_)) {
        const auto found =
            std::find_if(now.begin(), now.end(), [id = nsid](const Namespace& ns) { return ns.id == id; });
        if (found != now.end())
            bdev->on_changed(*found);
        else
            bdev->unregister();
    }
    for (const Namespace& ns : now)
        if (!bdevs_.contains(ns.id)) make(ns);
}

void NamespaceBdevs::unregister_all() {
    for (const auto& [nsid, bdev] : std::map(bdevs_))
        bdev->unregister();
}

NamespaceBdev::Channel::Channel(NamespaceBdev& bdev)
    : queue(bdev.bdevs_->controller().open_queue(bdev.ns_.id)) {}

NamespaceBdev::NamespaceBdev(const char* name, std::shared_ptr<NamespaceBdevs> bdevs, const Namespace& ns)
    : Bdev(name), bdevs_(std::move(bdevs)), ns_(ns) {
    const Limits limits = bdevs_->controller().limits(ns_);
    bdk_bdev& own = bdev();
    own.blockcnt = ns_.blocks;
    own.blocklen = ns_.block_size;
    own.flags = BDK_BDEV_FUA;
    if (ns_.optimal_boundary != 0) own.flags |= BDK_BDEV_SPLIT_ON_OPTIMAL_IO_BOUNDARY;
    if (bdevs_->controller().identity().write_cache) own.flags |= BDK_BDEV_WRITE_CACHE;
    own.required_alignment = limits.alignment;
    own.max_rw_size = uint32_t(limits.max_transfer / ns_.block_size);
    own.max_num_segments = limits.max_segments;
    own.optimal_io_boundary = ns_.optimal_boundary;
    std::copy(ns_.nguid.begin(), ns_.nguid.end(), own.uuid.bytes);
    describe_types(limits);
    describe_metadata();
    describe_zones(limits);
    bdevs_->add(ns_.id, this);
}

void NamespaceBdev::describe_types(const Limits& limits) {
    const Identity& can = bdevs_->controller().identity();
    uint64_t& types = bdev().io_type_supported;
    types = bdevkit::io_types(IoType::read, IoType::write, IoType::flush, IoType::reset, IoType::nvme_admin,
                              IoType::nvme_io, IoType::nvme_io_md, IoType::nvme_iov_md);
    if (limits.aborts) types |= bdevkit::io_types(IoType::abort);
    if (can.compares) types |= bdevkit::io_types(IoType::compare);
    // A bdev_io has a metadata buffer for the first command, but none for the second.
    const bool has_separate_md = ns_.md_size != 0 && !ns_.md_interleaved;
    if (limits.fuses && can.compares && can.max_fused != 0 && !has_separate_md) {
        types |= bdevkit::io_types(IoType::compare_and_write);
        bdev().acwu = std::min(ns_.max_fused != 0 ? ns_.max_fused : can.max_fused, bdev().max_rw_size);
    }
    if (can.unmaps) types |= bdevkit::io_types(IoType::unmap);
    if (can.writes_zeroes) {
        types |= bdevkit::io_types(IoType::write_zeroes);
        bdev().max_write_zeroes = std::min<uint32_t>(bdev().max_rw_size, 65536);
    }
    bdev().max_unmap = UINT32_MAX;
    // The command would keep the reference tags of the source blocks. The core's emulation makes new ones.
    const bool has_reference_tags = ns_.pi_type == 1 || ns_.pi_type == 2;
    if (can.copies && ns_.max_copy != 0 && !has_reference_tags) {
        types |= bdevkit::io_types(IoType::copy);
        bdev().max_copy = std::min<uint32_t>(ns_.max_copy, 65536);
    }
}

void NamespaceBdev::describe_metadata() {
    bdk_bdev& own = bdev();
    own.md_len = ns_.md_size;
    if (ns_.md_interleaved) own.flags |= BDK_BDEV_MD_INTERLEAVED;
    if (ns_.pi_type == 0) return;
    own.dif_type = ns_.pi_type;
    own.dif_check_flags = BDK_DIF_CHECK_GUARD;
    if (ns_.pi_type != 3) own.dif_check_flags |= BDK_DIF_CHECK_REFTAG;
    if (ns_.pi_at_head) own.flags |= BDK_BDEV_DIF_HEAD_OF_MD;
}

void NamespaceBdev::describe_zones(const Limits& limits) {
    const Zones& zones = ns_.zones;
    if (zones.size == 0) return;
    bdk_bdev& own = bdev();
    own.flags |= BDK_BDEV_ZONED;
    own.io_type_supported |=
        bdevkit::io_types(IoType::get_zone_info, IoType::zone_management, IoType::zone_append);
    own.zone_size = zones.size;
    own.max_open_zones = zones.max_open;
    own.max_active_zones = zones.max_active;
    const uint64_t append =
        zones.max_append == 0 ? limits.max_transfer : std::min(zones.max_append, limits.max_transfer);
    own.max_zone_append_size = uint32_t(append / ns_.block_size);
    const bool boundary_keeps_zones =
        own.optimal_io_boundary != 0 && zones.size % own.optimal_io_boundary == 0;
    if (zones.crossed_by_reads || boundary_keeps_zones || zones.size > UINT32_MAX) return;
    own.optimal_io_boundary = uint32_t(zones.size);
    own.flags |= BDK_BDEV_SPLIT_ON_OPTIMAL_IO_BOUNDARY;
}

void NamespaceBdev::submit(Channel& ch, Io io) {
    if (io.type() == IoType::read && !io.has_buffer()) return with_buffer<&NamespaceBdev::start>(io);
    if (io.type() == IoType::reset) return reset(io);
    if (io.type() == IoType::abort) return ch.queue->abort(io);
    start(ch, io);
}

void NamespaceBdev::start(Channel& ch, Io io) {
    auto& context = io.context<IoContext>();
    if (io.type() == IoType::get_zone_info) context.report = {.queue = ch.queue.get(), .nsid = ns_.id};
    bool started = false;
    if (io.type() == IoType::compare_and_write) {
        const auto [compare, write] = fused_requests_of(io, ns_);
        started = ch.queue->submit_fused(io, compare, write);
    } else {
        started = ch.queue->submit(io, request_of(io, ns_, context), io.type() == IoType::nvme_admin);
    }
    if (!started) io.complete(IoStatus::nomem);
}

/// Ends when all I/O that was in flight on any channel has ended. New I/O waits in the core meanwhile.
void NamespaceBdev::reset(Io io) {
    bdevs_->controller().reset(&bdev(), [this, io](int rc) {
        if (rc != 0) return io.complete_errno(rc);
        bdk_for_each_channel(
            this,
            [](bdk_io_channel_iter* walk) {
                bdk_io_channel* ch = bdk_io_channel_iter_get_channel(walk);
                static_cast<Channel*>(bdk_io_channel_get_ctx(ch))->queue->drain(walk);
            },
            io.get(),
            [](bdk_io_channel_iter* walk, int) {
                Io(static_cast<bdk_bdev_io*>(bdk_io_channel_iter_get_ctx(walk))).complete();
            });
    });
}

void NamespaceBdev::destruct() {
    bdevs_->remove(ns_.id, [this] { finish_destruct(); });
}

void NamespaceBdev::on_changed(const Namespace& now) {
    if (now.block_size != ns_.block_size || now.md_size != ns_.md_size || now.pi_type != ns_.pi_type ||
        now.zones.size != ns_.zones.size) {
        bdevkit::log(LogLevel::warn, BDK_LOG_COMPONENT,
                     format("'%s' has been formatted with another layout: the bdev is removed", name()));
        return unregister();
    }
    if (now.blocks == ns_.blocks) return;
    const int rc = bdevkit::detail::guarded(BDK_LOG_COMPONENT, "resize", [&] { notify_resized(now.blocks); });
    if (rc == 0) ns_.blocks = now.blocks;
}

void NamespaceBdev::list(bdevkit::Json json) const {
    json.value("id", uint64_t(ns_.id));
    json.value("bdev", name());
    json.value("num_blocks", ns_.blocks);
    json.value("block_size", uint64_t(ns_.block_size));
    json.value("metadata_size", uint64_t(ns_.md_size));
    json.value("metadata_interleaved", ns_.md_interleaved);
    json.value("protection_information_type", uint64_t(ns_.pi_type));
}

void NamespaceBdev::dump_info(bdevkit::Json json) const {
    const Identity& identity = bdevs_->controller().identity();
    bdevs_->controller().dump_info(json, ns_);
    json.value("namespace", uint64_t(ns_.id));
    json.value("serial_number", identity.serial);
    json.value("model_number", identity.model);
    json.value("firmware_revision", identity.firmware);
    if (ns_.zones.size == 0) return;
    const bdk_bdev& own = bdev();
    json.value("zone_size", own.zone_size);
    json.value("max_open_zones", uint64_t(own.max_open_zones));
    json.value("max_active_zones", uint64_t(own.max_active_zones));
    json.value("max_zone_append_size", uint64_t(own.max_zone_append_size));
}

}  // namespace nvme
