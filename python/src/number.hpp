// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <pybind11/pybind11.h>

#include <cstdint>
#include <string>

namespace bdevkit::python {

/// [with the GIL] Converts a caller's integer of any type with __index__, such as numpy's. Another type
/// raises TypeError; a number below 0 or above `max` raises bdevkit.Error with EINVAL. pybind11's own message
/// would show C++ signatures. @param what name of the number: "offset" @param bdev the bdev concerned; may be
/// empty
uint64_t whole_number(const pybind11::handle& value, const char* what, const std::string& bdev = {},
                      uint64_t max = UINT64_MAX);

}  // namespace bdevkit::python
