// SPDX-License-Identifier: BSD-3-Clause
#include "stack/yaml.hpp"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace bdevkit::host {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

/// The problems of a text, one line each, file "f".
std::string problems_of(const std::string& text) {
    Problems problems;
    parse_yaml(text, problems);
    return problems.format("f");
}

TEST(YamlTest, values_have_places_counted_from_one) {
    Problems problems;
    const ConfigNodePtr root = parse_yaml("version: 1\nbdevs:\n  - { name: a, size: 4k }\n  -\n", problems);
    ASSERT_TRUE(problems.empty()) << problems.format("f");
    const Member* bdevs = root->find("bdevs");
    ASSERT_NE(bdevs, nullptr);
    EXPECT_EQ(bdevs->at.line, 2);
    EXPECT_EQ(bdevs->at.column, 1);
    ASSERT_EQ(bdevs->value->items.size(), 2u);
    const Member* size = bdevs->value->items[0]->find("size");
    EXPECT_EQ(size->value->text, "4k");
    EXPECT_EQ(size->at.column, 16);
    EXPECT_EQ(size->value->at.line, 3);
    EXPECT_EQ(size->value->at.column, 22);
    EXPECT_EQ(bdevs->value->items[1]->kind, ConfigNode::Kind::null);
}

TEST(YamlTest, an_error_of_syntax_has_a_place) {
    EXPECT_THAT(problems_of("a: [1, 2\nb: }\n"), StartsWith("f:2:"));
    EXPECT_THAT(problems_of("a: [1, 2\n"), HasSubstr("not YAML: "));
    EXPECT_THAT(problems_of("a: 1\n b: 2\n"), StartsWith("f:2:"));
    EXPECT_THAT(problems_of(""), HasSubstr("the file is empty"));
    EXPECT_THAT(problems_of("a: 1\n---\nb: 1\n"), HasSubstr("more than one document"));
}

TEST(YamlTest, a_key_given_twice_is_found_with_both_places) {
    EXPECT_EQ(problems_of("a: 1\nb: 2\na: 3\n"), "f:3:1: key 'a' is given twice; first at 1:1\n");
    EXPECT_EQ(problems_of("[a, b]: 1\n"), "f:1:1: expected a name as key, got a list\n");
}

TEST(YamlTest, aliases_and_merge_keys) {
    Problems problems;
    const ConfigNodePtr root = parse_yaml(
        "base: &base { size: 4k, block_size: 512 }\n"
        "again: *base\n"
        "merged: { <<: *base, size: 8k }\n",
        problems);
    ASSERT_TRUE(problems.empty()) << problems.format("f");
    EXPECT_EQ(root->find("again")->value, root->find("base")->value);
    const ConfigNode& merged = *root->find("merged")->value;
    EXPECT_EQ(merged.find("size")->value->text, "8k");
    EXPECT_EQ(merged.find("block_size")->value->text, "512");
    EXPECT_EQ(merged.members.size(), 2u);
    EXPECT_EQ(problems_of("a: { <<: 7 }\n"), "f:1:10: expected a map to merge, got '7'\n");
}

TEST(YamlTest, an_alias_inside_its_anchor_is_refused) {
    EXPECT_EQ(problems_of("a: &a [ *a ]\n"), "f:1:9: an alias inside the node that its anchor names\n");
    EXPECT_THAT(problems_of("a: *nowhere\n"), StartsWith("f:1:"));
}

TEST(YamlTest, a_tab_in_the_indentation_is_named) {
    const std::string tab = "the line is indented with a tab; indent with spaces\n";
    EXPECT_EQ(problems_of("a:\n\t- b\n"), "f:2:1: not YAML: " + tab);
    EXPECT_EQ(problems_of("a:\n  \t- b\n"), "f:2:3: not YAML: " + tab);
    EXPECT_EQ(problems_of("a:\n  - b: 1\n\tc: 2\n"), "f:3:1: not YAML: " + tab);
    EXPECT_EQ(problems_of("a:\n\tb: 1\n\tc: 2\n"), "f:2:1: not YAML: " + tab);
    EXPECT_EQ(problems_of("a: [\n\t1,\n\t2 ]\n"), "") << "within brackets a tab is no indentation";
}

TEST(YamlTest, what_is_no_yaml_is_told_in_words_of_the_file) {
    EXPECT_EQ(
        problems_of("a: b: c\n"),
        "f:1:5: not YAML: a value is not allowed here; check the indentation of the line, and quote a text "
        "that contains `: `\n");
    EXPECT_EQ(problems_of("a: - b\n"),
              "f:1:4: not YAML: a list cannot begin here; put each `- ` on its own line below the key\n");
    EXPECT_THAT(problems_of("a: [1, 2\n"), HasSubstr("a `[` is not closed by `]`, or a comma is missing"));
    EXPECT_THAT(problems_of("a: { b: 1\n"), HasSubstr("a `{` is not closed by `}`, or a comma is missing"));
    EXPECT_THAT(problems_of("a: ]\n"), HasSubstr("a `}` or `]` that closes nothing"));
    EXPECT_THAT(problems_of("a: @b\n"), HasSubstr("no value begins with this character; quote the text"));
}

TEST(YamlTest, the_word_null_is_a_text) {
    Problems problems;
    const ConfigNodePtr root =
        parse_yaml("module: null\nempty:\ntilde: ~\nlist: [a, null, µ, null]\n", problems);
    EXPECT_EQ(root->find("module")->value->text, "null");
    EXPECT_EQ(root->find("empty")->value->kind, ConfigNode::Kind::null);
    EXPECT_EQ(root->find("tilde")->value->kind, ConfigNode::Kind::null);
    EXPECT_EQ(root->find("list")->value->items[1]->text, "null");
    EXPECT_EQ(root->find("list")->value->items[3]->text, "null");
}

TEST(YamlTest, depth_is_bounded_with_and_without_aliases) {
    EXPECT_THAT(problems_of("a: " + std::string(100'000, '[')), StartsWith("f:1:"));
    std::string chain = "l0: &l0 [x]\n";
    for (int i = 1; i < 200; ++i)
        chain += fmt::format("l{}: &l{} [*l{}]\n", i, i, i - 1);
    EXPECT_THAT(problems_of(chain), HasSubstr("nested more than 64 deep"));
}

TEST(YamlTest, aliases_do_not_multiply_without_end) {
    std::string bomb = "l0: &l0 [x, x, x, x, x, x, x, x, x, x]\n";
    for (int i = 1; i < 12; ++i) {
        const std::string alias = fmt::format("*l{}", i - 1);
        bomb += fmt::format("l{}: &l{} [{}, {}, {}, {}, {}, {}, {}, {}]\n", i, i, alias, alias, alias, alias,
                            alias, alias, alias, alias);
    }
    EXPECT_THAT(problems_of(bomb), HasSubstr("more than 1000000 values"));
}

TEST(YamlTest, any_bytes_are_an_error_and_not_a_crash) {
    for (int seed = 0; seed < 300; ++seed) {
        std::string text = "version: 1\nbdevs: [ { name: a, module: malloc, size: 4k } ]\n";
        for (int i = 0; i < 6; ++i) {
            text[static_cast<size_t>((seed * 31 + i * 17) * 7) % text.size()] =
                static_cast<char>((seed * 13 + i * 101) % 256);
        }
        Problems problems;
        parse_yaml(text, problems);
    }
}

}  // namespace
}  // namespace bdevkit::host
