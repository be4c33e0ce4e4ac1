// SPDX-License-Identifier: BSD-3-Clause
#include "identify.hpp"

#include <bdevkit/error.hpp>
#include <bdevkit/log.hpp>

#include <endian.h>
#include <nvme/types.h>

#include <algorithm>
#include <cstring>

namespace nvme {

using bdevkit::Error, bdevkit::format;

namespace {

/// A text field without the spaces at its end.
template <size_t size>
std::string text(const char (&field)[size]) {
    std::string result(field, size);
    result.erase(result.find_last_not_of(' ') + 1);
    return result;
}

template <class Data>
Data as(IdentifyData bytes) {
    static_assert(sizeof(Data) == bytes.size());
    Data data;
    std::memcpy(&data, bytes.data(), sizeof(data));
    return data;
}

}  // namespace

Identity parse_identity(IdentifyData bytes, uint64_t page) {
    const auto data = as<nvme_id_ctrl>(bytes);
    const uint32_t oncs = le16toh(data.oncs);
    Identity result;
    result.serial = text(data.sn);
    result.model = text(data.mn);
    result.firmware = text(data.fr);
    result.lists_identifiers = le32toh(data.ver) >= 0x1'03'00;
    result.max_transfer = data.mdts == 0 || data.mdts > 32 ? 0 : page << data.mdts;
    result.shadow_doorbells = (le16toh(data.oacs) & NVME_CTRL_OACS_DBBUF_CFG) != 0;
    result.sgls = (le32toh(data.sgls) & NVME_CTRL_SGLS_SUPPORTED) != 0;
    if ((le16toh(data.fuses) & NVME_CTRL_FUSES_COMPARE_AND_WRITE) != 0)
        result.max_fused = le16toh(data.acwu) + 1u;
    result.write_cache = (data.vwc & NVME_CTRL_VWC_PRESENT) != 0;
    result.compares = (oncs & NVME_CTRL_ONCS_COMPARE) != 0;
    result.unmaps = (oncs & NVME_CTRL_ONCS_DSM) != 0;
    result.writes_zeroes = (oncs & NVME_CTRL_ONCS_WRITE_ZEROES) != 0;
    result.copies = (oncs & NVME_CTRL_ONCS_COPY) != 0;
    return result;
}

Namespace parse_namespace(uint32_t id, IdentifyData bytes) {
    constexpr uint32_t zero_after_deallocate = 1, write_zeroes_deallocates = 1u << 3;
    const auto data = as<nvme_id_ns>(bytes);
    Namespace result;
    result.format = (data.flbas & NVME_NS_FLBAS_LOWER_MASK) | (data.flbas & NVME_NS_FLBAS_HIGHER_MASK) >> 1;
    const nvme_lbaf& lbaf = data.lbaf[result.format];
    result.id = id;
    result.blocks = le64toh(data.nsze);
    result.is_shared = (data.nmic & NVME_NS_NMIC_SHARED) != 0;
    result.md_size = le16toh(lbaf.ms);
    result.md_interleaved = result.md_size != 0 && (data.flbas & NVME_NS_FLBAS_META_EXT) != 0;
    if (lbaf.ds >= 9 && lbaf.ds < 32)
        result.block_size = (1u << lbaf.ds) + (result.md_interleaved ? result.md_size : 0);
    result.pi_type = data.dps & NVME_NS_DPS_PI_MASK;
    result.pi_at_head = (data.dps & NVME_NS_DPS_PI_FIRST) != 0;
    result.zeroes_deallocate =
        (data.dlfeat & 7) == zero_after_deallocate && (data.dlfeat & write_zeroes_deallocates) != 0;
    if (data.nacwu != 0) result.max_fused = le16toh(data.nacwu) + 1u;
    result.optimal_boundary = le16toh(data.noiob);
    if (data.mcl != 0 && data.mssrl != 0)
        result.max_copy = std::min<uint32_t>(le32toh(data.mcl), le16toh(data.mssrl));
    std::copy_n(data.nguid, result.nguid.size(), result.nguid.begin());
    if (result.nguid == std::array<uint8_t, 16>{}) std::copy_n(data.eui64, 8, result.nguid.begin() + 8);
    return result;
}

namespace {

/// The identifier of that type and length in a list of descriptors; empty when there is none.
std::span<const std::byte> identifier(IdentifyData descriptors, uint8_t of_type, size_t of_length) {
    constexpr size_t header = sizeof(nvme_ns_id_desc);
    for (size_t at = 0; at + header < descriptors.size();) {
        const auto type = uint8_t(descriptors[at]);
        const size_t length = uint8_t(descriptors[at + 1]);
        if (length == 0 || at + header + length > descriptors.size()) break;
        if (type == of_type && length == of_length) return descriptors.subspan(at + header, length);
        at += header + length;
    }
    return {};
}

}  // namespace

uint32_t command_set_of(IdentifyData descriptors) {
    const auto found = identifier(descriptors, NVME_NIDT_CSI, 1);
    return found.empty() ? uint32_t(NVME_CSI_NVM) : uint8_t(found[0]);
}

void add_uuid(Namespace& ns, IdentifyData descriptors) {
    if (ns.nguid != decltype(ns.nguid){}) return;
    const auto found = identifier(descriptors, NVME_NIDT_UUID, ns.nguid.size());
    std::transform(found.begin(), found.end(), ns.nguid.begin(),
                   [](std::byte byte) { return uint8_t(byte); });
}

Zones parse_zones(const Namespace& ns, IdentifyData zoned_ns, IdentifyData zoned_controller, uint64_t page) {
    constexpr uint32_t read_across_zones = 1;
    const auto data = as<nvme_zns_id_ns>(zoned_ns);
    const uint8_t append_limit = as<nvme_zns_id_ctrl>(zoned_controller).zasl;
    Zones zones;
    zones.size = le64toh(data.lbafe[ns.format].zsze);
    // Both fields are one less than the number. All ones mean any number, and become 0, as bdevs have it.
    zones.max_open = le32toh(data.mor) + 1;
    zones.max_active = le32toh(data.mar) + 1;
    zones.max_append = append_limit == 0 || append_limit > 32 ? 0 : page << append_limit;
    zones.crossed_by_reads = (le16toh(data.ozcs) & read_across_zones) != 0;
    return zones;
}

namespace {

/// Sends the identify commands for one namespace, and has the messages about it.
class NamespaceQuestion {
public:
    NamespaceQuestion(const std::string& name, uint32_t id, const Identify& identify)
        : name_(name), id_(id), identify_(identify) {}

