// SPDX-License-Identifier: BSD-3-Clause
#include "stack/graph.hpp"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "stack/stack_file.hpp"
#include "stack/stack_test_modules.hpp"

namespace bdevkit::host {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

Stack read(const std::string& text, bool with_finder = false) {
    Problems problems;
    const StackFile file = parse_stack_file(text, "s.yaml", "/stacks", problems);
    Stack stack = resolve_stack(file, test_module_list(with_finder), problems);
    EXPECT_EQ(problems.format("s.yaml"), "");
    return stack;
}

constexpr const char* two_exports = R"(
version: 1
bdevs:
  - { name: top, module: layer, base: mid }
  - { name: mid, module: raid, bases: [a, b], log: a }
  - { name: a, module: disk, size: 64MiB, key: hush }
  - { name: b, module: disk, size: 1GiB, block_size: 4096 }
  - { name: spare, module: disk, size: 1k }
frontends:
  - nbd: { listen: "unix:/x.sock", exports: [ { bdev: b }, { bdev: top, name: t, read_only: true } ] }
)";

TEST(GraphTest, text_is_a_tree_below_each_frontend) {
    EXPECT_EQ(draw_text(read(two_exports)),
              "nbd  unix:/x.sock\n"
              "├─ b  disk  (size 1GiB, block_size 4096)\n"
              "└─ top  layer  [as 't', read-only]\n"
              "   └─ mid  raid\n"
              "      ├─ bases: a  disk  (size 64MiB)\n"
              "      ├─ bases: b  disk  (size 1GiB, block_size 4096)\n"
              "      └─ log: a  disk  (size 64MiB)\n"
              "spare  disk  (size 1k)\n");
}

TEST(GraphTest, a_base_that_examine_makes_is_drawn_as_such) {
    const Stack stack =
        read("version: 1\nplugins: { examine: [finder] }\nbdevs: [ { name: x, module: layer, base: p1 } ]\n",
             true);
    EXPECT_EQ(draw_text(stack), "x  layer\n└─ p1  (made by examination)\n");
    EXPECT_THAT(draw_dot(stack), HasSubstr("p1\\n(made by examination)"));
}

TEST(GraphTest, a_part_is_drawn_with_what_makes_it) {
    const Stack stack = read(R"(
version: 1
bdevs:
  - { name: top, module: writer, base: sp1 }
  - { name: s, module: slice, base: d, count: 2 }
  - { name: d, module: disk, size: 1k }
frontends:
  - nbd: { listen: "unix:/x.sock", exports: [ { bdev: top }, { bdev: sp0 } ] }
)");
    EXPECT_EQ(draw_text(stack),
              "nbd  unix:/x.sock\n"
              "├─ top  writer\n"
              "│  └─ sp1  of 's',  slice  (count 2)\n"
              "│     └─ d  disk  (size 1k)\n"
              "└─ sp0  of 's',  slice  (count 2)\n"
              "   └─ d  disk  (size 1k)\n");
    EXPECT_THAT(draw_dot(stack), HasSubstr("b2 -> b1 [label=\"base: sp1\"]"));
    EXPECT_THAT(draw_mermaid(stack), HasSubstr("f0 -->|\"sp0: sp0\"| b1"));
}

TEST(GraphTest, no_text_of_the_file_breaks_a_drawing) {
    const Stack stack =
        read("version: 1\nbdevs: [ { name: d, module: disk, size: 1k, file: \"a\xff\\n\\e[2J\" } ]\n");
    EXPECT_EQ(draw_text(stack), "d  disk  (size 1k, file a\uFFFD\\n\\x1b[2J)\n");
    EXPECT_THAT(draw_dot(stack), HasSubstr("file a\uFFFD\\\\n\\\\x1b[2J"));
    EXPECT_THAT(draw_mermaid(stack), HasSubstr("file a\uFFFD\\n\\x1b[2J"));
}

TEST(GraphTest, dot_and_mermaid_name_every_vertex_once) {
    const Stack stack = read(two_exports);
    const std::string dot = draw_dot(stack);
    EXPECT_THAT(dot, HasSubstr("digraph stack {"));
    EXPECT_THAT(dot, HasSubstr("b0 [label=\"a\\ndisk\\nsize 64MiB\"];"));
    EXPECT_THAT(dot, HasSubstr("f0 [label=\"nbd\\nunix:/x.sock\", shape=cds];"));
    EXPECT_THAT(dot, HasSubstr("[label=\"t, read-only\"];"));
    const std::string mermaid = draw_mermaid(stack);
    EXPECT_THAT(mermaid, HasSubstr("flowchart TD\n"));
    EXPECT_THAT(mermaid, HasSubstr("    b0[\"a<br/>disk<br/>size 64MiB\"]\n"));
    EXPECT_THAT(mermaid, HasSubstr("f0([\"nbd<br/>unix:/x.sock\"])"));
}

TEST(GraphTest, no_format_shows_a_secret) {
    const Stack stack = read(two_exports);
    for (const std::string& text :
         {draw_text(stack), draw_dot(stack), draw_mermaid(stack), graph_to_json(stack).dump()}) {
        EXPECT_THAT(text, Not(HasSubstr("hush")));
    }
}

TEST(GraphTest, json_holds_edges_and_exports) {
    const nlohmann::json json = graph_to_json(read(two_exports));
    EXPECT_EQ(json["bdevs"].size(), 5u);
    EXPECT_EQ(json["bdevs"].back()["name"], "spare");
    EXPECT_EQ(json["frontends"][0]["exports"][1],
              (nlohmann::json{{"bdev", "top"}, {"name", "t"}, {"description", ""}, {"read_only", true}}));
}

TEST(GraphTest, a_drawing_that_shares_without_end_is_cut) {
    std::string text = "version: 1\nbdevs:\n  - { name: b0, module: disk, size: 1k }\n";
    for (int i = 1; i < 40; ++i) {
        text += fmt::format("  - {{ name: b{0}, module: raid, bases: [b{1}, b{1}] }}\n", i, i - 1);
    }
    EXPECT_THAT(draw_text(read(text)), HasSubstr("... and more"));
}

}  // namespace
}  // namespace bdevkit::host
