// SPDX-License-Identifier: BSD-3-Clause
#include "json/json_writer.hpp"

#include <gtest/gtest.h>

#include <limits>

namespace {

TEST(JsonWriter, WritesNestedValues) {
    bdk_json_writer w;
    bdk_json_string(&w, "name", "disk");
    bdk_json_object_begin(&w, "limits");
    bdk_json_u64(&w, "max", std::numeric_limits<uint64_t>::max());
    bdk_json_i64(&w, "min", -1);
    bdk_json_object_end(&w);
    bdk_json_array_begin(&w, "types");
    bdk_json_string(&w, nullptr, "read");
    bdk_json_bool(&w, nullptr, true);
    bdk_json_array_end(&w);
    bdk_json_string(&w, "none", nullptr);
    bdk_json_double(&w, "ratio", std::numeric_limits<double>::quiet_NaN());
    EXPECT_EQ(w.root().dump(),
              R"({"name":"disk","limits":{"max":18446744073709551615,"min":-1},"types":["read",true],)"
              R"("none":null,"ratio":null})");
}

TEST(JsonWriter, LeavesOutWhatDoesNotFit) {
    bdk_json_writer w;
    bdk_json_array_end(&w);
    bdk_json_u64(&w, nullptr, 1);
    bdk_json_object_begin(&w, nullptr);
    bdk_json_u64(&w, "lost", 1);
    bdk_json_object_end(&w);
    bdk_json_array_begin(&w, "list");
    bdk_json_u64(&w, "named", 1);
    bdk_json_u64(&w, nullptr, 2);
    bdk_json_array_end(&w);
    EXPECT_EQ(w.root().dump(), R"({"list":[2]})");
}

}  // namespace
