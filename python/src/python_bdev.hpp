// SPDX-License-Identifier: BSD-3-Clause
// Bdevs whose I/O is handled by a Python object.
#pragma once

#include <bdevkit/bdev_module.h>
#include <pybind11/pybind11.h>

namespace bdevkit::python {

namespace py = pybind11;

/// [app thread, with the GIL] Registers a bdev for the Python object. Its attributes describe the bdev:
/// `base`, the name of a base or None; after its `_setup()`, `block_size`, `num_blocks`, `_io_types`,
/// `write_cache`. @return 0 or a negative errno; throws the exception that Python raised
int create_python_bdev(const bdk_module* module, const char* name, const py::object& object);

/// [app thread, with the GIL] The object of such a bdev.
py::handle python_object_of(const bdk_bdev* bdev);

/// [with the GIL] Logs a Python exception: an OSError in one line, any other with its traceback. @return the
/// corresponding negative errno
int log_exception(py::error_already_set& error, const char* module, const char* callback);

void bind_python_bdev(py::module_& module);

}  // namespace bdevkit::python
