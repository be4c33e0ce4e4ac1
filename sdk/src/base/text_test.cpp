// SPDX-License-Identifier: BSD-3-Clause
#include "base/text.hpp"

#include <gtest/gtest.h>

namespace bdk {
namespace {

TEST(TextTest, valid_utf8_stays_as_it_is) {
    for (const char* text : {"", "disk0", "Zoë", "磁盘", "💾", "\x7f", "a\nb"})
        EXPECT_EQ(to_utf8(text), text);
}

TEST(TextTest, a_byte_that_is_no_part_of_utf8_is_replaced) {
    const std::string mark = "\uFFFD";
    EXPECT_EQ(to_utf8("a\xff"), "a" + mark);
    EXPECT_EQ(to_utf8("\x80z"), mark + "z");
    EXPECT_EQ(to_utf8("\xc3"), mark) << "cut short";
    EXPECT_EQ(to_utf8("\xc3 "), mark + " ") << "no continuation";
    EXPECT_EQ(to_utf8("\xc0\xaf"), mark + mark) << "an overlong form of /";
    EXPECT_EQ(to_utf8("\xe0\x80\xaf"), mark + mark + mark) << "another one";
    EXPECT_EQ(to_utf8("\xed\xa0\x80"), mark + mark + mark) << "half a pair of UTF-16";
    EXPECT_EQ(to_utf8("\xf4\x90\x80\x80"), mark + mark + mark + mark) << "beyond U+10FFFF";
}

TEST(TextTest, printable_text_is_one_line_without_control_characters) {
    EXPECT_EQ(printable("a\x1b[2Jb"), "a\\x1b[2Jb");
    EXPECT_EQ(printable("a\r\n\tb\x7f"), "a\\r\\n\\tb\\x7f");
    EXPECT_EQ(printable(std::string_view("\0", 1)), "\\x00");
    EXPECT_EQ(printable("\u009b2J"), "\\u009b2J") << "C1, which terminals obey, too";
    EXPECT_EQ(printable("a\u202eb\u2028c"), "a\\u202eb\\u2028c");
    EXPECT_EQ(printable("back\\slash, Zoë"), "back\\slash, Zoë");
    EXPECT_EQ(printable("\xff\x1b"), "\uFFFD\\x1b");
}

TEST(TextTest, printable_lines_keep_their_ends) {
    EXPECT_EQ(printable_lines("a\n\tb\x1b\r\n"), "a\n\tb\\x1b\\r\n");
}

TEST(TextTest, json_keeps_its_meaning) {
    EXPECT_EQ(printable_json("{\n  \"a\": \"\u009b\x7f\"\n}"), "{\n  \"a\": \"\\u009b\\u007f\"\n}");
}

TEST(TextTest, a_text_is_shortened_between_characters) {
    EXPECT_EQ(shortened("abc", 5), "abc");
    EXPECT_EQ(shortened("abc", 2), "ab");
    EXPECT_EQ(shortened("aé", 2), "a");
    EXPECT_EQ(shortened("é", 1), "");
    EXPECT_EQ(shortened("\x80\x80\x80", 2), "");
}

TEST(TextTest, a_name_is_utf8_without_control_characters) {
    for (const char* name : {"disk", "a b", "Zoë/p1", "💾"})
        EXPECT_EQ(wrong_in_name(name), nullptr) << name;
    EXPECT_STREQ(wrong_in_name("a\xff"), "is not UTF-8");
    EXPECT_STREQ(wrong_in_name("a\x1b\xff"), "is not UTF-8");
    for (const char* name : {"a\n", "\x7f", "\u0085", "a\u202e"})
        EXPECT_STREQ(wrong_in_name(name), "has a control character") << name;
}

}  // namespace
}  // namespace bdk
