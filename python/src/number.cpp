// SPDX-License-Identifier: BSD-3-Clause
#include "number.hpp"

#include <fmt/format.h>

#include <cerrno>

#include "errors.hpp"

namespace bdevkit::python {

namespace py = pybind11;

uint64_t whole_number(const py::handle& value, const char* what, const std::string& bdev, uint64_t max) {
    const auto index = py::reinterpret_steal<py::object>(PyNumber_Index(value.ptr()));
    if (!index) {
        PyErr_Clear();
        throw py::type_error(fmt::format("{}: expected a whole number, got a value of type {}", what,
                                         py::str(py::type::of(value).attr("__name__")).cast<std::string>()));
    }
    const uint64_t number = PyLong_AsUnsignedLongLong(index.ptr());
    const bool fits = PyErr_Occurred() == nullptr && number <= max;
    if (fits) return number;
    PyErr_Clear();
    raise_error(EINVAL, fmt::format("{} {}: expected 0 to {}", what, py::str(index).cast<std::string>(), max),
                bdev);
}

}  // namespace bdevkit::python
