// SPDX-License-Identifier: BSD-3-Clause
#include <bdevkit/claim.h>
#include <bdevkit/examine.h>
#include <gtest/gtest.h>

#include "bdev/lifecycle/examine.hpp"
#include "log/violation.hpp"
#include "support/client.hpp"
#include "support/log_capture.hpp"
#include "support/raw_disk.hpp"
#include "support/test_host.hpp"

namespace bdk::test {
namespace {

/// A module that records the bdevs that it is shown.
struct Looker {
    std::vector<std::string> by_config, by_disk;
    bool answers = true;
    bool answers_config = true;
    RawLayer* makes = nullptr;  ///< in examine_config of its base
    bool claims = false;
    std::vector<bdk_examine*> unanswered;  ///< calls that it has not ended, the oldest first

    /// [not a bdk thread] Ends the oldest of these calls.
    void answer() { answer(0); }
    void answer(size_t which) {
        bdk_examine* examine = unanswered[which];
        unanswered.erase(unanswered.begin() + static_cast<ptrdiff_t>(which));
        call_on_app_thread([=] { bdk_examine_done(examine, 0); });
    }
} looker;

extern const bdk_module looker_module;

void look_at_config(const bdk_module* self, bdk_examine* examine, bdk_bdev* bdev) {
    EXPECT_EQ(self, &looker_module);
    looker.by_config.emplace_back(bdk_bdev_get_name(bdev));
    if (looker.claims) bdk_bdev_module_claim_bdev(bdev, nullptr, self);
    RawLayer* layer = std::exchange(looker.makes, nullptr);
    if (layer != nullptr && layer->add() != 0) ADD_FAILURE() << "the layer could not be made";
    if (looker.answers_config) bdk_examine_done(examine, 0);
}

void look_at_disk(const bdk_module* self, bdk_examine* examine, bdk_bdev* bdev) {
    EXPECT_EQ(self, &looker_module);
    looker.by_disk.emplace_back(bdk_bdev_get_name(bdev));
    if (looker.answers) return bdk_examine_done(examine, 0);
    looker.unanswered.push_back(examine);
}

const bdk_module looker_module = {
    .size = sizeof(bdk_module),
    .name = "looker",
    .examine_config = look_at_config,
    .examine_disk = look_at_disk,
};

using Names = std::vector<std::string>;

class Examine : public testing::Test {
protected:
    explicit Examine(const RuntimeOptions& options = test_runtime_options()) : host(options) {
        looker = {};
        host.add(&raw_disk_module);
    }

    void add(RawDisk& added) {
        call_on_app_thread([&] { ASSERT_EQ(added.add(), 0); });
    }

    Awaited<int> wait_for_examine() {
        Awaited<int> done;
        call_on_app_thread([&] {
            auto* set = new std::function<void(int)>(done.setter());
            auto cb = [](void* ctx) {
                std::unique_ptr<std::function<void(int)>> self(static_cast<std::function<void(int)>*>(ctx));
                (*self)(0);
            };
            ASSERT_EQ(bdk_bdev_wait_for_examine(cb, set), 0);
        });
        return done;
    }

