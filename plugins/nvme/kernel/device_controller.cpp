// SPDX-License-Identifier: BSD-3-Clause
#include "device_controller.hpp"

#include <bdevkit/error.hpp>
#include <bdevkit/log.hpp>
#include <bdevkit/thread.hpp>

#include <fcntl.h>
#include <linux/nvme_ioctl.h>
#include <nvme/types.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <utility>

#include "ring_queue.hpp"

namespace nvme::kernel {

namespace {

using bdevkit::Error, bdevkit::format, bdevkit::Thread;

/// The kernel accepts at most 127 segments, and memory may be scattered in pages of 4 KiB.
constexpr uint64_t largest_transfer = 256 * 1024;
constexpr uint64_t smallest_page = 4096;  // the only size that the kernel's driver uses

File open_device(const std::string& path, int flags) {
    const int fd = open(path.c_str(), flags | O_CLOEXEC);
    if (fd < 0)
        throw Error(
            errno,
            format("cannot open '%s': %s%s", path.c_str(), std::generic_category().message(errno).c_str(),
                   errno == EACCES ? ": run as root, or get read and write access to it" : ""));
    return File(fd);
}

/// Opens the block device /dev/nvmeXnY of /dev/ngXnY exclusively, so that others can neither mount nor claim
/// it.
/// @return no file when there is no such device
File claim_block_device(const std::string& generic_name) {
    const std::string path = "/dev/nvme" + generic_name.substr(2);
    const int fd = open(path.c_str(), O_RDONLY | O_EXCL | O_CLOEXEC);
    if (fd < 0 && errno == EBUSY)
        throw Error(EBUSY, format("'%s' is in use: unmount it; lsblk shows what uses it", path.c_str()));
    return File(fd);
}

}  // namespace

File::~File() {
    if (fd_ >= 0) close(fd_);
}

File::File(File&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}

File& File::operator=(File&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
}

DeviceController::DeviceController(const char* path) : path_(path), file_(open_device(path, O_RDWR)) {
    std::array<std::byte, 4096> data;
    const Status status = identify(NVME_IDENTIFY_CNS_CTRL, 0, 0, data);
    if (!status.success())
        throw Error(EIO, format("'%s' refuses to identify itself: NVMe status 0x%x", path_.c_str(),
                                unsigned(status.code)));
    identity_ = parse_identity(data, smallest_page);
    open_namespaces();
}

Status DeviceController::identify(uint32_t cns, uint32_t csi, uint32_t nsid,
                                  std::span<std::byte, 4096> data) const {
    nvme_admin_cmd command{};
    command.opcode = nvme_admin_identify;
    command.nsid = nsid;
    command.addr = reinterpret_cast<uint64_t>(data.data());
    command.data_len = uint32_t(data.size());
    command.cdw10 = cns;
    command.cdw11 = csi << 24;
    const int rc = ioctl(file_.fd(), NVME_IOCTL_ADMIN_CMD, &command);
    if (rc < 0)
        throw Error(errno, format("'%s' does not identify itself: %s%s", path_.c_str(),
                                  std::generic_category().message(errno).c_str(),
                                  errno == ENOTTY ? ": it is no NVMe controller, such as /dev/nvme0" : ""));
    return {.code = uint16_t(rc), .result = command.result};
}

/// The namespaces of /dev/nvme0 are /dev/ng0n1 and so on. Their numbers are not the namespace identifiers.
void DeviceController::open_namespaces() {
    const std::string controller = std::filesystem::path(path_).filename();
    if (!controller.starts_with("nvme"))
        throw Error(EINVAL, format("'%s': expected a controller such as /dev/nvme0", path_.c_str()));
    const std::string prefix = "ng" + controller.substr(4) + "n";
    std::vector<std::string> names;
    for (const auto& entry : std::filesystem::directory_iterator("/dev"))
        if (const std::string name = entry.path().filename(); name.starts_with(prefix)) names.push_back(name);
    std::sort(names.begin(), names.end());
    for (const std::string& name : names)
        open_namespace(name);
}

void DeviceController::open_namespace(const std::string& name) {
    NamespaceFiles files;
    files.path = "/dev/" + name;
    files.file = open_device(files.path, O_RDWR);
    const int nsid = ioctl(files.file.fd(), NVME_IOCTL_ID);
    if (nsid < 0) throw Error(errno, format("'%s' has no namespace", files.path.c_str()));
    const auto ns = identify_namespace(files.path, identity_, uint32_t(nsid), smallest_page,
                                       [this](auto... question) { return identify(question...); });
    if (!ns) return;
    files.block = claim_block_device(name);
    namespaces_.push_back(*ns);
    files_.emplace(ns->id, std::move(files));
}

Limits DeviceController::limits(const Namespace&) const {
    Limits limits{.max_transfer = largest_transfer,
                  .max_segments = 64,
                  .alignment = 2,  // PRP entries and SGLs count in dwords
                  .aborts = false};
    if (identity_.max_transfer != 0)
        limits.max_transfer = std::min(limits.max_transfer, identity_.max_transfer);
    return limits;
}

std::unique_ptr<Queue> DeviceController::open_queue(uint32_t nsid) {
    return std::make_unique<RingQueue>(std::array{files_.at(nsid).file.fd(), file_.fd()});
}

void DeviceController::start(Events) {
    worker_.start();
}

void DeviceController::reset(const bdk_bdev* bdev, std::function<void(int rc)> done) {
    if (bdev != nullptr) return done(0);
    worker_.post([this, done = std::move(done), thread = Thread::current()] {
        const int rc = ioctl(file_.fd(), NVME_IOCTL_RESET) < 0 ? -errno : 0;
        thread.send([done, rc] { done(rc); });
    });
}

void DeviceController::admin(const Request& request, std::function<void(const AdminEnd&)> done) {
    nvme_admin_cmd command{};
    command.opcode = request.command.opcode;
    command.nsid = request.command.nsid;
    command.addr = reinterpret_cast<uint64_t>(request.data.buf);
    command.data_len = request.data.bytes;
    command.cdw10 = request.command.cdw10;
    command.cdw11 = request.command.cdw11;
    command.cdw12 = request.command.cdw12;
    command.cdw13 = request.command.cdw13;
    command.cdw14 = request.command.cdw14;
    command.cdw15 = request.command.cdw15;
    worker_.post([this, command, done = std::move(done)]() mutable {
        const int rc = ioctl(file_.fd(), NVME_IOCTL_ADMIN_CMD, &command);
        AdminEnd end{.rc = rc < 0 ? -errno : 0};
        if (rc > 0) end = {.sct = uint32_t(rc) >> 8 & 7, .sc = uint32_t(rc) & 0xff};
        Thread::app().send([done, end] { done(end); });
    });
}

/// After the jobs that were posted before.
void DeviceController::shut_down(std::function<void()> done) {
    worker_.post([done = std::move(done)] { Thread::app().send(done); });
}

void DeviceController::dump_info(bdevkit::Json json, const Namespace& ns) const {
    json.value("controller", path_);
    json.value("device", files_.at(ns.id).path);
}

SharedController connect(const Options& options) {
    return std::make_shared<DeviceController>(options.address);
}

}  // namespace nvme::kernel
