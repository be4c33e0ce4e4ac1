// SPDX-License-Identifier: BSD-3-Clause
// nvme: the namespaces of an NVMe controller. Each is a bdev NAMEnN, N the namespace's identifier.
#include <linux/nvme_ioctl.h>
#include <bdevkit/bdevkit.hpp>

#include <bit>
#include <utility>

#include "../uring/channel.hpp"
#include "command.hpp"
#include "kernel_controller.hpp"

namespace {

using bdevkit::Error, bdevkit::format, bdevkit::Io, bdevkit::IoStatus, bdevkit::IoType;

/// Bdevs of one controller, which goes with the last of them.
using SharedController = std::shared_ptr<KernelController>;

class Nvme : public bdevkit::Bdev<Nvme> {
public:
    struct Options {
        bdevkit::Path address;
    };
    static constexpr bdk_option options[] = {
        BDEVKIT_OPTION(address, "The controller's device in the kernel, such as /dev/nvme0.").required(),
    };
    static constexpr const char* product_name = "NVMe namespace";
    using IoContext = NvmeIoContext;

    class Channel : public UringChannel<Nvme> {
    public:
        explicit Channel(Nvme& disk) : UringChannel(disk, disk.files_, {.nvme = true}) {}
    };

    static int create(bdk_create*, const char* name, const Options& given) {
        const auto controller = std::make_shared<KernelController>(given.address);
        if (controller->namespaces().empty())
            throw Error(ENODEV, format("'%s' has no active namespace", given.address.path));
        std::vector<std::string> made;
        for (KernelNamespace& ns : controller->namespaces()) {
            made.push_back(format("%sn%u", name, ns.info.id));
            const int rc = make(made.back().c_str(), controller, std::move(ns));
            if (rc == 0) continue;
            made.pop_back();
            for (const std::string& other : made)
                bdk_bdev_unregister_by_name(other.c_str(), &bdk_module_v1, nullptr, nullptr);
            return rc;
        }
        return 0;
    }

    Nvme(const char* name, SharedController controller, KernelNamespace&& ns)
        : Bdev(name),
          controller_(std::move(controller)),
          ns_(std::move(ns)),
          files_{ns_.file.fd(), controller_->fd()} {
        const NvmeNamespace& info = ns_.info;
        bdk_bdev& own = bdev();
        own.blockcnt = info.blocks;
        own.blocklen = info.block_size;
        own.flags = BDK_BDEV_FUA;
        if (controller_->info().write_cache) own.flags |= BDK_BDEV_WRITE_CACHE;
        own.required_alignment = 2;  // PRP entries and SGLs count in dwords
        own.max_rw_size = uint32_t(ns_.max_transfer / info.block_size);
        own.max_num_segments = 64;
        own.optimal_io_boundary = info.optimal_boundary;
        std::copy(info.nguid.begin(), info.nguid.end(), own.uuid.bytes);
        describe_types();
        describe_metadata();
    }

    void submit(Channel& ch, Io io) {
        if (io.type() == IoType::read && !io.has_buffer()) return with_buffer<&Nvme::start>(io);
        // The kernel's driver resets the controller itself when commands do not end.
        if (io.type() == IoType::reset) return Channel::drain_all(*this, io);
        start(ch, io);
    }

    /// What became of a command. `result`: the NVMe status, or a negative errno when it has none.
    void ended(Channel&, Io io, int result, uint64_t detail) {
        if (result >= 0)
            bdk_bdev_io_complete_nvme_status(io.get(), uint32_t(detail), uint32_t(result) >> 8 & 7,
                                             uint32_t(result) & 0xff);
        else if (result == -EAGAIN)
            io.complete(IoStatus::nomem);
        else
            io.complete_errno(result == -ENOMEM ? -EIO : result);
    }

