// SPDX-License-Identifier: BSD-3-Clause
// Creation with every kind of option, and the JSON that the module writes about its bdev.
#include <bdevkit/bdev_module.h>
#include <fmt/format.h>

#include <algorithm>

#include "base/errno_text.hpp"
#include "bdev/model/bdev.hpp"
#include "check/case_stage.hpp"
#include "check/pattern.hpp"
#include "check/transfer.hpp"
#include "json/json_text.hpp"
#include "json/json_writer.hpp"

namespace bdevkit::host {

namespace {

/// Checks that a failed creation left nothing behind.
void expect_nothing_left(Stage& stage, size_t bdevs_before, const std::string& after) {
    const std::vector<std::string> left = stage.bdevs();
    if (left.size() > bdevs_before)
        throw Broken{fmt::format("{}: bdev '{}' exists", after, left.back()), "no bdev"};
    stage.call([&] {
        for (CheckingBdev* base : stage.bases()) {
            if (base->is_claimed() && bdevs_before == 0)
                throw Broken{fmt::format("{}: the base '{}' is claimed", after, base->name()), "no claim"};
            if (base->descs() > bdevs_before * 16)
                throw Broken{
                    fmt::format("{}: {} descs of the base '{}' are open", after, base->descs(), base->name()),
                    "none"};
        }
    });
}

void check_rc(int rc, const std::string& what) {
    if (rc > 0 || rc < -4095) throw Broken{fmt::format("{} returned {}", what, rc), "0, or a negative errno"};
}

void check_defaults(Stage& stage) {
    stage.create();
    if (const int rc = stage.remove_all(); rc != 0)
        throw Broken{fmt::format("its removal returned {}", bdk::errno_text(rc)), "0"};
}

void check_size(Stage& stage) {
    const CheckedBdev bdev(stage);
    CheckClient client(stage, bdev.name());
    if (client.num_blocks() == 0) throw Broken{"the bdev has no blocks", "at least one"};
    if (!client.supports(BDK_BDEV_IO_TYPE_READ)) return;
    for (const uint64_t block : {uint64_t{0}, client.num_blocks() - 1})
        static_cast<void>(read(client, block, 1));
}

/// A module's own data on its base must lie outside the blocks that users can write.
void check_again(Stage& stage) {
    need_base(stage);
    std::vector<std::string> before;
    std::vector<uint64_t> sizes;
    for (const bool again : {false, true}) {
        const CheckedBdev bdev(stage);
        const std::vector<std::string> names = stage.bdevs();
        if (again && names != before)
            throw Broken{
                fmt::format("{} bdevs were made at first, and {} again from a base that their users have "
                            "written to",
                            before.size(), names.size()),
                "the same"};
        for (size_t i = 0; i < names.size(); i++) {
            CheckClient client(stage, names[i]);
            if (again && client.num_blocks() != sizes[i])
                throw Broken{fmt::format("bdev '{}' has {} blocks at first, and {} when it is made again",
                                         names[i], sizes[i], client.num_blocks()),
                             "the same"};
            sizes.push_back(client.num_blocks());
            if (again || !client.is_writable() || bdk_bdev_is_zoned(client.bdev())) continue;
            const uint64_t units = client.num_blocks() / client.unit();
            const uint64_t most = std::min<uint64_t>(units, (1 << 20) / client.block_size() / client.unit());
            const Bytes data = make_pattern(most * client.unit() * client.block_size(), 70);
            write(client, 0, data);
            write(client, (units - most) * client.unit(), data);
        }
        before = names;
    }
}

void check_taken(Stage& stage) {
    const CheckedBdev bdev(stage);
    if (stage.comes_late()) throw NotApplicable{"the module registers its bdevs after create has ended"};
    const size_t before = stage.bdevs().size();
    const int rc = stage.create("checked", stage.settings());
    check_rc(rc, "create under a name that is already in use");
    if (rc == 0)
        throw Broken{"create under a name that is already in use returned 0", "a negative errno, -EEXIST"};
    expect_nothing_left(stage, before, "after a create that failed");
}

/// Creates a bdev with one option set to one value and the usual values for the others.
void try_value(Stage& stage, const bdk_option& option, const std::string& value) {
    const std::vector<Setting> settings = stage.settings({{option.name, {value}}});
    const std::string what = fmt::format("create with {}={}", option.name, value);
    const int rc = stage.create("checked", settings);
    check_rc(rc, what);
    if (rc == 0) {
        static_cast<void>(stage.wait_for_bdevs());
        if (const int removed = stage.remove_all(); removed != 0)
            throw Broken{fmt::format("removal after {} returned {}", what, bdk::errno_text(removed)), "0"};
    }
    expect_nothing_left(stage, 0, what);
}

void check_limits(Stage& stage) {
    { const CheckedBdev possible(stage); }
    for (const bdk_option& option : stage.module().options) {
        for (const std::string& value : limit_values(option))
            try_value(stage, option, value);
        for (const std::string& value : forbidden_values(option))
            if (why_refused(stage.module(), stage.settings({{option.name, {value}}})).empty())
                throw Broken{fmt::format("{}={} is accepted", option.name, value),
                             "a refusal by the option table"};
    }
}

/// Calls write(writer) inside an object and expects it to be closed afterwards.
void check_writer(const char* what, const std::function<void(bdk_json_writer*)>& write) {
    bdk_json_writer writer;
    write(&writer);
    const std::string text = bdk::json_text(writer.root());
    if (!writer.root().is_object())
        throw Broken{fmt::format("{} wrote '{}'", what, text), "members of the open object"};
}

void check_json(Stage& stage) {
    const CheckedBdev bdev(stage);
    stage.call([&] {
        bdk_bdev* pub = bdk_bdev_get_by_name(bdev.name().c_str());
        const bdk_bdev_fn_table& fn = bdk::Bdev::of(pub)->fn;
        void* ctxt = bdk::Bdev::of(pub)->config.ctxt;
        check_writer("bdk_bdev_dump_info_json", [&](auto* w) { bdk_bdev_dump_info_json(pub, w); });
        for (int i = 0; i < 2; i++) {
            if (fn.write_config_json != nullptr)
                check_writer("write_config_json", [&](auto* w) { fn.write_config_json(ctxt, w); });
            if (fn.dump_device_stat_json != nullptr)
                check_writer("dump_device_stat_json", [&](auto* w) { fn.dump_device_stat_json(ctxt, w); });
        }
        if (fn.reset_device_stat != nullptr) fn.reset_device_stat(ctxt);
    });
}

void check_reconfigure(Stage& stage) {
    const CheckedBdev bdev(stage);
    const int rc = stage.reconfigure(bdev.name(), stage.settings());
    check_rc(rc, "reconfigure");
    if (rc == -ENOTSUP) throw NotApplicable{"the module has no reconfigure"};
    if (rc != 0)
        throw Broken{fmt::format("reconfigure with the current options returned {}", bdk::errno_text(rc)),
                     "0"};
    CheckClient client(stage, bdev.name());
    if (client.supports(BDK_BDEV_IO_TYPE_READ)) static_cast<void>(read(client, 0, 1));
}

}  // namespace

void run_create_case(CaseContext& context) {
    Recorder& recorder = context.recorder;
    Stage stage(context.options, context.scratch);
    try {
        stage.open();
    } catch (const Broken& broken) {
        recorder.fail("load.open", broken.seen, broken.expected);
        recorder.leave();
    }
    if (!recorder.step("lifecycle.init", [&] { stage.load(); }) && recorder.has_failed()) recorder.leave();
    if (!stage.is_loaded()) stage.load();
    recorder.step("create.defaults", [&] { check_defaults(stage); });
    recorder.step("create.size", [&] { check_size(stage); });
    recorder.step("create.again", [&] { check_again(stage); });
    recorder.step("create.taken", [&] { check_taken(stage); });
    recorder.step("create.limits", [&] { check_limits(stage); });
    recorder.step("create.json", [&] { check_json(stage); });
    recorder.step("create.reconfigure", [&] { check_reconfigure(stage); });
    if (recorder.has_failed()) recorder.leave();
    recorder.step("lifecycle.fini", [&] { stage.end(); });
    if (stage.is_loaded()) stage.end();
}

}  // namespace bdevkit::host