    RawDisk disk{"disk"};
    TestHost host;
};

TEST_F(Examine, EveryModuleSeesEveryBdevWhoeverComesFirst) {
    RawDisk later("later");
    add(disk);
    ASSERT_EQ(host.add(&looker_module), 0);
    add(later);
    EXPECT_EQ(looker.by_config, (Names{"disk", "later"}));
    EXPECT_EQ(looker.by_disk, (Names{"disk", "later"}));
    EXPECT_EQ(host.remove("later"), 0);
}

TEST_F(Examine, ClaimedBdevIsNotReadFrom) {
    looker.claims = true;
    ASSERT_EQ(host.add(&looker_module), 0);
    add(disk);
    EXPECT_EQ(looker.by_config, Names{"disk"});
    EXPECT_TRUE(looker.by_disk.empty());
}

TEST_F(Examine, WaitEndsWithTheLastAnswer) {
    looker.answers = false;
    ASSERT_EQ(host.add(&looker_module), 0);
    add(disk);
    auto examined = wait_for_examine();
    settle(bdk_thread_get_app_thread());
    EXPECT_FALSE(examined.is_ready());
    call_on_app_thread([] { EXPECT_EQ(examining_modules(), Names{"looker"}); });
    looker.answer();
    EXPECT_EQ(examined.get(), 0);
}

TEST_F(Examine, AnswerTooManyIsReportedAndIsNotTakenForALaterCalls) {
    RawDisk second("second");
    looker.answers = false;
    ASSERT_EQ(host.add(&looker_module), 0);
    add(disk);
    bdk_examine* first = looker.unanswered.front();
    looker.answer();
    add(second);
    const uint64_t before = violation_count();
    call_on_app_thread([=] { bdk_examine_done(first, 0); });
    EXPECT_EQ(violation_count(), before + 1);
    call_on_app_thread([] { EXPECT_EQ(examining_modules(), Names{"looker"}); });
    looker.answer();
    EXPECT_EQ(host.remove("second"), 0);
}

TEST_F(Examine, AModuleThatCouldNotLookIsNamed) {
    const LogCapture log;
    looker.answers = false;
    ASSERT_EQ(host.add(&looker_module), 0);
    add(disk);
    call_on_app_thread([] { bdk_examine_done(looker.unanswered.front(), -EIO); });
    EXPECT_TRUE(log.has({"module 'looker'", "could not examine", "bdev 'disk'"}));
    EXPECT_EQ(wait_for_examine().get(), 0);
}

TEST_F(Examine, EachCallNeedsItsOwnAnswer) {
    RawDisk second("second");
    looker.answers = false;
    ASSERT_EQ(host.add(&looker_module), 0);
    add(disk);
    add(second);
    auto examined = wait_for_examine();
    looker.answer();
    settle(bdk_thread_get_app_thread());
    EXPECT_FALSE(examined.is_ready()) << "one of two";
    looker.answer();
    EXPECT_EQ(examined.get(), 0);
    EXPECT_EQ(host.remove("second"), 0);
}

TEST_F(Examine, ConfigCallWithoutAnswerIsReportedAndHoldsNobody) {
    looker.answers_config = false;
    uint64_t before = violation_count();
    ASSERT_EQ(host.add(&looker_module), 0);
    add(disk);
    EXPECT_EQ(violation_count(), before + 1);
    EXPECT_EQ(wait_for_examine().get(), 0);
}

TEST_F(Examine, ModuleThatGoesIsNotWaitedFor) {
    looker.answers = false;
    ASSERT_EQ(host.add(&looker_module), 0);
    add(disk);
    auto examined = wait_for_examine();
    EXPECT_EQ(host.unload("looker"), 0);
    EXPECT_EQ(examined.get(), 0);
}

TEST_F(Examine, BdevsMadeByExaminationAreExaminedToo) {
    RawLayer layer("layer", "disk");
    looker.makes = &layer;
    ASSERT_EQ(host.add(&looker_module), 0);
    add(disk);
    EXPECT_EQ(looker.by_config, (Names{"disk", "layer"}));
    EXPECT_EQ(looker.by_disk, Names{"layer"}) << "the disk is claimed by then";
    EXPECT_EQ(wait_for_examine().get(), 0);
    EXPECT_EQ(host.remove("disk"), 0);
    EXPECT_TRUE(layer.destructed);
}

RuntimeOptions impatient() {
    RuntimeOptions options = test_runtime_options();
    options.bdev.late_call_ms = 1;
    return options;
}

class LateExamine : public Examine {
protected:
    LateExamine() : Examine(impatient()) {}
};

TEST_F(LateExamine, IsNamedWithModuleBdevAndCallback) {
    LogCapture log;
    looker.answers = false;
    ASSERT_EQ(host.add(&looker_module), 0);
    add(disk);
    while (!log.has({"module 'looker'", "examine_disk of bdev 'disk'", "bdk_examine_done()"}))
        settle(bdk_thread_get_app_thread());
    looker.answer();
    EXPECT_EQ(wait_for_examine().get(), 0);
}

RuntimeOptions without_auto_examine() {
    RuntimeOptions options = test_runtime_options();
    options.bdev.auto_examine = false;
    return options;
}

class ManualExamine : public Examine {
protected:
    ManualExamine() : Examine(without_auto_examine()) {}
};

TEST_F(ManualExamine, HappensWhenAskedFor) {
    RawDisk later("later");
    ASSERT_EQ(host.add(&looker_module), 0);
    add(disk);
    EXPECT_TRUE(looker.by_config.empty());
    call_on_app_thread([] {
        EXPECT_EQ(bdk_bdev_examine("disk"), 0);
        EXPECT_EQ(bdk_bdev_examine("later"), 0);
        EXPECT_EQ(bdk_bdev_examine("later"), -EEXIST);
    });
    EXPECT_EQ(looker.by_disk, Names{"disk"});
    add(later);
    EXPECT_EQ(looker.by_disk, (Names{"disk", "later"}));
    EXPECT_EQ(host.remove("later"), 0);
}

TEST_F(ManualExamine, AllowsByAliasAndForLaterModules) {
    call_on_app_thread([] { EXPECT_EQ(bdk_bdev_examine("nickname"), 0); });
    RawDisk other("other");
    const char* const aliases[] = {"nickname", nullptr};
    disk.bdev.aliases = aliases;
    add(disk);
    add(other);
    ASSERT_EQ(host.add(&looker_module), 0);
    EXPECT_EQ(looker.by_disk, Names{"disk"});
    EXPECT_EQ(host.remove("other"), 0);
    EXPECT_EQ(host.remove("disk"), 0);
}

/* ---- data that clients may have written ---- */

RuntimeOptions with_client_bdevs() {
    RuntimeOptions options = test_runtime_options();
    options.bdev.client_bdevs = {"disk", "nickname"};
    return options;
}

class ExamineOfClientData : public Examine {
protected:
    ExamineOfClientData() : Examine(with_client_bdevs()) {}
};

TEST_F(ExamineOfClientData, IsLeftOut) {
    RawDisk other("other"), exported_by_alias("renamed");
    const char* const aliases[] = {"nickname", nullptr};
    exported_by_alias.bdev.aliases = aliases;
    ASSERT_EQ(host.add(&looker_module), 0);
    add(disk);
    add(other);
    add(exported_by_alias);
    EXPECT_EQ(looker.by_config, (Names{"disk", "other", "renamed"})) << "a name is no data";
    EXPECT_EQ(looker.by_disk, Names{"other"});
    EXPECT_EQ(host.remove("other"), 0);
    EXPECT_EQ(host.remove("renamed"), 0);
}

TEST_F(ExamineOfClientData, IsDoneWhenAskedForByName) {
    ASSERT_EQ(host.add(&looker_module), 0);
    add(disk);
    call_on_app_thread([] {
        EXPECT_EQ(bdk_bdev_examine("disk"), 0);
        EXPECT_EQ(bdk_bdev_examine("disk"), -EEXIST);
    });
    EXPECT_EQ(looker.by_disk, Names{"disk"});
    call_on_app_thread([] { examine_by_hand("disk", [](int rc) { EXPECT_EQ(rc, 0); }); });
    EXPECT_EQ(looker.by_disk, (Names{"disk", "disk"}));
}

TEST_F(ExamineOfClientData, CoversWhatStandsOnIt) {
    RawLayer layer("layer", "disk"), upper("upper", "layer");
    const bdk_bdev* const disk_alone[] = {&disk.bdev, nullptr};
    const bdk_bdev* const layer_alone[] = {&layer.bdev, nullptr};
    layer.bdev.bases = disk_alone;
    upper.bdev.bases = layer_alone;
    ASSERT_EQ(host.add(&looker_module), 0);
    add(disk);
    call_on_app_thread([&] {
        ASSERT_EQ(layer.add(), 0);
        ASSERT_EQ(upper.add(), 0);
    });
    EXPECT_EQ(looker.by_config, (Names{"disk", "layer", "upper"}));
    EXPECT_TRUE(looker.by_disk.empty());
    EXPECT_EQ(host.remove("disk"), 0);
}

TEST_F(Examine, ByAModuleThatComesLaterLeavesOutWhatWasWritten) {
    RawDisk written("written"), read("read"), base("base");
    RawLayer layer("layer", "base");
    for (RawDisk* added : {&written, &read, &base})
        add(*added);
    const bdk_bdev* const bases[] = {&base.bdev, nullptr};
    layer.bdev.bases = bases;
    call_on_app_thread([&] { ASSERT_EQ(layer.add(), 0); });
    Client("written", Access::write).write(0, pattern(512));
    Client("read", Access::read).read(0, 1);
    Client("layer", Access::write).write(0, pattern(512));
    EXPECT_EQ(host.remove("layer"), 0);
    ASSERT_EQ(host.add(&looker_module), 0);
    EXPECT_EQ(looker.by_disk, Names{"read"}) << "and 'base' was written to by way of 'layer'";
    for (const char* name : {"written", "read", "base"})
        EXPECT_EQ(host.remove(name), 0);
}

TEST_F(Examine, OfABdevThatComesBackRemembersWhatWasWritten) {
    ASSERT_EQ(host.add(&looker_module), 0);
    add(disk);
    Client("disk", Access::write).write(0, pattern(512));
    EXPECT_EQ(host.remove("disk"), 0);
    RawDisk again("disk");
    add(again);
    EXPECT_EQ(looker.by_disk, Names{"disk"}) << "the first time";
    EXPECT_EQ(host.remove("disk"), 0);
}

/* ---- side by side ---- */

/// Whether the bdev may be built on.
bool is_free(const char* name) {
    bool free = false;
    call_on_app_thread([&] { free = !is_being_examined(Bdev::of(bdk_bdev_get_by_name(name))); });
    return free;
}

TEST_F(Examine, OfOneBdevDoesNotWaitForAnother) {
    RawDisk second("second");
    looker.answers = false;
    ASSERT_EQ(host.add(&looker_module), 0);
    add(disk);
    add(second);
    EXPECT_EQ(looker.by_disk, (Names{"disk", "second"}));
    looker.answer(1);
    EXPECT_TRUE(is_free("second")) << "though the module's oldest call is that for 'disk'";
    EXPECT_FALSE(is_free("disk"));
    looker.answer();
    EXPECT_TRUE(is_free("disk"));
    EXPECT_EQ(host.remove("second"), 0);
}

/// A module that has a bdev open for writing while it examines it.
struct Writer {
    bdk_bdev_desc* desc = nullptr;
    bdk_examine* examine = nullptr;
} writer;

void open_for_writing(const bdk_module*, bdk_examine* examine, bdk_bdev* bdev) {
    if (writer.examine != nullptr) return bdk_examine_done(examine, 0);
    writer.examine = examine;
    const auto ignore = [](uint32_t, bdk_bdev*, void*) {};
    EXPECT_EQ(bdk_bdev_open(bdk_bdev_get_name(bdev), BDK_BDEV_OPEN_WRITE, ignore, nullptr, &writer.desc), 0);
}

const bdk_module writer_module = {
    .size = sizeof(bdk_module), .name = "writer", .examine_disk = open_for_writing};

TEST_F(Examine, ThatOpensForWritingIsNotInTheWayOfAClaim) {
    RawLayer layer("layer", "disk");
    writer = {};
    ASSERT_EQ(host.add(&writer_module), 0);
    ASSERT_EQ(host.add(&looker_module), 0);
    add(disk);
    EXPECT_TRUE(looker.by_disk.empty()) << "another module reads it";
    Awaited<int> made;
    call_on_app_thread([&] {
        const auto make = [&layer, done = made.setter()](bool) { done(layer.add()); };
        when_examined(Bdev::of(&disk.bdev), make);
        // The channel keeps the desc from going at once.
        bdk_io_channel* ch = bdk_bdev_get_io_channel(writer.desc);
        bdk_bdev_close(writer.desc);
        bdk_put_io_channel(ch);
        bdk_examine_done(writer.examine, 0);
    });
    EXPECT_EQ(made.get(), 0);
    EXPECT_EQ(looker.by_disk, (Names{"disk", "layer"}));
    EXPECT_EQ(host.remove("disk"), 0);
}

RuntimeOptions with_limit() {
    RuntimeOptions options = test_runtime_options();
    options.bdev.examine_limit_ms = 1;
    return options;
}

class LimitedExamine : public Examine {
protected:
    LimitedExamine() : Examine(with_limit()) {}
};

TEST_F(LimitedExamine, IsNotWaitedForBeyondTheLimit) {
    LogCapture log;
    looker.answers = false;
    ASSERT_EQ(host.add(&looker_module), 0);
    add(disk);
    EXPECT_EQ(wait_for_examine().get(), 0);
    EXPECT_TRUE(log.has({"bdev 'disk'", "gave up waiting", "module 'looker'"}));
    const uint64_t before = violation_count();
    looker.answer();
    EXPECT_EQ(violation_count(), before) << "it may answer late";
}

TEST_F(Examine, ByHandSaysWhyNot) {
    RawLayer layer("layer", "disk");
    add(disk);
    call_on_app_thread([] {
        examine_by_hand("nobody", [](int rc) { EXPECT_EQ(rc, -ENODEV); });
        examine_by_hand("disk", [](int rc) { EXPECT_EQ(rc, -ENOENT) << "no module examines"; });
    });
    ASSERT_EQ(host.add(&looker_module), 0);
    call_on_app_thread([&] {
        ASSERT_EQ(layer.add(), 0);
        examine_by_hand("disk", [](int rc) { EXPECT_EQ(rc, -EPERM) << "it is claimed"; });
    });
    EXPECT_EQ(host.remove("disk"), 0);
}

RuntimeOptions with_allow_list() {
    RuntimeOptions options = without_auto_examine();
    options.bdev.examine = {"later"};
    return options;
}

class AllowedExamine : public Examine {
protected:
    AllowedExamine() : Examine(with_allow_list()) {}
};

TEST_F(AllowedExamine, TakesWhatTheHostNames) {
    RawDisk later("later");
    ASSERT_EQ(host.add(&looker_module), 0);
    add(disk);
    add(later);
    EXPECT_EQ(looker.by_disk, Names{"later"});
    EXPECT_EQ(host.remove("later"), 0);
}

}  // namespace
}  // namespace bdk::test
