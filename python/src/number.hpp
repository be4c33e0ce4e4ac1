// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <pybind11/pybind11.h>

#include <cstdint>
#include <string>

namespace bdevkit::python {

/// [with the GIL] A whole number that a caller of ours gave, of any type that has __index__, as numpy's. What
/// is no such number raises TypeError, what is below 0 or above `max` bdevkit.Error with EINVAL: pybind11's
/// own message would show C++ signatures.
/// @param what  that it is: "offset"
/// @param bdev  that it is about; may be empty
uint64_t whole_number(const pybind11::handle& value, const char* what, const std::string& bdev = {},
                      uint64_t max = UINT64_MAX);

}  // namespace bdevkit::python
