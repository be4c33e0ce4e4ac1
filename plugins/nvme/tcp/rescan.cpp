// SPDX-License-Identifier: BSD-3-Clause
#include "rescan.hpp"

#include <algorithm>

#include "fabrics.hpp"
#include "session.hpp"

namespace nvme::tcp {

void Rescan::start(Run run, OnFound on_found) {
    const std::shared_ptr<Rescan> rescan(new Rescan(std::move(run), std::move(on_found)));
    // Reading the list of changed namespaces enables the event again.
    rescan->ask(log_page(NVME_LOG_LID_CHANGED_NS, sizeof(data_)), &Rescan::list);
}

/// A log may be shorter than the buffer. The rest of the buffer is zeroes, which end a list.
/// @param must  whether a failure ends the rescan; otherwise it continues with zeroes
void Rescan::ask(const Command& command, void (Rescan::*then)(), bool must) {
    const bool is_log = command.opcode == nvme_admin_get_log_page;
    const auto on_ended = [self = shared_from_this(), then, must,
                           is_log](const std::optional<Result>& result) {
        const bool enough = result && result->ok() && (result->bytes == sizeof(self->data_) || is_log);
        if (!result || (must && !enough)) return;
        const size_t came = enough ? result->bytes : 0;
        std::fill(self->data_.begin() + std::ptrdiff_t(came), self->data_.end(), std::byte());
        (*self.*then)();
    };
    run_(command, {.buf = data_.data(), .bytes = sizeof(data_)}, on_ended);
}

void Rescan::list() {
    ask(identify_command(NVME_IDENTIFY_CNS_NS_ACTIVE_LIST, 0), &Rescan::listed);
}

void Rescan::listed() {
    ids_ = active_namespaces(data_);
    std::reverse(ids_.begin(), ids_.end());
    next();
}

void Rescan::next() {
    if (ids_.empty()) return on_found_(namespaces_);
    ask(identify_command(NVME_IDENTIFY_CNS_NS, ids_.back()), &Rescan::identified);
}

void Rescan::identified() {
    const uint32_t id = ids_.back();
    ids_.pop_back();
    const auto ns = usable_namespace(id, data_);
    if (!ns) return next();
    namespaces_.push_back(*ns);
    ask(identify_command(NVME_IDENTIFY_CNS_NS_DESC_LIST, id), &Rescan::listed_identifiers, false);
}

void Rescan::listed_identifiers() {
    add_uuid(namespaces_.back(), data_);
    next();
}

}  // namespace nvme::tcp
