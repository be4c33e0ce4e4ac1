// SPDX-License-Identifier: BSD-3-Clause
// Loading into a running host: init and fini, and the reports of their failures.
#include <gmock/gmock.h>

#include "loader/plugin_loader.hpp"
#include "loader/plugin_test_folder.hpp"
#include "module/module_registry.hpp"
#include "runtime/runtime.hpp"

namespace bdevkit::host {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

const bdk_module* module_in_host(std::string_view name) {
    const bdk_module* module = nullptr;
    bdk::call_on_app_thread([&] { module = bdk::module_find(name); });
    return module;
}

class Loading : public ::testing::Test {
protected:
    void SetUp() override {
        bdk::RuntimeOptions options;
        options.env.hugepages = "off";
        auto runtime = bdk::Runtime::start(options);
        ASSERT_TRUE(runtime) << runtime.error();
        runtime_ = *std::move(runtime);
    }

    std::unique_ptr<bdk::Runtime> runtime_;
    PluginTestFolder folder_;
    PluginLoader loader_{{folder_.as_search_folder()}};
};

TEST_F(Loading, MakesTheModuleKnownToTheHost) {
    folder_.add("well_behaved");
    loader_.discover();
    EXPECT_EQ(module_in_host("well_behaved"), nullptr);

    const auto module = loader_.load("well_behaved");
    ASSERT_TRUE(module) << module.error();
    EXPECT_EQ(module_in_host("well_behaved"), *module);
    EXPECT_EQ(loader_.find("well_behaved")->state, PluginState::loaded);
    EXPECT_EQ(loader_.load("well_behaved").value_or(nullptr), *module) << "loading twice changes nothing";

    EXPECT_THAT(loader_.remove_modules(), IsEmpty());
    EXPECT_EQ(module_in_host("well_behaved"), nullptr);
    EXPECT_EQ(loader_.find("well_behaved")->state, PluginState::usable);
}

TEST_F(Loading, TakesOlderAndNewerTables) {
    folder_.add("newer_abi_minor");
    folder_.add("shorter_table");
    loader_.discover();
    EXPECT_THAT(loader_.load_all(), IsEmpty());
    EXPECT_NE(module_in_host("newer_abi_minor"), nullptr);
    EXPECT_NE(module_in_host("shorter_table"), nullptr);
    EXPECT_THAT(loader_.remove_modules(), IsEmpty());
}

/// Shared callbacks tell the modules apart by `self`.
TEST_F(Loading, OfOnePluginEachModuleHasAnInitAndALifeOfItsOwn) {
    folder_.add("two_modules");
    loader_.discover();
    const auto create = [&](const char* name) {
        const bdk_module* module = loader_.load(name).value();
        return bdk::await_on_app_thread(
            [=](bdk::Done done) { bdk::module_create_bdev(module, "disk", nullptr, std::move(done)); });
    };
    EXPECT_EQ(create("second_of_two"), -EROFS);
    EXPECT_EQ(module_in_host("first_of_two"), nullptr) << "only what is asked for is loaded";
    EXPECT_EQ(create("first_of_two"), -ENOSPC);
    EXPECT_THAT(loader_.remove_modules(), IsEmpty());
    EXPECT_EQ(module_in_host("second_of_two"), nullptr);
}

TEST_F(Loading, TellsThatInitFailed) {
    const auto file = folder_.add("init_fails");
    loader_.discover();
    const auto module = loader_.load("init_fails");
    ASSERT_FALSE(module);
    EXPECT_THAT(module.error(),
                AllOf(HasSubstr(file.native()), HasSubstr("init"), HasSubstr("No such device")));
    EXPECT_EQ(module_in_host("init_fails"), nullptr);
    EXPECT_EQ(loader_.find("init_fails"), nullptr);
    EXPECT_THAT(loader_.why_missing("init_fails"), HasSubstr("No such device"));
}

TEST_F(Loading, CatchesAnExceptionOfInit) {
    folder_.add("init_throws");
    loader_.discover();
    const auto module = loader_.load("init_throws");
    ASSERT_FALSE(module);
    EXPECT_THAT(module.error(), HasSubstr("init"));
    EXPECT_EQ(module_in_host("init_throws"), nullptr);
}

TEST_F(Loading, GoesOnAfterAFailure) {
    folder_.add("init_fails");
    folder_.add("init_throws");
    folder_.add("well_behaved");
    loader_.discover();
    EXPECT_THAT(loader_.load_all(), ElementsAre(HasSubstr("init_fails.so"), HasSubstr("init_throws.so")));
    EXPECT_NE(module_in_host("well_behaved"), nullptr);
    EXPECT_THAT(loader_.remove_modules(), IsEmpty());
}

TEST_F(Loading, RefusesAModuleThatTheHostHasAlready) {
    folder_.add("well_behaved");
    PluginLoader other({folder_.as_search_folder()});
    loader_.discover();
    other.discover();
    ASSERT_TRUE(loader_.load("well_behaved"));
    const auto again = other.load("well_behaved");
    ASSERT_FALSE(again);
    EXPECT_THAT(again.error(), HasSubstr("already has a module 'well_behaved'"));
    EXPECT_THAT(loader_.remove_modules(), IsEmpty());
}

TEST_F(Loading, KeepsAFileMappedWhileItsModuleIsInTheHost) {
    folder_.add("well_behaved");
    const bdk_module* module = nullptr;
    {
        PluginLoader short_lived({folder_.as_search_folder()});
        short_lived.discover();
        module = short_lived.load("well_behaved").value();
    }
    EXPECT_STREQ(module->name, "well_behaved");
    EXPECT_EQ(bdk::await_on_app_thread([&](bdk::Done done) { bdk::module_remove(module, std::move(done)); }),
              0);
}

}  // namespace
}  // namespace bdevkit::host
