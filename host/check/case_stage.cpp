// SPDX-License-Identifier: BSD-3-Clause
#include "check/case_stage.hpp"

#include <algorithm>
#include <exception>

#include "check/pattern.hpp"
#include "check/transfer.hpp"

namespace bdevkit::host {

void with_stage(CaseContext& context, const StageOptions& options, const std::function<void(Stage&)>& steps) {
    Stage stage(context.options, context.scratch, options);
    try {
        stage.load();
    } catch (const Broken&) {
        context.recorder.leave();
    }
    steps(stage);
    if (context.recorder.has_failed()) context.recorder.leave();
    context.recorder.begin("lifecycle.fini");
    stage.end();
}

CheckedBdev::CheckedBdev(Stage& stage) : stage_(stage) {
    try {
        name_ = stage.create();
    } catch (const Broken&) {
        throw NotApplicable{"no bdev could be made: see create.defaults"};
    } catch (const NotApplicable&) {
        throw NotApplicable{"no bdev could be made: see create.defaults"};
    }
}

CheckedBdev::~CheckedBdev() {
    try {
        stage_.remove_all();
    } catch (const Broken& broken) {
        Recorder::instance().fail("remove.idle", broken.seen, broken.expected);
    }
}

void need_base(Stage& stage) {
    if (stage.bases().empty()) throw NotApplicable{"the module has no base"};
}

void need_plain_blocks(const CheckClient& client) {
    if (bdk_bdev_is_zoned(client.bdev())) throw NotApplicable{"the bdev has zones"};
    if (!client.supports(BDK_BDEV_IO_TYPE_READ)) throw NotApplicable{"the bdev cannot be read"};
}

bool keeps_data(CheckClient& client) {
    const uint64_t unit = client.unit();
    for (const uint64_t block : {uint64_t{0}, client.num_blocks() / unit / 2 * unit}) {
        if (client.is_writable()) write(client, block, make_pattern(unit * client.block_size(), block + 7));
        for (const auto poison : {std::byte{0xa5}, std::byte{0x5a}}) {
            const Bytes seen = read(client, block, 1, {}, poison);
            if (std::any_of(seen.begin(), seen.end(), [&](std::byte b) { return b != poison; })) return true;
        }
    }
    return false;
}

}  // namespace bdevkit::host
