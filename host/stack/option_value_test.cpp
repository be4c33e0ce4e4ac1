// SPDX-License-Identifier: BSD-3-Clause
#include "stack/option_value.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "stack/stack_test_modules.hpp"
#include "stack/yaml.hpp"

namespace bdevkit::host {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

/// Reads the disk module's options from the text of a map, in the folder /stacks.
struct Reading {
    explicit Reading(const std::string& text) {
        const ConfigNodePtr node = parse_yaml(text, problems);
        const OptionTable table = option_table_of(*test_modules()[0]);
        const OptionReader reader(table, "/stacks", "module 'disk'");
        options = reader.read(node->members, node->at, {"name"}, problems);
    }
    const DiskOptions& disk() const { return options.as<DiskOptions>(); }
    std::string errors() const { return problems.format("f"); }

    Problems problems;
    OptionStruct options;
};

TEST(OptionValueTest, every_type_lands_at_its_offset) {
    const Reading reading(
        "{ size: 64MiB, block_size: 4096, delay: 1.5ms, mode: fast, file: images/a.img, key: hush,"
        "  uuid: 01234567-89ab-cdef-0123-456789abcdef, sparse: yes, ports: [7, 0x8], tags: [a, 'b c'] }");
    ASSERT_EQ(reading.errors(), "");
    const DiskOptions& disk = reading.disk();
    EXPECT_EQ(disk.size, 64ull << 20);
    EXPECT_EQ(disk.block_size, 4096u);
    EXPECT_EQ(disk.delay, 1'500'000u);
    EXPECT_EQ(disk.mode, 0u);
    EXPECT_STREQ(disk.file, "/stacks/images/a.img");
    EXPECT_STREQ(disk.key, "hush");
    EXPECT_EQ(disk.uuid.bytes[0], 0x01);
    EXPECT_EQ(disk.uuid.bytes[15], 0xef);
    EXPECT_EQ(disk.sparse, 1);
    ASSERT_EQ(disk.ports.count, 2u);
    EXPECT_EQ(static_cast<const uint32_t*>(disk.ports.items)[1], 8u);
    ASSERT_EQ(disk.tags.count, 2u);
    EXPECT_STREQ(static_cast<const char* const*>(disk.tags.items)[1], "b c");
}

TEST(OptionValueTest, what_is_not_given_is_default_or_zero) {
    const Reading reading("{ size: 512 }");
    ASSERT_EQ(reading.errors(), "");
    const DiskOptions& disk = reading.disk();
    EXPECT_EQ(disk.block_size, 512u);
    EXPECT_EQ(disk.mode, 1u) << "safe";
    EXPECT_EQ(disk.delay, 0u);
    EXPECT_EQ(disk.file, nullptr);
    ASSERT_EQ(disk.ports.count, 2u);
    EXPECT_EQ(static_cast<const uint32_t*>(disk.ports.items)[1], 2u);
    EXPECT_EQ(disk.tags.count, 0u);
}

TEST(OptionValueTest, the_struct_survives_a_move) {
    Reading reading("{ size: 512, tags: [x], key: y }");
    const OptionStruct moved = std::move(reading.options);
    EXPECT_STREQ(moved.as<DiskOptions>().key, "y");
    EXPECT_STREQ(*static_cast<const char* const*>(moved.as<DiskOptions>().tags.items), "x");
}

TEST(OptionValueTest, an_absolute_path_stays) {
    EXPECT_STREQ(Reading("{ size: 512, file: /dev/sda }").disk().file, "/dev/sda");
    EXPECT_STREQ(Reading("{ size: 512, file: ../x/./y }").disk().file, "/x/y");
}

TEST(OptionValueTest, bounds_are_said_in_the_units_of_the_type) {
    EXPECT_EQ(Reading("{ size: 2TiB }").errors(),
              "f:1:9: 'size': expected at least 512, at most 1TiB, got '2TiB'\n");
    EXPECT_EQ(Reading("{ size: 1k, ports: [1, 101] }").errors(),
              "f:1:24: 'ports': expected at most 100, got '101'\n");
    EXPECT_EQ(Reading("{ size: 1k, block_size: 99999999999 }").errors(),
              "f:1:25: 'block_size': expected at least 512, at most 65536, got '99999999999'\n");
}

TEST(OptionValueTest, a_misspelt_key_is_offered_the_nearest) {
    EXPECT_EQ(Reading("{ size: 1k, block_sze: 512 }").errors(),
              "f:1:13: module 'disk' has no option 'block_sze'; did you mean 'block_size'?\n");
    EXPECT_THAT(Reading("{ size: 1k, zzz: 512 }").errors(), HasSubstr("; expected one of: size, block_size"));
}

TEST(OptionValueTest, a_misspelt_enum_value_is_offered_the_nearest) {
    EXPECT_EQ(Reading("{ size: 1k, mode: sfe }").errors(),
              "f:1:19: 'mode': expected one of fast, safe, got 'sfe'; did you mean 'safe'?\n");
}

TEST(OptionValueTest, a_missing_option_is_reported_with_its_help) {
    EXPECT_EQ(Reading("{ mode: fast }").errors(), "f:1:1: module 'disk' needs 'size' (Size of the bdev.)\n");
}

TEST(OptionValueTest, wrong_kinds_of_value) {
    EXPECT_EQ(Reading("{ size: [1] }").errors(),
              "f:1:9: 'size': expected a size such as 64MiB, got a list\n");
    EXPECT_EQ(Reading("{ size: }").errors(), "f:1:3: 'size' has no value; expected a size such as 64MiB\n");
    EXPECT_EQ(Reading("{ size: 1k, ports: 7 }").errors(),
              "f:1:20: 'ports': expected a list (`[ ... ]`), got '7'\n");
    EXPECT_EQ(Reading("{ size: 1k, ports: [{}] }").errors(),
              "f:1:21: 'ports': expected a whole number, got a map\n");
    EXPECT_EQ(Reading("{ size: 1k, sparse: maybe }").errors(),
              "f:1:21: 'sparse': expected true or false, got 'maybe'\n");
    EXPECT_THAT(Reading("{ size: 1k, uuid: 123 }").errors(), HasSubstr("expected a UUID such as"));
    EXPECT_THAT(Reading("{ size: 1k, file: \"a\\0b\" }").errors(), HasSubstr("NUL"));
    EXPECT_THAT(Reading("{ size: 1k, file: '' }").errors(), HasSubstr("expected a path"));
}

TEST(OptionValueTest, all_problems_come_in_one_run) {
    const Reading reading("size: 1q\nmode: sfe\nfoo: 1\nsparse: 2\n");
    EXPECT_EQ(reading.problems.sorted().size(), 4u);
}

TEST(OptionValueTest, a_secret_never_reaches_a_message) {
    EXPECT_THAT(Reading("{ size: 1k, key: \"hu\\0sh\" }").errors(), Not(HasSubstr("hu")));
    EXPECT_THAT(Reading("{ size: 1k, key: [hush] }").errors(), Not(HasSubstr("hush")));
}

TEST(OptionValueTest, a_wrong_default_is_the_modules_fault) {
    struct Options {
        uint32_t n;
    };
    const bdk_option table[] = {
        {.name = "n", .help = "", .type = BDK_OPTION_U32, .offset = 0, .default_value = "many"}};
    Problems problems;
    const OptionReader reader({table, sizeof(Options)}, "/", "module 'odd'");
    reader.read({}, {3, 5}, {}, problems);
    EXPECT_EQ(problems.format("f"),
              "f:3:5: a fault in module 'odd', in the default of 'n': expected a whole number such as 8, "
              "got 'many'\n");
}

}  // namespace
}  // namespace bdevkit::host
