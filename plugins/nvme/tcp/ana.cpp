// SPDX-License-Identifier: BSD-3-Clause
#include "ana.hpp"

#include <bdevkit/error.hpp>

#include <endian.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace nvme::tcp {

using bdevkit::Error, bdevkit::format;

namespace {

/// Reads structures and numbers from the log, one after another.
class LogReader {
public:
    explicit LogReader(Bytes log) noexcept : left_(log) {}

    template <class T>
    T take() {
        if (left_.size() < sizeof(T)) throw Error(EPROTO, "the ANA log is shorter than its fields say");
        T value;
        std::memcpy(static_cast<void*>(&value), left_.data(), sizeof(T));
        left_ = left_.subspan(sizeof(T));
        return value;
    }

private:
    Bytes left_;
};

Access access_of(uint8_t state) {
    switch (state) {
        case NVME_ANA_STATE_OPTIMIZED:
            return Access::optimized;
        case NVME_ANA_STATE_NONOPTIMIZED:
            return Access::non_optimized;
        case NVME_ANA_STATE_INACCESSIBLE:
            return Access::inaccessible;
        case NVME_ANA_STATE_PERSISTENT_LOSS:
            return Access::lost;
        case NVME_ANA_STATE_CHANGE:
            return Access::changing;
        default:
            throw Error(EPROTO, format("the ANA log has an unknown state, %u", state));
    }
}

}  // namespace

const char* access_name(Access access) {
    constexpr const char* names[] = {"optimized",       "non-optimized", "inaccessible", "change",
                                     "persistent-loss", "unknown",       "none"};
    return names[size_t(access)];
}

uint32_t ana_log_size(const nvme_id_ctrl& data, uint64_t most) {
    constexpr uint64_t largest = 1024 * 1024;
    if ((data.cmic & NVME_CTRL_CMIC_MULTI_ANA_REPORTING) == 0) return 0;
    const uint64_t namespaces = le32toh(data.mnan != 0 ? data.mnan : data.nn);
    const uint64_t all = sizeof(nvme_ana_log) + le32toh(data.nanagrpid) * sizeof(nvme_ana_group_desc) +
                         namespaces * sizeof(uint32_t);
    return uint32_t(std::min({all, most == 0 ? largest : most, largest}));
}

std::map<uint32_t, Access> parse_ana_log(Bytes log) {
    LogReader reader(log);
    std::map<uint32_t, Access> found;
    for (uint32_t groups = le16toh(reader.take<nvme_ana_log>().ngrps); groups != 0; groups--) {
        const auto group = reader.take<nvme_ana_group_desc>();
        const Access access = access_of(group.state & 0xf);
        for (uint32_t left = le32toh(group.nnsids); left != 0; left--)
            found[le32toh(reader.take<uint32_t>())] = access;
    }
    return found;
}

}  // namespace nvme::tcp
