// SPDX-License-Identifier: BSD-3-Clause
#include "loader/module_info.hpp"

#include <gmock/gmock.h>

#include <cstddef>
#include <cstring>

namespace bdevkit::host {
namespace {

using ::testing::HasSubstr;

struct Options {
    const char* base;
    uint64_t size;
    uint32_t mode;
    uint8_t fast;
    bdk_option_list paths;
};

const char* const modes[] = {"slow", "fast", nullptr};

class ModuleTable : public ::testing::Test {
protected:
    std::string error() const {
        const auto info = read_module(table_);
        return info ? "fine" : info.error();
    }

    bdk_option options_[4] = {
        {.name = "base", .help = "", .type = BDK_OPTION_BDEV, .offset = offsetof(Options, base)},
        {.name = "size", .help = "", .type = BDK_OPTION_SIZE, .offset = offsetof(Options, size)},
        {.name = "mode",
         .help = "",
         .type = BDK_OPTION_ENUM,
         .offset = offsetof(Options, mode),
         .enum_values = modes},
        {.name = "paths",
         .help = "",
         .type = BDK_OPTION_PATH,
         .flags = BDK_OPTION_LIST,
         .offset = offsetof(Options, paths)},
    };
    bdk_module table_ = {
        .size = sizeof(bdk_module),
        .name = "model-2_b",
        .version = "1.0",
        .options = options_,
        .option_count = 4,
        .option_size = sizeof(bdk_option),
        .options_struct_size = sizeof(Options),
        .create = [](const bdk_module*, bdk_create*, const char*, const void*) { return 0; },
    };
};

TEST_F(ModuleTable, IsReadWhole) {
    const auto info = read_module(table_);
    ASSERT_TRUE(info) << info.error();
    EXPECT_EQ(info->module, &table_);
    EXPECT_EQ(info->name, "model-2_b");
    EXPECT_EQ(info->version, "1.0");
    EXPECT_EQ(info->license, "");
    EXPECT_TRUE(info->has_create);
    ASSERT_EQ(info->options.size(), 4u);
    EXPECT_STREQ(info->options[3].name, "paths");
    EXPECT_EQ(info->options_struct_size, sizeof(Options));
}

TEST_F(ModuleTable, FieldsBeyondItsSizeCountAsZero) {
    table_.size = offsetof(bdk_module, options);
    const auto info = read_module(table_);
    ASSERT_TRUE(info) << info.error();
    EXPECT_EQ(info->version, "1.0");
    EXPECT_TRUE(info->options.empty());
    EXPECT_FALSE(info->has_create);
}

TEST_F(ModuleTable, OptionsOfAnotherSizeAreReadAtTheirOwnStride) {
    struct LongOption {
        bdk_option head;
        uint64_t more[2];
    };
    LongOption longer[2] = {{options_[0], {}}, {options_[1], {}}};
    table_.options = &longer[0].head;
    table_.option_count = 2;
    table_.option_size = sizeof(LongOption);
    auto info = read_module(table_);
    ASSERT_TRUE(info) << info.error();
    EXPECT_STREQ(info->options[1].name, "size");
    longer[1].more[0] = 7;
    EXPECT_THAT(error(), AllOf(HasSubstr("'size'"), HasSubstr("bytes"), HasSubstr("newer ABI")));

    struct ShortOption {
        const char *name, *help;
        uint32_t type, flags;
        uint64_t offset;
    };
    const ShortOption shorter[2] = {{"base", "", BDK_OPTION_BDEV, 0, 0}, {"size", "", BDK_OPTION_SIZE, 0, 8}};
    table_.options = reinterpret_cast<const bdk_option*>(shorter);
    table_.option_size = sizeof(ShortOption);
    info = read_module(table_);
    ASSERT_TRUE(info) << info.error();
    EXPECT_STREQ(info->options[1].name, "size");
    EXPECT_EQ(info->options[0].max, 0u);
}

TEST_F(ModuleTable, UnknownBitsAreRefusedByName) {
    table_.flags = 1u << 9;
    EXPECT_THAT(error(), HasSubstr("flags has bit 9 set"));
    table_.flags = 0;
    table_.reserved = 1u << 3;
    EXPECT_THAT(error(), HasSubstr("reserved has bit 3 set"));
    table_.reserved = 0;
    options_[1].flags |= 1u << 30;
    EXPECT_THAT(error(), HasSubstr("option 'size': flags has bit 30 set"));
    options_[1].flags &= ~(1u << 30);
    options_[1].reserved[1] = uint64_t{1} << 40;
    EXPECT_THAT(error(), HasSubstr("option 'size': reserved has bit 40 set"));
    options_[1].reserved[1] = 0;
    EXPECT_TRUE(read_module(table_)) << error();

    bdk_method method{};
    method.name = "ask";
    method.call = [](const bdk_module*, const bdk_method*, bdk_call*, const void*, bdk_json_writer*) {
        return 0;
    };
    method.reserved[0] = 2;
    table_.methods = &method;
    table_.method_count = 1;
    table_.method_size = sizeof(method);
    EXPECT_THAT(error(), HasSubstr("method 'ask': reserved has bit 1 set"));
}

TEST_F(ModuleTable, ThePartsThatItMakesHaveASuffix) {
    EXPECT_FALSE(read_module(table_)->parts);
    table_.part_suffix = "nsid10";
    options_[1].type = BDK_OPTION_U64;
    options_[1].flags = options_[3].flags |= BDK_OPTION_PARTS;
    options_[1].flags &= ~uint32_t{BDK_OPTION_LIST};
    options_[0].flags = BDK_OPTION_CLAIMED;
    const auto info = read_module(table_);
    ASSERT_TRUE(info) << info.error();
    EXPECT_EQ(info->parts->letters, "nsid");
    EXPECT_EQ(info->parts->first, 10u);

    for (const char* wrong : {"", "p", "0", "p00", "P0", "p-0", "p0x", "p99999999999"}) {
        table_.part_suffix = wrong;
        EXPECT_THAT(error(), HasSubstr(std::string("part_suffix '") + wrong + "'"));
    }
    table_.part_suffix = nullptr;
    EXPECT_THAT(error(), HasSubstr("'size' has BDK_OPTION_PARTS, but the module has no part_suffix"));
    table_.part_suffix = "p0";
    options_[2].flags = BDK_OPTION_PARTS;
    EXPECT_THAT(error(), HasSubstr("'mode' has BDK_OPTION_PARTS, but is neither"));
    options_[2].flags = BDK_OPTION_CLAIMED;
    EXPECT_THAT(error(), HasSubstr("'mode' has BDK_OPTION_CLAIMED, but is not a BDK_OPTION_BDEV"));
    table_.size = offsetof(bdk_module, part_suffix);  // an older plugin
    options_[2].flags = options_[1].flags = 0;
    options_[3].flags = BDK_OPTION_LIST;
    EXPECT_FALSE(read_module(table_)->parts);
}

TEST_F(ModuleTable, NamesFollowTheRules) {
    for (const char* name : {"", "Upper", "with space", "dotted.name", "ünicode"}) {
        table_.name = name;
        EXPECT_THAT(error(), HasSubstr("lower-case letters")) << name;
    }
    table_.name = nullptr;
    EXPECT_THAT(error(), HasSubstr("module name ''"));
}

TEST_F(ModuleTable, IsReadFromThePluginsList) {
    bdk_module second = table_;
    second.name = "second";
    const bdk_module* modules[] = {&table_, &second, nullptr};
    bdk_plugin plugin = {BDK_PLUGIN_HEAD, .modules = modules, .module_count = 2};
    const auto infos = read_plugin(plugin);
    ASSERT_TRUE(infos) << infos.error();
    ASSERT_EQ(infos->size(), 2u);
    EXPECT_EQ((*infos)[1].name, "second");
    EXPECT_EQ((*infos)[1].module, &second);

    plugin.module_count = 3;
    EXPECT_THAT(read_plugin(plugin).error(), HasSubstr("entry 2 of its list is NULL"));
    plugin.module_count = 0;
    EXPECT_THAT(read_plugin(plugin).error(), HasSubstr("no modules"));
    plugin.size = offsetof(bdk_plugin, modules);
    EXPECT_THAT(read_plugin(plugin).error(), HasSubstr("sizeof(struct bdk_plugin)"));
}

TEST(Abi, AnotherMajorOrDraftIsRefused) {
    EXPECT_EQ(why_wrong_abi(BDK_ABI_MAJOR, BDK_ABI_MINOR + 7, BDK_ABI_DRAFT), "");
    EXPECT_THAT(why_wrong_abi(2, 1, 0), HasSubstr("built for ABI 2.1, this host offers 1."));
    EXPECT_THAT(why_wrong_abi(BDK_ABI_MAJOR, 0, BDK_ABI_DRAFT - 1),
                AllOf(HasSubstr("built for ABI 1.0 draft 1, this host"), HasSubstr("rebuild")));
}

TEST_F(ModuleTable, SizesMustBeSet) {
    table_.size = 0;
    EXPECT_THAT(error(), HasSubstr("sizeof(struct bdk_module)"));
    table_.size = sizeof(bdk_module);
    table_.option_size = 0;
    EXPECT_THAT(error(), HasSubstr("sizeof(struct bdk_option)"));
    table_.option_size = sizeof(bdk_option) - 1;
    EXPECT_THAT(error(), HasSubstr("sizeof(struct bdk_option)"));
    table_.options = nullptr;
    EXPECT_THAT(error(), HasSubstr("options is NULL"));
}

TEST_F(ModuleTable, OptionsStayInsideTheirStruct) {
    table_.options_struct_size = offsetof(Options, paths) + 8;
    EXPECT_THAT(error(), HasSubstr("option 'paths' takes 16 bytes"));
    table_.options_struct_size = sizeof(Options);
    options_[1].offset = UINT64_MAX;
    EXPECT_THAT(error(), HasSubstr("option 'size' takes 8 bytes"));
    options_[1].offset = 4;
    EXPECT_THAT(error(), HasSubstr("not aligned"));
}

TEST_F(ModuleTable, OptionsMakeSense) {
    options_[1].name = "Size";
    EXPECT_THAT(error(), HasSubstr("option name 'Size'"));
    options_[1].name = "module";
    EXPECT_THAT(error(), HasSubstr("option 'module'"));
    options_[1].name = "base";
    EXPECT_THAT(error(), HasSubstr("option 'base' occurs twice"));
    options_[1].name = "size";
    options_[1].min = 9;
    options_[1].max = 8;
    EXPECT_THAT(error(), HasSubstr("minimum 9 above its maximum 8"));
    options_[1].max = 0;
    EXPECT_EQ(error(), "fine");
    options_[1].type = 99;
    EXPECT_THAT(error(), HasSubstr("type 99"));
    options_[1].type = BDK_OPTION_SIZE;
    options_[2].enum_values = nullptr;
    EXPECT_THAT(error(), HasSubstr("enum without enum_values"));
}

class MethodTable : public ModuleTable {
protected:
    MethodTable() {
        table_.methods = methods_;
        table_.method_count = 2;
        table_.method_size = sizeof(bdk_method);
    }

