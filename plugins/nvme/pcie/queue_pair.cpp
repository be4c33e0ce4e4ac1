// SPDX-License-Identifier: BSD-3-Clause
#include "queue_pair.hpp"

namespace nvme::pcie {

QueuePair::QueuePair(uint32_t depth, const Memory& memory)
    : memory_(memory),
      submission_(memory.submission_doorbell),
      completion_(memory.completion_doorbell),
      depth_(depth),
      used_(depth - 1) {
    free_.reserve(depth - 1);
    restart();
}

void QueuePair::restart(const Doorbell::Shadow& submission, const Doorbell::Shadow& completion) noexcept {
    submission_.restart(submission);
    completion_.restart(completion);
    tail_ = told_ = head_ = 0;
    phase_ = 1;
    for (uint32_t i = 0; i < depth_; i++)
        memory_.completions[i].status = 0;
    free_.clear();
    for (uint32_t cid = depth_ - 1; cid-- > 0;) {
        free_.push_back(uint16_t(cid));
        used_[cid] = 0;
    }
}

uint16_t QueuePair::submit(Command command) noexcept {
    command.cid = free_.back();
    free_.pop_back();
    used_[command.cid] = 1;
    memory_.commands[tail_] = command;
    if (++tail_ == depth_) tail_ = 0;
    return command.cid;
}

}  // namespace nvme::pcie
