// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <pybind11/pybind11.h>

namespace bdevkit::python {

namespace py = pybind11;

void bind_host(py::module_& module);

}  // namespace bdevkit::python
