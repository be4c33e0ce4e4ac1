// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <map>
#include <string>

namespace bdk::test {

/// Every function that the C headers of the ABI declare, with the place that the declaration's own comment
/// names, such as "app thread"; "" where the comment names none.
std::map<std::string, std::string> declared_functions();

}  // namespace bdk::test