    void dump_info(bdevkit::Json json) const {
        const NvmeController& info = controller_->info();
        json.value("controller", controller_->path());
        json.value("namespace", uint64_t(ns_.info.id));
        json.value("device", ns_.path);
        json.value("serial_number", info.serial);
        json.value("model_number", info.model);
        json.value("firmware_revision", info.firmware);
    }

private:
    void describe_types() {
        const NvmeController& can = controller_->info();
        uint64_t& types = bdev().io_type_supported;
        types =
            bdevkit::io_types(IoType::read, IoType::write, IoType::flush, IoType::reset, IoType::nvme_admin,
                              IoType::nvme_io, IoType::nvme_io_md, IoType::nvme_iov_md);
        if (can.compares) types |= bdevkit::io_types(IoType::compare);
        if (can.unmaps) types |= bdevkit::io_types(IoType::unmap);
        if (can.writes_zeroes) {
            types |= bdevkit::io_types(IoType::write_zeroes);
            bdev().max_write_zeroes = std::min<uint32_t>(bdev().max_rw_size, 65536);
        }
        bdev().max_unmap = UINT32_MAX;
        if (can.copies && ns_.info.max_copy != 0) {
            types |= bdevkit::io_types(IoType::copy);
            bdev().max_copy = std::min<uint32_t>(ns_.info.max_copy, 65536);
        }
    }

    void describe_metadata() {
        const NvmeNamespace& info = ns_.info;
        bdk_bdev& own = bdev();
        own.md_len = info.md_size;
        if (info.md_interleaved) own.flags |= BDK_BDEV_MD_INTERLEAVED;
        if (info.pi_type == 0) return;
        own.dif_type = info.pi_type;
        own.dif_check_flags = BDK_DIF_CHECK_GUARD;
        if (info.pi_type != 3) own.dif_check_flags |= BDK_DIF_CHECK_REFTAG;
        if (info.pi_at_head) own.flags |= BDK_BDEV_DIF_HEAD_OF_MD;
    }

    void start(Channel& ch, Io io) {
        io_uring_sqe* sqe = ch.ring(false).next();
        if (sqe == nullptr) return io.complete(IoStatus::nomem);
        prepare(sqe, nvme_request(io, ns_.info, io.context<IoContext>()), io.type() == IoType::nvme_admin);
        ch.ring(false).add(sqe, io.get());
        ch.wake_up();
    }

    /// The kernel's form of a command; it takes identifier and data pointers for itself.
    static void prepare(io_uring_sqe* sqe, const NvmeRequest& request, bool admin) {
        const NvmeCommand& command = request.command;
        const NvmeData& data = request.data;
        const bool vector = data.iovcnt != 0;
        io_uring_prep_rw(IORING_OP_URING_CMD, sqe, admin ? admin_file : namespace_file, nullptr, 0, 0);
        sqe->cmd_op = admin ? (vector ? NVME_URING_CMD_ADMIN_VEC : NVME_URING_CMD_ADMIN)
                            : (vector ? NVME_URING_CMD_IO_VEC : NVME_URING_CMD_IO);
        auto* to = new (sqe->cmd) nvme_uring_cmd{};
        to->opcode = command.opcode;
        to->flags = command.flags;
        to->nsid = command.nsid;
        to->cdw2 = command.cdw2;
        to->cdw3 = command.cdw3;
        to->metadata = reinterpret_cast<uint64_t>(data.md);
        to->metadata_len = data.md_bytes;
        to->addr = reinterpret_cast<uint64_t>(vector ? static_cast<const void*>(data.iovs) : data.buf);
        to->data_len = vector ? data.iovcnt : data.bytes;
        to->cdw10 = command.cdw10;
        to->cdw11 = command.cdw11;
        to->cdw12 = command.cdw12;
        to->cdw13 = command.cdw13;
        to->cdw14 = command.cdw14;
        to->cdw15 = command.cdw15;
    }

    static constexpr int namespace_file = 0, admin_file = 1;

    SharedController controller_;
    KernelNamespace ns_;
    std::array<int, 2> files_;
};

}  // namespace

BDEVKIT_MODULE(Nvme, .name = "nvme", .version = "1.0.0",
               .description = "The namespaces of an NVMe controller", .author = "bdevkit",
               .license = "BSD-3-Clause");
