// SPDX-License-Identifier: BSD-3-Clause
#include "errors.hpp"

#include <bdevkit/status.h>
#include <pybind11/pybind11.h>

#include "base/text.hpp"
#include "call_python.hpp"

namespace bdevkit::python {

namespace py = pybind11;

namespace {

[[noreturn]] void raise(const char* factory, const py::tuple& arguments) {
    const py::object error = call_python(import_python("bdevkit._errors").attr(factory), arguments);
    PyErr_SetObject(reinterpret_cast<PyObject*>(Py_TYPE(error.ptr())), error.ptr());
    throw py::error_already_set();
}

}  // namespace

void raise_io_error(const FailedIo& failed) {
    const py::object status =
        failed.status == 0 ? py::object(py::none()) : py::str(bdk_bdev_io_status_name(failed.status));
    raise("io_error", py::make_tuple(failed.error, status, failed.sct, failed.sc, failed.operation,
                                     failed.bdev, failed.offset, failed.length, bdk::to_utf8(failed.hint)));
}

void raise_error(int error, const std::string& message, const std::string& bdev) {
    raise("error", py::make_tuple(error, bdk::to_utf8(message), bdk::to_utf8(bdev)));
}

void raise_stack_error(const std::string& problems) {
    raise("stack_error", py::make_tuple(bdk::to_utf8(problems)));
}

}  // namespace bdevkit::python
