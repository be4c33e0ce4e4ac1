// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <pybind11/pybind11.h>

#include <optional>

namespace bdevkit::python {

namespace py = pybind11;

/// The GIL, for a reactor that calls into Python. A host that could not be stopped runs on while the
/// interpreter exits, and a thread that requests the GIL then would be killed. So Python is closed to
/// reactors first, and later callbacks do without Python.
class PythonLock {
public:
    PythonLock();
    ~PythonLock();
    PythonLock(const PythonLock&) = delete;
    PythonLock& operator=(const PythonLock&) = delete;

    /// False: the interpreter is exiting, and Python must not be used.
    explicit operator bool() const { return gil_.has_value(); }

    /// [with the GIL] Refuses further threads, and waits without the GIL, for some seconds at most, for
    /// threads inside.
    static void close();

private:
    std::optional<py::gil_scoped_acquire> gil_;
};

}  // namespace bdevkit::python
