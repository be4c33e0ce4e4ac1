// SPDX-License-Identifier: {{cookiecutter.license}}
#include <bdevkit/module.h>
#include <gtest/gtest.h>

#include <set>
#include <string>

namespace {

TEST(Module, SaysWhatItIs) {
    EXPECT_STREQ(bdk_own_module.name, "{{cookiecutter.name}}");
    EXPECT_EQ(bdk_plugin_v1.abi_major, uint32_t(BDK_ABI_MAJOR));
    EXPECT_EQ(bdk_plugin_v1.modules[0], &bdk_own_module);
    EXPECT_NE(std::string(bdk_own_module.description), "");
}

TEST(Module, EveryOptionHasHelpAndAPlaceInTheStruct) {
    std::set<std::string> names;
    for (uint32_t i = 0; i < bdk_own_module.option_count; i++) {
        const bdk_option& option = bdk_own_module.options[i];
        EXPECT_TRUE(names.insert(option.name).second) << option.name;
        EXPECT_NE(std::string(option.help), "") << option.name;
        EXPECT_LT(option.offset, bdk_own_module.options_struct_size) << option.name;
    }
}

}  // namespace
