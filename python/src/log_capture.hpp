// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <pybind11/pybind11.h>

namespace bdevkit::python {

namespace py = pybind11;

/// The log in Python's hands, and how many rules were broken.
void bind_log(py::module_& module);

}  // namespace bdevkit::python
