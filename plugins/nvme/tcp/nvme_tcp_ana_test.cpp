// SPDX-License-Identifier: BSD-3-Clause
// The log of access states: correct ones, and malformed ones.
#include <bdevkit/error.hpp>

#include <gtest/gtest.h>

#include <cstring>
#include <vector>

#include "ana.hpp"

namespace {

using namespace nvme::tcp;
using bdevkit::Error;

struct Group {
    uint8_t state;
    std::vector<uint32_t> namespaces;
};

std::vector<std::byte> log_of(const std::vector<Group>& groups) {
    std::vector<std::byte> log;
    const auto add = [&log](const auto& value) {
        const auto* bytes = reinterpret_cast<const std::byte*>(&value);
        log.insert(log.end(), bytes, bytes + sizeof(value));
    };
    add(nvme_ana_log{.chgcnt = 7, .ngrps = uint16_t(groups.size()), .rsvd10 = {}});
    for (const Group& group : groups) {
        add(nvme_ana_group_desc{.grpid = 1,
                                .nnsids = uint32_t(group.namespaces.size()),
                                .chgcnt = 7,
                                .state = group.state,
                                .rsvd17 = {}});
        for (const uint32_t nsid : group.namespaces)
            add(nsid);
    }
    return log;
}

TEST(NvmeTcpAna, EachNamespaceHasItsGroupsState) {
    auto log = log_of({{NVME_ANA_STATE_OPTIMIZED, {1, 5}},
                       {NVME_ANA_STATE_INACCESSIBLE, {}},
                       {NVME_ANA_STATE_NONOPTIMIZED, {2}},
                       {NVME_ANA_STATE_PERSISTENT_LOSS, {3}},
                       {NVME_ANA_STATE_CHANGE, {4}}});
    log.resize(log.size() + 100);  // more was read than there is
    const std::map<uint32_t, Access> expected{{1, Access::optimized},
                                              {2, Access::non_optimized},
                                              {3, Access::lost},
                                              {4, Access::changing},
                                              {5, Access::optimized}};
    EXPECT_EQ(parse_ana_log(log), expected);
}

TEST(NvmeTcpAna, ALogThatEndsTooSoonIsRefused) {
    const auto log = log_of({{NVME_ANA_STATE_OPTIMIZED, {1, 2}}, {NVME_ANA_STATE_OPTIMIZED, {3}}});
    for (size_t length = 0; length < log.size(); length++)
        EXPECT_THROW(parse_ana_log(Bytes(log).first(length)), Error) << length;
    auto endless = log;
    std::memset(endless.data() + sizeof(nvme_ana_log) + offsetof(nvme_ana_group_desc, nnsids), 0xff, 4);
    EXPECT_THROW(parse_ana_log(endless), Error);
}

TEST(NvmeTcpAna, AStateThatThereIsNotIsRefused) {
    for (const uint8_t state : {0, 5, 14})
        EXPECT_THROW(parse_ana_log(log_of({{state, {1}}})), Error) << int(state);
}

TEST(NvmeTcpAna, OnlyAControllerThatReportsHasALog) {
    nvme_id_ctrl data{};
    data.nanagrpid = 2;
    data.nn = 8;
    EXPECT_EQ(ana_log_size(data, 0), 0u);
    data.cmic = NVME_CTRL_CMIC_MULTI_ANA_REPORTING;
    EXPECT_EQ(ana_log_size(data, 0), 16u + 2 * 32 + 8 * 4);
    data.mnan = 4;
    EXPECT_EQ(ana_log_size(data, 0), 16u + 2 * 32 + 4 * 4);
    data.nanagrpid = UINT32_MAX;
    EXPECT_EQ(ana_log_size(data, 0), 1u << 20);
    EXPECT_EQ(ana_log_size(data, 65536), 65536u);
}

}  // namespace
