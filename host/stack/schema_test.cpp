// SPDX-License-Identifier: BSD-3-Clause
// tests/integration/test_cli_schema.py checks with an independent validator that stack files match the
// schema.
#include "stack/schema.hpp"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "stack/stack_test_modules.hpp"

namespace bdevkit::host {
namespace {

TEST(SchemaTest, follows_the_option_tables) {
    const nlohmann::json schema = make_stack_schema(test_modules());
    const nlohmann::json& bdev = schema["definitions"]["bdev"];
    EXPECT_EQ(bdev["properties"]["module"]["enum"],
              (nlohmann::json{"disk", "layer", "raid", "writer", "slice", "shelf"}));
    EXPECT_EQ(bdev["required"], nlohmann::json::array({"module"}));

    const nlohmann::json& disk = bdev["allOf"][0]["then"];
    EXPECT_EQ(disk["required"], (nlohmann::json{"size", "module", "name"}));
    EXPECT_EQ(disk["additionalProperties"], false);
    EXPECT_EQ(disk["properties"]["mode"]["enum"], (nlohmann::json{"fast", "safe"}));
    EXPECT_EQ(disk["properties"]["block_size"]["anyOf"][0]["maximum"], 65536);
    EXPECT_EQ(disk["properties"]["ports"]["type"], "array");
    EXPECT_EQ(disk["properties"]["size"]["description"], "Size of the bdev.");

    EXPECT_EQ(disk["properties"]["qos"]["properties"]["rw_iops"]["anyOf"][0]["type"], "integer");

    const nlohmann::json& raid = bdev["allOf"][2]["then"];
    EXPECT_EQ(raid["properties"]["bases"]["items"]["anyOf"][1]["$ref"], "#/definitions/nested_bdev");
    EXPECT_EQ(schema["properties"]["host"]["properties"]["mode"]["default"], "adaptive");
}

TEST(SchemaTest, a_nested_bdev_needs_no_name) {
    const nlohmann::json schema = make_stack_schema(test_modules());
    const nlohmann::json& nested = schema["definitions"]["nested_bdev"]["allOf"][0]["then"];
    EXPECT_EQ(nested["required"], (nlohmann::json{"size", "module"}));
}

TEST(SchemaTest, a_module_without_create_is_left_out) {
    const nlohmann::json schema = make_stack_schema(test_modules_with_finder());
    EXPECT_EQ(schema["definitions"]["bdev"]["properties"]["module"]["enum"].size(), 6u);
}

}  // namespace
}  // namespace bdevkit::host
