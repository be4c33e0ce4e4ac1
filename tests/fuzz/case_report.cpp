// SPDX-License-Identifier: BSD-3-Clause
// The output of a case's process for `bdevkit check`: a plugin that runs there can write any bytes.
#include <sstream>

#include "check/case_end.hpp"
#include "fuzz_input.hpp"

using namespace bdk::fuzz;
using namespace bdevkit::host;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    std::istringstream lines(FuzzInput(data, size).take_text(size));
    CaseEnd end;
    for (std::string line; std::getline(lines, line);)
        take_line(end, line);
    must_hold(!end.rules.contains(""), "what is told is told of a rule");
    return 0;
}