    /// @return whether the command has succeeded
    bool asks(uint32_t cns, uint32_t csi, uint32_t nsid) {
        status_ = identify_(cns, csi, nsid, answer_);
        return status_.success();
    }
    void must_ask(uint32_t cns, uint32_t csi, uint32_t nsid) {
        if (!asks(cns, csi, nsid))
            throw Error(EIO, format("'%s' refuses to identify its namespace %u (CNS %u): NVMe status code "
                                    "type %u, code 0x%02x",
                                    name_.c_str(), unsigned(id_), unsigned(cns), unsigned(status_.sct()),
                                    unsigned(status_.sc())));
    }
    IdentifyData answer() const noexcept { return answer_; }

    std::optional<Namespace> leave_out(const char* why) const {
        bdevkit::log(bdevkit::LogLevel::warn, BDK_LOG_COMPONENT,
                     format("'%s': namespace %u is left out: %s", name_.c_str(), unsigned(id_), why));
        return {};
    }

private:
    const std::string& name_;
    uint32_t id_;
    const Identify& identify_;
    std::array<std::byte, 4096> answer_{};
    Status status_;
};

}  // namespace

std::optional<Namespace> identify_namespace(const std::string& name, const Identity& controller, uint32_t id,
                                            uint64_t page, const Identify& identify) {
    NamespaceQuestion question(name, id, identify);
    // A namespace without descriptors has the command set of blocks.
    const bool is_told = controller.lists_identifiers && question.asks(NVME_IDENTIFY_CNS_NS_DESC_LIST, 0, id);
    std::array<std::byte, 4096> identifiers{};
    if (is_told) std::ranges::copy(question.answer(), identifiers.begin());
    const uint32_t csi = command_set_of(identifiers);
    if (csi != NVME_CSI_NVM && csi != NVME_CSI_ZNS)
        return question.leave_out("its command set is neither NVM (blocks) nor ZNS (zones)");
    question.must_ask(NVME_IDENTIFY_CNS_NS, 0, id);
    Namespace ns = parse_namespace(id, question.answer());
    add_uuid(ns, identifiers);
    if (ns.blocks == 0 || ns.block_size == 0)
        return question.leave_out("it has no blocks, or a block size that bdevs cannot have");
    if (csi == NVME_CSI_NVM) return ns;
    question.must_ask(NVME_IDENTIFY_CNS_CSI_NS, csi, id);
    std::array<std::byte, 4096> zoned_ns;
    std::ranges::copy(question.answer(), zoned_ns.begin());
    question.must_ask(NVME_IDENTIFY_CNS_CSI_CTRL, csi, 0);
    ns.zones = parse_zones(ns, zoned_ns, question.answer(), page);
    if (ns.zones.size == 0) return question.leave_out("its zones have no blocks");
    return ns;
}

}  // namespace nvme
