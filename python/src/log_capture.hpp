// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <pybind11/pybind11.h>

namespace bdevkit::python {

namespace py = pybind11;

/// Captures the log for Python and counts broken rules.
void bind_log(py::module_& module);

}  // namespace bdevkit::python
