// SPDX-License-Identifier: BSD-3-Clause
#include "check/case_stage.hpp"

#include <algorithm>
#include <exception>
#include <memory>
#include <set>

#include "check/pattern.hpp"
#include "check/transfer.hpp"

namespace bdevkit::host {

void with_stage(CaseContext& context, const StageOptions& options, const std::function<void(Stage&)>& steps) {
    Stage stage(context.options, context.scratch, options);
    try {
        stage.load();
    } catch (const Broken& broken) {
        context.recorder.fail(stage.is_open() ? "lifecycle.init" : "load.open", broken.seen, broken.expected);
        context.recorder.leave();
    }
    steps(stage);
    if (context.recorder.has_failed()) context.recorder.leave();
    context.recorder.begin("lifecycle.fini");
    stage.end();
}

CheckedBdev::CheckedBdev(Stage& stage) : stage_(stage) {
    const auto give_up = [&](const std::string& why) {
        if (!stage.has_made()) throw NotApplicable{"no bdev could be made: see create.defaults"};
        Recorder::instance().fail("create.again", "after a bdev was made, used and removed: " + why,
                                  "a bdev, as the first time");
        Recorder::instance().leave();
    };
    try {
        name_ = stage.create();
    } catch (const Broken& broken) {
        give_up(broken.seen);
    } catch (const NotApplicable& inapplicable) {
        give_up(inapplicable.why);
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

void expect_apart(Stage& stage) {
    constexpr size_t most = 8;
    std::vector<std::unique_ptr<CheckClient>> clients;
    for (const std::string& name : stage.bdevs())
        if (clients.size() < most) clients.push_back(std::make_unique<CheckClient>(stage, name));
    std::erase_if(clients, [](const auto& client) {
        return bdk_bdev_is_zoned(client->bdev()) || !client->is_writable() || !keeps_data(*client);
    });
    const auto places = [](const CheckClient& client) {
        const uint64_t units = client.num_blocks() / client.unit();
        return std::set<uint64_t>{0, units / 3, units / 2, units - 1};
    };
    const auto data = [&](size_t index, uint64_t unit) {
        const CheckClient& client = *clients[index];
        return make_pattern(client.unit() * client.block_size(), index * 1'000'000 + unit + 1);
    };
    for (size_t i = 0; i < clients.size(); i++)
        for (const uint64_t unit : places(*clients[i]))
            write(*clients[i], unit * clients[i]->unit(), data(i, unit));
    for (size_t i = 0; i < clients.size(); i++)
        for (const uint64_t unit : places(*clients[i]))
            expect_same(read(*clients[i], unit * clients[i]->unit(), clients[i]->unit()), data(i, unit),
                        "read from '" + clients[i]->name() + "' after writes to the module's other bdevs",
                        clients[i]->block_size());
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