    static int call(const bdk_module*, const bdk_method*, bdk_call*, const void*, bdk_json_writer*) {
        return 0;
    }

    bdk_method methods_[2] = {
        {.name = "list", .help = "Lists.", .call = call},
        {.name = "grow",
         .help = "Grows.",
         .params = &options_[1],
         .param_count = 2,
         .params_struct_size = sizeof(Options),
         .call = call},
    };
};

TEST_F(MethodTable, IsReadWithItsParameters) {
    const auto info = read_module(table_);
    ASSERT_TRUE(info) << info.error();
    ASSERT_EQ(info->methods.size(), 2u);
    const MethodInfo* grow = info->find_method("grow");
    ASSERT_NE(grow, nullptr);
    EXPECT_EQ(grow->help, "Grows.");
    ASSERT_EQ(grow->params.size(), 2u);
    EXPECT_STREQ(grow->params[1].name, "mode");
    EXPECT_EQ(grow->method.params_struct_size, sizeof(Options));
    EXPECT_EQ(info->find_method("shrink"), nullptr);
}

TEST_F(MethodTable, OfAnOlderPluginIsNotThere) {
    table_.size = offsetof(bdk_module, methods);
    const auto info = read_module(table_);
    ASSERT_TRUE(info) << info.error();
    EXPECT_TRUE(info->methods.empty());
}

TEST_F(MethodTable, OfANewerPluginIsReadAtItsOwnStride) {
    struct LongMethod {
        bdk_method head;
        uint64_t more[2];
    };
    LongMethod longer[2] = {{methods_[0], {0, 0}}, {methods_[1], {0, 0}}};
    table_.methods = &longer[0].head;
    table_.method_size = sizeof(LongMethod);
    const auto info = read_module(table_);
    ASSERT_TRUE(info) << info.error();
    EXPECT_NE(info->find_method("grow"), nullptr);

    longer[1].more[1] = 7;
    EXPECT_THAT(error(), HasSubstr("not zero")) << "it asks for what this host does not know";
}

TEST_F(MethodTable, MakesSense) {
    methods_[0].name = "List";
    EXPECT_THAT(error(), HasSubstr("method name 'List'"));
    methods_[0].name = "grow";
    EXPECT_THAT(error(), HasSubstr("method 'grow' occurs twice"));
    methods_[0].name = "list";
    methods_[0].call = nullptr;
    EXPECT_THAT(error(), HasSubstr("method 'list' has no call"));
    methods_[0].call = call;
    methods_[1].params_struct_size = 4;
    EXPECT_THAT(error(), HasSubstr("method 'grow': option 'size' takes 8 bytes"));
    methods_[1].params = nullptr;
    EXPECT_THAT(error(), HasSubstr("params is NULL"));
    table_.method_size = 8;
    EXPECT_THAT(error(), HasSubstr("sizeof(struct bdk_method)"));
    table_.methods = nullptr;
    EXPECT_THAT(error(), HasSubstr("methods is NULL"));
}

// An option may not be called `name`, since bdevs of a stack have one; a parameter may.
TEST_F(MethodTable, ParametersMayBeCalledName) {
    options_[1].name = "name";
    table_.option_count = 0;
    EXPECT_EQ(error(), "fine");
}

}  // namespace
}  // namespace bdevkit::host
