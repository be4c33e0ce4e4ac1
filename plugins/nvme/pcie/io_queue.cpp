// SPDX-License-Identifier: BSD-3-Clause
#include "io_queue.hpp"

namespace nvme::pcie {

namespace {

constexpr size_t whole_pages(size_t bytes) {
    return (bytes + page_size - 1) / page_size * page_size;
}

constexpr size_t submission_bytes(uint32_t depth) {
    return whole_pages(depth * sizeof(Command));
}

constexpr size_t queue_bytes(uint32_t depth) {
    return submission_bytes(depth) + whole_pages(depth * sizeof(Completion));
}

}  // namespace

IoQueue::IoQueue(const VfioDevice& device, uint16_t given_id, uint32_t depth, uint32_t pages)
    : id(given_id),
      interrupt_event(device.interrupt_event(given_id)),
      memory(device.container(), queue_bytes(depth) + size_t(pages) * page_size),
      submission_iova(memory.iova()),
      completion_iova(memory.iova() + submission_bytes(depth)),
      pair(depth, {.commands = reinterpret_cast<Command*>(memory.data()),
                   .completions = reinterpret_cast<Completion*>(memory.data() + submission_bytes(depth)),
                   .submission_doorbell = Registers(device.bar()).submission_doorbell(id),
                   .completion_doorbell = Registers(device.bar()).completion_doorbell(id)}),
      pool(memory.data() + queue_bytes(depth), memory.iova() + queue_bytes(depth), pages) {}

}  // namespace nvme::pcie
