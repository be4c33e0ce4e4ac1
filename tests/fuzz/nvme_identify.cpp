// SPDX-License-Identifier: BSD-3-Clause
// What an NVMe controller says of itself: identify data, the ANA log, the health log. Most of these pages is
// zeroes, so an input holds what is set: a page number, a place and its bytes, again and again.
#include <bdevkit/error.hpp>

#include <nvme/types.h>

#include <array>
#include <vector>

#include "../../plugins/nvme/health.hpp"
#include "../../plugins/nvme/identify.hpp"
#include "../../plugins/nvme/tcp/ana.hpp"
#include "fuzz_input.hpp"
#include "json/json_writer.hpp"

using namespace bdk::fuzz;

namespace {

using namespace nvme;
using namespace nvme::tcp;
using Page = std::array<std::byte, 4096>;
constexpr size_t pages = 8;  ///< by number: controller, and others by the CNS asked for

struct Controller {
    explicit Controller(FuzzInput& input) {
        for (Page& page : data)
            page.fill(std::byte{0});
        while (!input.empty()) {
            const auto head = input.take<uint16_t>();
            const size_t at = input.take<uint16_t>() % sizeof(Page);
            const Bytes bytes = input.take_bytes(1 + (head >> 8));
            Page& page = data[head % pages];
            std::copy_n(bytes.begin(), std::min(bytes.size(), page.size() - at), page.begin() + at);
        }
    }

    Status identify(uint32_t cns, uint32_t csi, std::span<std::byte, 4096> to) const {
        const Page& page = data[(cns + csi) % pages];
        std::ranges::copy(page, to.begin());
        // The last byte of a page, which is reserved, says whether it is refused.
        return {.code = uint16_t(uint8_t(page.back()) & 3)};
    }

    std::array<Page, pages> data;
};

void look_at_namespace(const Controller& controller, const Identity& identity, uint64_t page_size) {
    const auto identify = [&](uint32_t cns, uint32_t csi, uint32_t, std::span<std::byte, 4096> to) {
        return controller.identify(cns, csi, to);
    };
    try {
        const auto ns = identify_namespace("nvme0", identity, 1, page_size, identify);
        if (!ns) return;
        must_hold(ns->blocks != 0 && ns->block_size != 0, "a namespace that is used has blocks");
        must_hold(!ns->md_interleaved || ns->md_size < ns->block_size, "metadata are less than a block");
    } catch (const bdevkit::Error&) {
    }
}

void look_at_access(const Page& controller, Bytes log) {
    nvme_id_ctrl raw;
    std::memcpy(&raw, controller.data(), sizeof(raw));
    must_hold(ana_log_size(raw, 0) <= 1024 * 1024, "the ANA log is of bounded length");
    try {
        for (const auto& [id, access] : parse_ana_log(log))
            must_hold(access <= Access::lost, "a namespace has a state that there is");
    } catch (const bdevkit::Error&) {
    }
}

void look_at_health(const Page& page) {
    HealthPage health;
    std::memcpy(health.data(), page.data(), sizeof(health));
    bdk_json_writer writer;
    write_health(bdevkit::Json(&writer), health);
    must_hold(!writer.root().dump().empty(), "the health log is written as JSON");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    FuzzInput input(data, size);
    const uint64_t page_size = uint64_t{4096} << (input.take<uint8_t>() & 15);
    const size_t log_length = input.take<uint16_t>() % sizeof(Page);
    const Controller controller(input);
    const Identity identity = parse_identity(controller.data[1], page_size);
    look_at_namespace(controller, identity, page_size);
    look_at_access(controller.data[1], Bytes(controller.data[4]).first(log_length));
    look_at_health(controller.data[4]);
    return 0;
}
