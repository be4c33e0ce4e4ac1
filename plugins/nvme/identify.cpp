// SPDX-License-Identifier: BSD-3-Clause
#include "identify.hpp"

#include <endian.h>
#include <nvme/types.h>

#include <algorithm>
#include <cstring>

namespace {

/// A field of the controller's without the spaces that fill it.
template <size_t size>
std::string text(const char (&field)[size]) {
    std::string result(field, size);
    result.erase(result.find_last_not_of(' ') + 1);
    return result;
}

template <class Data>
Data as(NvmeIdentifyData bytes) {
    static_assert(sizeof(Data) == bytes.size());
    Data data;
    std::memcpy(&data, bytes.data(), sizeof(data));
    return data;
}

}  // namespace

NvmeIdentity nvme_identity(NvmeIdentifyData bytes, uint64_t page) {
    const auto data = as<nvme_id_ctrl>(bytes);
    const uint32_t oncs = le16toh(data.oncs);
    NvmeIdentity result;
    result.serial = text(data.sn);
    result.model = text(data.mn);
    result.firmware = text(data.fr);
    result.max_transfer = data.mdts == 0 || data.mdts > 32 ? 0 : page << data.mdts;
    result.write_cache = (data.vwc & NVME_CTRL_VWC_PRESENT) != 0;
    result.compares = (oncs & NVME_CTRL_ONCS_COMPARE) != 0;
    result.unmaps = (oncs & NVME_CTRL_ONCS_DSM) != 0;
    result.writes_zeroes = (oncs & NVME_CTRL_ONCS_WRITE_ZEROES) != 0;
    result.copies = (oncs & NVME_CTRL_ONCS_COPY) != 0;
    return result;
}

NvmeNamespace nvme_namespace(uint32_t id, NvmeIdentifyData bytes) {
    constexpr uint32_t zero_after_deallocate = 1, write_zeroes_deallocates = 1u << 3;
    const auto data = as<nvme_id_ns>(bytes);
    const uint32_t format =
        (data.flbas & NVME_NS_FLBAS_LOWER_MASK) | (data.flbas & NVME_NS_FLBAS_HIGHER_MASK) >> 1;
    const nvme_lbaf& lbaf = data.lbaf[format];
    NvmeNamespace result;
    result.id = id;
    result.blocks = le64toh(data.nsze);
    result.md_size = le16toh(lbaf.ms);
    result.md_interleaved = result.md_size != 0 && (data.flbas & NVME_NS_FLBAS_META_EXT) != 0;
    if (lbaf.ds >= 9 && lbaf.ds < 32)
        result.block_size = (1u << lbaf.ds) + (result.md_interleaved ? result.md_size : 0);
    result.pi_type = data.dps & NVME_NS_DPS_PI_MASK;
    result.pi_at_head = (data.dps & NVME_NS_DPS_PI_FIRST) != 0;
    result.zeroes_deallocate =
        (data.dlfeat & 7) == zero_after_deallocate && (data.dlfeat & write_zeroes_deallocates) != 0;
    result.optimal_boundary = le16toh(data.noiob);
    if (data.mcl != 0 && data.mssrl != 0)
        result.max_copy = std::min<uint32_t>(le32toh(data.mcl), le16toh(data.mssrl));
    std::copy_n(data.nguid, result.nguid.size(), result.nguid.begin());
    return result;
}
