// SPDX-License-Identifier: BSD-3-Clause
#include "admin.hpp"

#include <bdevkit/error.hpp>
#include <bdevkit/log.hpp>

#include <endian.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstddef>
#include <cstring>
#include <thread>
#include <utility>

namespace nvme::pcie {

namespace {

using bdevkit::Error, bdevkit::format;
using Clock = std::chrono::steady_clock;

constexpr std::chrono::microseconds step{100};
constexpr std::chrono::seconds shut_down_patience{30};
constexpr uint32_t smart_events = 0x1f;

Request reading(Command command, void* data, uint32_t bytes) {
    return {command, {.buf = data, .bytes = bytes}};
}

}  // namespace

Admin::Admin(VfioDevice& device, std::chrono::milliseconds patience)
    : device_(device), registers_(device.bar()), patience_(patience), queue_(device, 0, depth, pages) {
    const uint64_t cap = registers_.read64(NVME_REG_CAP);
    if (cap == UINT64_MAX) throw Error(ENODEV, format("'%s' does not answer", device.address().c_str()));
    if (NVME_CAP_MPSMIN(cap) != 0)
        throw Error(ENOTSUP, format("'%s' does not support pages of 4096 bytes", device.address().c_str()));
}

void Admin::wait(uint32_t mask, uint32_t value, const char* what) {
    const auto deadline = Clock::now() + registers_.timeout();
    for (;;) {
        const uint32_t status = registers_.status();
        if (status == UINT32_MAX) throw Error(ENODEV, format("'%s' is gone", device_.address().c_str()));
        if ((status & mask) == value) return;
        if (Clock::now() > deadline)
            throw Error(ETIMEDOUT,
                        format("'%s' does not %s (CSTS 0x%x)", device_.address().c_str(), what, status));
        std::this_thread::sleep_for(step);
    }
}

void Admin::disable() {
    const uint32_t cc = registers_.read32(NVME_REG_CC);
    if (NVME_CC_EN(cc) != 0) {
        // A controller that is starting must not be stopped before it is ready. After a fatal error it never
        // is.
        if (!fatal()) wait(NVME_CSTS_RDY_MASK, NVME_CSTS_RDY_MASK, "become ready");
        registers_.write32(NVME_REG_CC, cc & ~uint32_t(NVME_CC_EN_MASK));
    }
    wait(NVME_CSTS_RDY_MASK, 0, "stop");
    waited_ = event_ = none;
    queue_.pair.restart();
    transfer_.end(queue_.pool, false);  // the data of a command that is still under way
}

void Admin::enable() {
    registers_.write32(NVME_REG_AQA, (depth - 1) << NVME_AQA_ACQS_SHIFT | (depth - 1));
    registers_.write64(NVME_REG_ASQ, queue_.submission_iova);
    registers_.write64(NVME_REG_ACQ, queue_.completion_iova);
    constexpr uint32_t submission_entry = 6, completion_entry = 4;  // powers of two
    const bool has_other_sets = (NVME_CAP_CSS(registers_.read64(NVME_REG_CAP)) & NVME_CAP_CSS_CSI) != 0;
    const uint32_t sets = has_other_sets ? NVME_CC_CSS_CSI : NVME_CC_CSS_NVM;
    registers_.write32(NVME_REG_CC, submission_entry << NVME_CC_IOSQES_SHIFT |
                                        completion_entry << NVME_CC_IOCQES_SHIFT | sets << NVME_CC_CSS_SHIFT |
                                        NVME_CC_EN_MASK);
    wait(NVME_CSTS_RDY_MASK, NVME_CSTS_RDY_MASK, "become ready");
}

void Admin::shut_down() {
    if (gone()) return;
    const uint32_t cc = registers_.read32(NVME_REG_CC);
    registers_.write32(NVME_REG_CC, cc | NVME_CC_SHN_NORMAL << NVME_CC_SHN_SHIFT);
    const auto deadline = Clock::now() + shut_down_patience;
    while (!gone() && NVME_CSTS_SHST(registers_.status()) != NVME_CSTS_SHST_CMPLT) {
        if (Clock::now() > deadline)
            throw Error(ETIMEDOUT, format("'%s' does not shut down", device_.address().c_str()));
        std::this_thread::sleep_for(step);
    }
    if (!gone()) disable();
}

void Admin::poll() {
    queue_.pair.poll([this](uint16_t cid, Status status) {
        if (cid == waited_) {
            ended_ = status;
            waited_ = none;
        } else if (cid == event_) {
            event_ = none;
            if (status.success()) events_.push_back(uint32_t(status.result));
        }
    });
}

Status Admin::command(const Request& request) {
    Command command = request.command;
    if (!Transfer::fits(request.data) || !transfer_.begin(queue_.pool, request, command))
        return {.code = NVME_SC_INVALID_FIELD, .result = 0};
    waited_ = queue_.pair.submit(command);
    queue_.pair.ring();
    const auto deadline = Clock::now() + patience_;
    for (poll(); waited_ != none; poll()) {
        const bool late = Clock::now() > deadline;
        if (late || gone()) {
            waited_ = none;  // its pages stay taken: the device may still write to them
            throw Error(late ? ETIMEDOUT : ENODEV,
                        format("'%s' does not end the admin command 0x%02x", device_.address().c_str(),
                               unsigned(command.opcode)));
        }
        std::this_thread::sleep_for(step);
    }
    transfer_.end(queue_.pool, ended_.success());
    return ended_;
}

Status Admin::run(Command given, const char* what) {
    const Status status = command({given, {}});
    if (!status.success())
        throw Error(EIO,
                    format("'%s' refuses to %s: NVMe status code type %u, code 0x%02x",
                           device_.address().c_str(), what, unsigned(status.sct()), unsigned(status.sc())));
    return status;
}

Status Admin::identify(uint32_t cns, uint32_t csi, uint32_t nsid, void* data) {
    return command(
        reading({.opcode = nvme_admin_identify, .nsid = nsid, .cdw10 = cns, .cdw11 = csi << 24}, data, 4096));
}

void Admin::must_identify(uint32_t cns, void* data) {
    const Status status = identify(cns, 0, 0, data);
    if (!status.success())
        throw Error(
            EIO,
            format("'%s' refuses to identify itself (CNS %u): NVMe status code type %u, code 0x%02x",
                   device_.address().c_str(), unsigned(cns), unsigned(status.sct()), unsigned(status.sc())));
}

Identity Admin::identify() {
    std::array<std::byte, 4096> data;
    must_identify(NVME_IDENTIFY_CNS_CTRL, data.data());
    uint32_t offered = 0;
    std::memcpy(&offered, data.data() + offsetof(nvme_id_ctrl, oaes), sizeof(offered));
    event_mask_ = smart_events | (le32toh(offered) & (NVME_CTRL_OAES_NA | NVME_CTRL_OAES_FA));
    identity_ = parse_identity(data, page_size);
    return identity_;
}

std::vector<Namespace> Admin::namespaces() {
    nvme_ns_list active;
    must_identify(NVME_IDENTIFY_CNS_NS_ACTIVE_LIST, &active);
    std::vector<Namespace> result;
    for (const uint32_t listed : active.ns) {
        if (listed == 0) break;
        const auto ns = identify_namespace(device_.address(), identity_, le32toh(listed), page_size,
                                           [this](uint32_t cns, uint32_t csi, uint32_t nsid, auto data) {
                                               return identify(cns, csi, nsid, data.data());
                                           });
        if (ns) result.push_back(*ns);
    }
    return result;
}

uint32_t Admin::request_io_queues(uint32_t wanted) {
    const uint32_t number = wanted - 1;
    const Status status = run({.opcode = nvme_admin_set_features,
                               .cdw10 = NVME_FEAT_FID_NUM_QUEUES,
                               .cdw11 = number << 16 | number},
                              "give I/O queues");
    const auto granted = uint32_t(status.result);
    return std::min({wanted, (granted & 0xffff) + 1, (granted >> 16) + 1});
}

uint32_t Admin::io_queue_depth(uint32_t wanted) const noexcept {
    return std::min(wanted, uint32_t(NVME_CAP_MQES(registers_.read64(NVME_REG_CAP))) + 1);
}

void Admin::share_doorbells(uint32_t most_queues) {
    shared_ = false;
    const bool fit = 2 * (most_queues + 1) * registers_.doorbell_stride() <= page_size;
    if (!identity_.shadow_doorbells || !fit) return;
    if (!doorbells_) doorbells_.emplace(device_.container(), 2 * page_size);
    const Status status = command(
        {{.opcode = nvme_admin_dbbuf, .dptr = {doorbells_->iova(), doorbells_->iova() + page_size}}, {}});
    shared_ = status.success();
}

/// @param doorbell  counted as the registers are: those of submission queues have even numbers
Doorbell::Shadow Admin::shadow(uint32_t doorbell) const noexcept {
    if (!shared_) return {};
    std::byte* value = doorbells_->data() + doorbell * registers_.doorbell_stride();
    return {reinterpret_cast<uint32_t*>(value), reinterpret_cast<uint32_t*>(value + page_size)};
}

void Admin::create(IoQueue& queue) {
    constexpr uint32_t contiguous = 1, interrupts = 1u << 1;
    const uint32_t vector = queue.interrupt_event < 0 ? 0 : interrupts | uint32_t(queue.id) << 16;
    queue.pair.restart(shadow(2u * queue.id), shadow(2u * queue.id + 1));
    const uint32_t size = (queue.pair.depth() - 1) << 16 | queue.id;
    run({.opcode = nvme_admin_create_cq,
         .dptr = {queue.completion_iova, 0},
         .cdw10 = size,
         .cdw11 = vector | contiguous},
        "create a completion queue");
    run({.opcode = nvme_admin_create_sq,
         .dptr = {queue.submission_iova, 0},
         .cdw10 = size,
         .cdw11 = uint32_t(queue.id) << 16 | contiguous},
        "create a submission queue");
}

void Admin::remove(const IoQueue& queue) {
    run({.opcode = nvme_admin_delete_sq, .cdw10 = queue.id}, "delete a submission queue");
    run({.opcode = nvme_admin_delete_cq, .cdw10 = queue.id}, "delete a completion queue");
}

bool Admin::abort(uint16_t queue, uint16_t cid) {
    const Status status =
        command({{.opcode = nvme_admin_abort_cmd, .cdw10 = uint32_t(cid) << 16 | queue}, {}});
    return status.success() && (status.result & 1) == 0;
}

void Admin::watch_events() {
    run({.opcode = nvme_admin_set_features, .cdw10 = NVME_FEAT_FID_ASYNC_EVENT, .cdw11 = event_mask_},
        "report events");
    event_ = queue_.pair.submit({.opcode = nvme_admin_async_event});
    queue_.pair.ring();
}

std::vector<uint32_t> Admin::take_events() {
    poll();
    if (!events_.empty() && event_ == none) {
        event_ = queue_.pair.submit({.opcode = nvme_admin_async_event});
        queue_.pair.ring();
    }
    return std::exchange(events_, {});
}

void Admin::acknowledge_changed_namespaces() {
    nvme_ns_list changed;
    constexpr uint32_t dwords = sizeof(changed) / 4 - 1;
    command(reading({.opcode = nvme_admin_get_log_page,
                     .nsid = NVME_NSID_ALL,
                     .cdw10 = dwords << 16 | NVME_LOG_LID_CHANGED_NS},
                    &changed, sizeof(changed)));
}

}  // namespace nvme::pcie
