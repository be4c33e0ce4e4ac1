// SPDX-License-Identifier: {{cookiecutter.license}}
#include <bdevkit/module.h>
#include <gtest/gtest.h>

#include <set>
#include <string>

namespace {

TEST(Module, SaysWhatItIs) {
    EXPECT_STREQ(bdk_module_v1.name, "{{cookiecutter.name}}");
    EXPECT_EQ(bdk_module_v1.abi_major, uint32_t(BDK_ABI_MAJOR));
    EXPECT_NE(std::string(bdk_module_v1.description), "");
}

TEST(Module, EveryOptionHasHelpAndAPlaceInTheStruct) {
    std::set<std::string> names;
    for (uint32_t i = 0; i < bdk_module_v1.option_count; i++) {
        const bdk_option& option = bdk_module_v1.options[i];
        EXPECT_TRUE(names.insert(option.name).second) << option.name;
        EXPECT_NE(std::string(option.help), "") << option.name;
        EXPECT_LT(option.offset, bdk_module_v1.options_struct_size) << option.name;
    }
}

}  // namespace
