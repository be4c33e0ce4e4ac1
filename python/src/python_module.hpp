// SPDX-License-Identifier: BSD-3-Clause
// Modules written in Python, with tables like those of plugins.
#pragma once

#include <bdevkit/module.h>
#include <pybind11/pybind11.h>

#include <vector>

namespace bdevkit::python {

namespace py = pybind11;

/// [with the GIL] The tables of the registered modules. They are valid until the process exits.
std::vector<const bdk_module*> python_modules();

void bind_modules(py::module_& module);

}  // namespace bdevkit::python
