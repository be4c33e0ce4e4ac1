// SPDX-License-Identifier: BSD-3-Clause
// JSON written by modules: calls in any order, with any texts and numbers, give a well-formed document.
#include "json/json_writer.hpp"

#include <nlohmann/json.hpp>

#include "fuzz_input.hpp"

using namespace bdk::fuzz;

namespace {

void call(bdk_json_writer& writer, FuzzInput& input) {
    const auto action = input.take<uint8_t>();
    const std::string text = input.take_text((action >> 4) * 2u);
    const char* name = (action & 8) != 0 ? text.c_str() : nullptr;
    switch (action & 7) {
        case 0:
            return bdk_json_object_begin(&writer, name);
        case 1:
            return bdk_json_object_end(&writer);
        case 2:
            return bdk_json_array_begin(&writer, name);
        case 3:
            return bdk_json_array_end(&writer);
        case 4:
            return bdk_json_string(&writer, name, input.take_text(input.take<uint8_t>()).c_str());
        case 5:
            return bdk_json_u64(&writer, name, input.take<uint64_t>());
        case 6:
            return bdk_json_i64(&writer, name, input.take<int64_t>());
        default:
            return bdk_json_double(&writer, name, input.take<double>());
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    FuzzInput input(data, size);
    bdk_json_writer writer;
    while (!input.empty())
        call(writer, input);
    using Json = nlohmann::ordered_json;
    const std::string text = writer.root().dump(-1, ' ', false, Json::error_handler_t::replace);
    must_hold(!Json::parse(text, nullptr, false).is_discarded(), "what is written is JSON");
    return 0;
}
