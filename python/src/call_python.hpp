// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <pybind11/pybind11.h>

namespace bdevkit::python {

namespace py = pybind11;

/// [with the GIL] callable(*arguments). Python's code gives the GIL to other threads now and then. A thread
/// that cannot have it back, as the interpreter ends, is parked here (python_lock.hpp): the caller's objects
/// of Python stay as they are.
py::object call_python(const py::object& callable, const py::tuple& arguments);

/// [with the GIL] The module of that name. Imports run Python's code, too.
py::module_ import_python(const char* name);

}  // namespace bdevkit::python
