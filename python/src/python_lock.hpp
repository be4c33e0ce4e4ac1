// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <pybind11/pybind11.h>

#include <optional>

namespace bdevkit::python {

namespace py = pybind11;

/// The GIL, for a reactor that calls into Python. A host that could not be stopped runs on while the
/// interpreter ends; whoever asks for the GIL then would be killed by it. So the way into Python is closed
/// first, and a callback that comes later does without Python.
class PythonLock {
public:
    PythonLock();
    ~PythonLock();
    PythonLock(const PythonLock&) = delete;
    PythonLock& operator=(const PythonLock&) = delete;

    /// False: the interpreter ends, and nothing of Python may be touched.
    explicit operator bool() const { return gil_.has_value(); }

    /// [with the GIL] Lets nobody in any more, and waits, without the GIL and for some seconds at most, for
    /// those who are inside.
    static void close();

private:
    std::optional<py::gil_scoped_acquire> gil_;
};

}  // namespace bdevkit::python
